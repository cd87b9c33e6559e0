"""How often a sign-in may fail: per name and per address, within a quarter of an hour.

An attempt counts before the password is looked at, so that many at once are no way around.
"""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from chappe.frontend.models import Failure

WINDOW: Final = timedelta(minutes=15)
#: Attempts within the window that fail before nobody is listened to any more.
OF_NAME: Final = 8
OF_ADDRESS: Final = 30


def may_try(name: str, address: str) -> bool:
    """Whether an attempt is let through; it counts as failed until `forgive`."""
    now = timezone.now()
    with transaction.atomic():
        Failure.objects.filter(at__lt=now - WINDOW).delete()
        for key, most in _limits(name, address):
            if Failure.objects.filter(key=key).count() >= most:
                return False
        Failure.objects.bulk_create([Failure(key=key, at=now) for key, _ in _limits(name, address)])
    return True


def forgive(name: str, address: str) -> None:
    """The attempt was good: what this name failed before is forgotten, and one attempt of this address."""
    with transaction.atomic():
        Failure.objects.filter(key=f"name:{name.casefold()}").delete()
        last = Failure.objects.filter(key=f"address:{address}").order_by("-id").first()
        if last is not None:
            last.delete()


def _limits(name: str, address: str) -> tuple[tuple[str, int], ...]:
    return ((f"name:{name.casefold()[:60]}", OF_NAME), (f"address:{address}", OF_ADDRESS))
