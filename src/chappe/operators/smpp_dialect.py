"""SMPP as an operator node speaks it when it sends."""

from typing import Final

from chappe.operators.dialect import Dialect
from chappe.operators.translate import submit_of, submits_of
from chappe.wire.smpp.statuses import CommandStatus, status_name

SMPP: Final = Dialect(
    submit_of,
    submits_of,
    status_name,
    error_of=lambda status: f"{status & 0xFFF:03X}",
    unwritable_status=CommandStatus.ESME_RSUBMITFAIL,
)
