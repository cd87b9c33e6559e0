"""People, how they signed in, and what they did: the tables of `frontend.db`.

They must never hold a message, nor anything that belongs to the gateway.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

from chappe.frontend.roles import Role

MAX_NAME = 60


class People(BaseUserManager):
    """Makes and finds people."""

    def make(self, name: str, password: str | None, role: str, client: str = "") -> Person:
        """Somebody new; without a password they cannot sign in until one is set."""
        person = Person(name=name, role=role, client=client)
        person.set_password(password)
        person.save()
        return person


class Person(AbstractBaseUser):
    """Somebody who may sign in."""

    name = models.CharField(max_length=MAX_NAME, unique=True)
    role = models.CharField(max_length=20, default=Role.VIEWER.value)
    #: Whose user this is, for the role `client`.
    client = models.CharField(max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    #: The password came from somebody else and is good for one thing: to choose one's own.
    must_change = models.BooleanField(default=False)
    #: Base 32; empty while the person has no authenticator.
    totp_secret = models.CharField(max_length=64, blank=True)
    #: The last step of 30 seconds whose code was used: none is good twice.
    totp_step = models.BigIntegerField(default=0)
    made_at = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "name"
    objects = People()

    class Meta:
        ordering = ("name",)

    @property
    def has_totp(self) -> bool:
        """Whether signing in takes a code of an authenticator."""
        return bool(self.totp_secret)

    @property
    def is_staff_here(self) -> bool:
        """Whether this person sees the gateway as a whole."""
        return bool(self.role != Role.CLIENT)

    @property
    def sees_numbers(self) -> bool:
        """Whether handsets' numbers and texts are shown whole."""
        return bool(self.role != Role.VIEWER)

    @property
    def has_hands(self) -> bool:
        """Whether this person may ask the gateway for something."""
        return self.role in (Role.OPERATOR, Role.ADMINISTRATOR)

    @property
    def is_head(self) -> bool:
        """Whether this person looks after people."""
        return bool(self.role == Role.ADMINISTRATOR)


class RecoveryCode(models.Model):
    """A code that stands in for a lost authenticator, once; only its digest is kept."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)


class SignIn(models.Model):
    """One session: whose, from where, since when.  Without its row a session is over."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True)
    address = models.CharField(max_length=45)
    agent = models.CharField(max_length=200)
    began_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-seen_at",)


class Failure(models.Model):
    """A sign-in that failed, under what limits count: `name:…` or `address:…`."""

    key = models.CharField(max_length=120, db_index=True)
    at = models.DateTimeField(default=timezone.now)


class AuditEntry(models.Model):
    """What somebody did here.  Entries are added, never changed."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    who = models.CharField(max_length=MAX_NAME)
    address = models.CharField(max_length=45, blank=True)
    what = models.CharField(max_length=60)
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)

    def save(self, *values: Any, **named: Any) -> None:
        """Add it.  Raises: TypeError for one that is there already."""
        if self.pk is not None:
            raise TypeError("an audit entry is never changed")
        super().save(*values, **named)


def new_codes(person: Person, many: int = 10) -> list[str]:
    """Fresh recovery codes in place of all earlier ones; they can be read this once."""
    from chappe.frontend.codes import digest_of

    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(many)]
    person.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create([RecoveryCode(person=person, digest=digest_of(each)) for each in codes])
    return codes
