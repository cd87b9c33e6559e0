"""UCP as an operator node speaks it when it sends."""

from typing import Final

from chappe.operators.dialect import Dialect
from chappe.operators.ucp_translate import submit_of, submits_of
from chappe.rules.failure import UCP_ERROR
from chappe.wire.ucp.codec import Ack, Result
from chappe.wire.ucp.constants import ErrorCode, error_name

UCP: Final = Dialect(
    submit_of,
    submits_of,
    error_name,
    error_of=lambda status: f"{UCP_ERROR}{status % 100:02}",
    unwritable_status=ErrorCode.SYNTAX_ERROR,
)


def outcome_of(result: Result) -> tuple[int, str]:
    """The status, 0 for yes, and the reference: `recipient:SCTS`."""
    if isinstance(result, Ack):
        return 0, result.sm.strip()
    # A nack is no yes, whatever its number.
    return result.ec or ErrorCode.NOT_SUCCESSFUL, ""
