import pytest

from chappe.wire.smpp.statuses import VENDOR_STATUSES, CommandStatus, status_name

#: The table of SMPP 3.4 §5.1.3 and SMPP 5.0 §4.7.6, without the prefix ESME_R that all have.
TABLE = """
00 OK           01 INVMSGLEN    02 INVCMDLEN    03 INVCMDID      04 INVBNDSTS     05 ALYBND        06 INVPRTFLG
07 INVREGDLVFLG 08 SYSERR       0A INVSRCADR    0B INVDSTADR     0C INVMSGID      0D BINDFAIL      0E INVPASWD
0F INVSYSID     11 CANCELFAIL   13 REPLACEFAIL  14 MSGQFUL       15 INVSERTYP     33 INVNUMDESTS   34 INVDLNAME
40 INVDESTFLAG  42 INVSUBREP    43 INVESMCLASS  44 CNTSUBDL      45 SUBMITFAIL    48 INVSRCTON     49 INVSRCNPI
50 INVDSTTON    51 INVDSTNPI    53 INVSYSTYP    54 INVREPFLAG    55 INVNUMMSGS    58 THROTTLED     61 INVSCHED
62 INVEXPIRY    63 INVDFTMSGID  64 X_T_APPN     65 X_P_APPN      66 X_R_APPN      67 QUERYFAIL
C0 INVOPTPARSTREAM  C1 OPTPARNOTALLWD  C2 INVPARLEN  C3 MISSINGOPTPARAM  C4 INVOPTPARAMVAL
FE DELIVERYFAILURE  FF UNKNOWNERR  100 SERTYPUNAUTH  101 PROHIBITED  102 SERTYPUNAVAIL  103 SERTYPDENIED  104 INVDCS
105 INVSRCADDRSUBUNIT  106 INVDSTADDRSUBUNIT  107 INVBCASTFREQINT  108 INVBCASTALIAS_NAME  109 INVBCASTAREAFMT
10A INVNUMBCAST_AREAS  10B INVBCASTCNTTYPE  10C INVBCASTMSGCLASS  10D BCASTFAIL  10E BCASTQUERYFAIL
10F BCASTCANCELFAIL  110 INVBCAST_REP  111 INVBCASTSRVGRP  112 INVBCASTCHANIND
"""


def test_statuses_are_those_of_the_table() -> None:
    words = TABLE.split()

    assert {(int(status), status.name) for status in CommandStatus} == {
        (int(number, 16), f"ESME_R{name}") for number, name in zip(words[::2], words[1::2], strict=True)
    }


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
