"""The token with which the first administrator proves to be who started the gateway.

It lies in a file that only the gateway's user can read, until somebody used it.
"""

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

TOKEN_FILE: Final = "frontend.first"


def token_in(data_dir: Path) -> str:
    """The token, made when there is none."""
    path = data_dir / TOKEN_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(18)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(token + "\n")
        return token


def is_good(data_dir: Path, token: str) -> bool:
    """Whether this is the token."""
    return hmac.compare_digest(token_in(data_dir).encode(), token.encode("utf-8", "replace"))


def forget(data_dir: Path) -> None:
    """It has done its work."""
    (data_dir / TOKEN_FILE).unlink(missing_ok=True)
