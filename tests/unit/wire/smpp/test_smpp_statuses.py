import pytest

from chappe.wire.smpp.statuses import VENDOR_STATUSES, CommandStatus, status_name


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (0x00, "ESME_ROK"),
        (0x0B, "ESME_RINVDSTADR"),
        (0x14, "ESME_RMSGQFUL"),
        (0x58, "ESME_RTHROTTLED"),
        (0x64, "ESME_RX_T_APPN"),
        (0xC2, "ESME_RINVPARLEN"),
        (0xFF, "ESME_RUNKNOWNERR"),
        (0x112, "ESME_RINVBCASTCHANIND"),
    ],
)
def test_a_status_has_the_name_of_the_specification(status: int, name: str) -> None:
    assert CommandStatus(status).name == name
    assert status_name(status) == name


@pytest.mark.parametrize(("status", "name"), [(0x412, "0x00000412"), (0x09, "0x00000009"), (0xFFFFFFFF, "0xFFFFFFFF")])
def test_a_status_without_a_name_is_written_in_hexadecimal(status: int, name: str) -> None:
    assert status_name(status) == name


def test_no_status_of_the_specification_is_a_vendors() -> None:
    assert not any(status in VENDOR_STATUSES for status in CommandStatus)
    assert 0x412 in VENDOR_STATUSES
