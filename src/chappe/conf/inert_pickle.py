"""Reads pickles of other programs without running anything of them: their classes become empty shells.

It must never import what a pickle names, nor call it.
"""

import io
import pickle
from typing import Any, Final

from chappe.model.errors import SettingsError

#: What a shell may hold is data alone.
_SAFE: Final = frozenset({("builtins", "set"), ("builtins", "frozenset"), ("builtins", "dict"), ("builtins", "list")})


class Shell:
    """An object of a foreign class: its arguments and its attributes."""

    class_name = ""

    def __new__(cls, *args: Any, **keys: Any) -> "Shell":
        shell = super().__new__(cls)
        shell.args = args
        return shell

    def __init__(self, *args: Any, **keys: Any) -> None:
        self.args: tuple[Any, ...]

    def __setstate__(self, state: Any) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update({str(key): value for key, value in part.items()})

    def get(self, name: str, otherwise: Any = None) -> Any:
        """An attribute, if the pickle had it."""
        return self.__dict__.get(name, otherwise)

    # A foreign class may be one of lists or of dictionaries.
    def append(self, value: Any) -> None:
        """Take no notice."""

    def extend(self, values: Any) -> None:
        """Take no notice."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Take no notice."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _SAFE:
            return super().find_class(module, name)
        if (module, name) in (("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor")):
            return _reconstructed
        return type(name, (Shell,), {"class_name": name})


def _reconstructed(kind: Any, base: Any, state: Any) -> Any:
    return kind() if isinstance(kind, type) and issubclass(kind, Shell) else None


def loads(octets: bytes, where: str) -> Any:
    """What a pickle holds: plain values and shells.  Raises: SettingsError."""
    try:
        return _Unpickler(io.BytesIO(octets)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError, ImportError,
            UnicodeDecodeError, MemoryError, RecursionError, OverflowError) as error:  # fmt: skip
        raise SettingsError(f"{where}: is no pickle that can be read: {error}") from error
