"""Reads what strace saw of a gateway: octets read from and written to sockets, writes to the store's files, syncs.

It must never know SMPP, HTTP or SQLite: deeds come out in their order, each with its octets.
"""

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final

#: What moves octets in or out of sockets and files, and what makes files safe.
_CALLS: Final = (
    "read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,ftruncate,fdatasync,fsync,sync_file_range"
)
#: The gateway stays the child of whoever starts it (-D), threads are followed, names stand beside file numbers (-yy).
COMMAND: Final = ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-yy", "-xx", "-s", "1000000", "-e", f"trace={_CALLS}")

_CALL: Final = re.compile(r"(\w+)\(\d+<(.*?)>(?=[,)])(.*)", re.DOTALL)
_OCTET: Final = re.compile(r"\\x([0-9a-f]{2})")
_RESULT: Final = re.compile(r"\) += (-?\d+)")
_RESUMED: Final = re.compile(r"<\.\.\. \w+ resumed>")
_UNFINISHED: Final = "<unfinished ...>"
_READS: Final = frozenset({"read", "readv", "recvfrom", "recvmsg"})
_SYNCS: Final = frozenset({"fdatasync", "fsync"})


class What(Enum):
    """What was done."""

    READ = "octets came in"
    WRITE = "octets went out, or to a file"
    SYNC = "a file was made safe"
    CUT = "a file was cut to `offset` octets"


@dataclass(frozen=True, slots=True)
class Deed:
    """One call; `name` is a path or a connection, `offset` where a file was written."""

    what: What
    name: str
    octets: bytes = b""
    offset: int = 0


@cache
def why_not() -> str:
    """Why the gateway cannot be watched here; empty when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return f"strace may not trace here: {tried.stderr.strip()}" if tried.returncode else ""


def wait_until_written(log: Path) -> None:
    """A killed process is gone before strace has written all that it saw: wait for that."""
    size = -1
    for _ in range(50):
        if size == log.stat().st_size:
            return
        size = log.stat().st_size
        time.sleep(0.2)


def deeds(log: Path) -> list[Deed]:
    """All deeds in their order: a read and a sync when they ended, whatever goes out when it began."""
    done: list[Deed | None] = []
    begun: dict[str, tuple[str, int]] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            thread, _, call = line.rstrip("\n").partition(" ")
            call = call.lstrip()
            if call.endswith(_UNFINISHED):
                begun[thread] = (call.removesuffix(_UNFINISHED).rstrip(), len(done))
                # The place of what goes out; it is filled when the call's result is known.
                done.append(None)
            elif resumed := _RESUMED.match(call):
                beginning, place = begun.pop(thread)
                _enter(done, _deed(beginning + call[resumed.end() :]), place)
            else:
                _enter(done, _deed(call), None)
    for beginning, place in begun.values():
        # The process died in the middle: what was to be read or made safe was not, what went out perhaps was.
        _enter(done, _deed(f"{beginning}) = -1" if _is_told_at_its_end(beginning) else beginning), place)
    return [deed for deed in done if deed is not None]


def _enter(done: list[Deed | None], deed: Deed | None, place: int | None) -> None:
    if deed is not None and deed.what in (What.WRITE, What.CUT) and place is not None:
        done[place] = deed
    else:
        done.append(deed)


def _is_told_at_its_end(call: str) -> bool:
    return call.partition("(")[0] in _READS | _SYNCS


def _deed(call: str) -> Deed | None:
    """One call in full; None when it failed or moved nothing."""
    found = _CALL.match(call)
    if found is None:
        return None
    verb, name, rest = found.groups()
    name = _OCTET.sub(lambda octet: chr(int(octet[1], 16)), name)
    # Quotes cannot stand within octets: each of these is written as a number.
    pieces = rest.split('"')
    ending = pieces[-1]
    results = _RESULT.findall(ending)
    result = int(results[-1]) if results else None
    if result is not None and result < 0:
        return None
    if verb in _SYNCS:
        return Deed(What.SYNC, name)
    if verb == "ftruncate":
        return Deed(What.CUT, name, offset=int(rest.strip(", ").partition(")")[0]))
    octets = bytes.fromhex("".join(pieces[1::2]).replace("\\x", ""))[:result]
    if verb in _READS:
        return Deed(What.READ, name, octets) if octets else None
    offset = int(ending.partition(")")[0].rpartition(", ")[2]) if verb.startswith("pwrite") else 0
    return Deed(What.WRITE, name, octets, offset)
