import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from argon2 import PasswordHasher

from chappe.clients.passwords import ATTEMPTS, ATTEMPTS_WITHIN_S, Passwords, TooManyAttempts

#: Cheap parameters: what is tested is who is asked how often, not argon2.
HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
WHO = ("acme", "192.0.2.1")


class Counted(Passwords):
    """Counts what the pool was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def _argon2(self, given: str, hashed: str) -> bool:
        self.asked += 1
        return super()._argon2(given, hashed)


def ask(passwords: Passwords, given: str, *, now: float = 0.0, who: tuple[str, str] = WHO) -> Coroutine[Any, Any, bool]:
    return passwords.is_right(given, plain=None, hashed=HASHED, who=who, now=now)


def test_right_password_is_right_and_hashed_only_once() -> None:
    async def run() -> tuple[list[bool], int]:
        passwords = Counted()
        answers = [await ask(passwords, "secret") for _ in range(3)]
        passwords.close()
        return answers, passwords.asked

    assert asyncio.run(run()) == ([True] * 3, 1)


def test_many_binds_at_once_with_one_password_are_one_check() -> None:
    async def run() -> tuple[list[bool], int]:
        passwords = Counted()
        answers = await asyncio.gather(*(ask(passwords, "secret") for _ in range(50)))
        passwords.close()
        return list(answers), passwords.asked

    assert asyncio.run(run()) == ([True] * 50, 1)


def test_flood_of_different_passwords_reaches_the_pool_only_as_often_as_attempts_are_allowed() -> None:
    async def run() -> tuple[list[object], int]:
        passwords = Counted()
        asked = [ask(passwords, f"wrong {number}") for number in range(50)]
        answers: list[object] = list(await asyncio.gather(*asked, return_exceptions=True))
        passwords.close()
        return answers, passwords.asked

    answers, asked = asyncio.run(run())
    assert asked == ATTEMPTS
    assert answers[:ATTEMPTS] == [False] * ATTEMPTS
    assert all(isinstance(answer, TooManyAttempts) for answer in answers[ATTEMPTS:])


def test_attempts_are_counted_per_client_and_address_and_forgotten_in_time() -> None:
    async def run() -> None:
        passwords = Passwords()
        for number in range(ATTEMPTS):
            assert not await ask(passwords, f"wrong {number}")

        with pytest.raises(TooManyAttempts):
            await ask(passwords, "secret", now=ATTEMPTS_WITHIN_S - 1)
        assert await ask(passwords, "secret", who=("acme", "192.0.2.2"))
        assert await ask(passwords, "secret", now=ATTEMPTS_WITHIN_S)
        passwords.close()

    asyncio.run(run())


def test_plain_password_is_compared_without_the_pool() -> None:
    async def run() -> tuple[bool, bool, int]:
        passwords = Counted()
        right = await passwords.is_right("secret", plain="secret", hashed=None, who=WHO, now=0.0)
        wrong = await passwords.is_right("Secret", plain="secret", hashed=None, who=WHO, now=0.0)
        passwords.close()
        return right, wrong, passwords.asked

    assert asyncio.run(run()) == (True, False, 0)


def test_client_without_any_password_lets_nobody_in() -> None:
    async def run() -> bool:
        passwords = Passwords()
        answer = await passwords.is_right("", plain=None, hashed=None, who=WHO, now=0.0)
        passwords.close()
        return answer

    assert asyncio.run(run()) is False
