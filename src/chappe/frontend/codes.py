"""Codes of authenticators (RFC 6238) and the recovery codes that stand in for one.

A code is good once: the step of time that it belongs to is noted in the same statement that accepts it.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Final

import pyotp

if TYPE_CHECKING:
    from chappe.frontend.models import Person

#: Steps of 30 seconds by which a phone's clock may be off.
DRIFT_STEPS: Final = 1
_STEP_S: Final = 30


def uri_of(person: Person, secret: str) -> str:
    """What the picture for an authenticator says."""
    return pyotp.TOTP(secret).provisioning_uri(name=person.name, issuer_name="Chappe")


def step_of(secret: str, code: str, now_s: float | None = None) -> int:
    """The step of time whose code this is; 0 for none."""
    digits = code.replace(" ", "")
    if not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        return 0
    now = int((time.time() if now_s is None else now_s) // _STEP_S)
    totp = pyotp.TOTP(secret)
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if hmac.compare_digest(totp.at(step * _STEP_S), digits):
            return step
    return 0


def is_good(person: Person, code: str) -> bool:
    """Whether this code lets the person in; it is used up by that."""
    from chappe.frontend.models import Person as People

    step = step_of(person.totp_secret, code)
    if step:
        # One statement: of two requests with the same code one changes a row.
        return bool(People.objects.filter(pk=person.pk, totp_step__lt=step).update(totp_step=step))
    return bool(person.recovery_codes.filter(digest=digest_of(code)).delete()[0])


def digest_of(code: str) -> str:
    """A recovery code as it is kept.  48 random bits need no slow hash."""
    plain = "".join(each for each in code.lower() if each.isalnum())
    return hashlib.sha256(f"chappe recovery {plain}".encode()).hexdigest()
