"""Signatures of callbacks, checked by the library of those who wrote the standard."""

import base64
import time

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from chappe.wire.http.signing import read_secret, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLDER = "whsec_" + base64.b64encode(b"an older secret of 24 oct").decode()
BODY = '{"type":"message.status","text":"šķūnis"}'.encode()


def headers(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    now = int(time.time())
    keys = [read_secret(each) for each in secrets]
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign(keys, "msg_1", now, body),
    }


def test_a_receiver_with_the_standard_library_verifies_a_callback() -> None:
    Webhook(SECRET).verify(BODY, headers(SECRET))


def test_while_a_secret_changes_receivers_with_either_one_verify() -> None:
    both = headers(SECRET, OLDER)

    Webhook(SECRET).verify(BODY, both)
    Webhook(OLDER).verify(BODY, both)


def test_another_body_is_not_what_was_signed() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY + b" ", headers(SECRET))


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!", "whsec_abc"])
def test_a_secret_that_is_no_base64_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="whsec_ and base64"):
        read_secret(text)


def test_a_secret_may_come_without_its_prefix() -> None:
    assert read_secret(SECRET.removeprefix("whsec_")) == read_secret(SECRET)
