"""CPU that groups of processes have used, ended children included; read from /proc.  It must never know whose."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TICKS_S = 1 / os.sysconf("SC_CLK_TCK")


class Used(NamedTuple):
    """Seconds of CPU: as programs, and in the kernel for them."""

    user_s: float
    system_s: float

    @property
    def total_s(self) -> float:
        """Both together."""
        return self.user_s + self.system_s


def of_process(pid: int, *, with_ended: bool = False) -> Used:
    """One process; `with_ended` adds its children that have ended.  Nothing when it has gone."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        user, system, ended_user, ended_system = (int(each) * _TICKS_S for each in fields[11:15])
        return Used(user + ended_user * with_ended, system + ended_system * with_ended)
    return Used(0, 0)


def of_tree(pid: int) -> Used:
    """A process and all that it has started."""
    all_of_them = [of_process(pid, with_ended=True), *map(of_tree, children(pid))]
    return Used(sum(each.user_s for each in all_of_them), sum(each.system_s for each in all_of_them))


def children(pid: int) -> list[int]:
    """The children that live."""
    with suppress(OSError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(each) for task in tasks for each in (task / "children").read_text(encoding="ascii").split()]
    return []


def resident_mib(pid: int) -> int:
    """Memory of one process."""
    with suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // (1 << 20)
    return 0


def machine_busy_s() -> tuple[float, float]:
    """Seconds that all cores of the machine were busy and idle since it started."""
    fields = [
        int(each) * _TICKS_S for each in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    ]
    idle = fields[3] + fields[4]
    return sum(fields[:8]) - idle, idle
