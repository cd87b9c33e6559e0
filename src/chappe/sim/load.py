"""Drives whole lives through a gateway with an SMSC and a client in processes of their own, and measures them.

It must never know what the gateway is made of: it knows two addresses and, perhaps, process ids to read from /proc.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from chappe.model.errors import ResourceError
from chappe.sim.account import Account, account
from chappe.sim.latency import Latency, latency
from chappe.sim.ledger import Kind, read
from chappe.sim.options import ClientOptions, LoadOptions, SmscOptions, run_client, run_smsc

#: How long the gateway may take to bind to the SMSC, and the SMSC to end.
_BIND_PATIENCE_S: Final = 60.0
_END_PATIENCE_S: Final = 20.0
_POLL_S: Final = 0.05


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; rates per second, CPU and memory of the gateway's processes only."""

    lives: int
    seconds: float  # from the first send to the last arrival
    lives_per_s: float
    accepted_per_s: float
    taken_per_s: float
    cpu_us_per_life: float | None  # None when no process ids were given
    rss_peak_mib: float | None
    latency: Latency
    account: Account

    def as_text(self) -> str:
        """The result for people."""
        speed = (
            f"{self.lives_per_s:,.0f} lives/s · accepted {self.accepted_per_s:,.0f}/s · sent {self.taken_per_s:,.0f}/s"
        )
        lines = [f"{self.lives} lives in {self.seconds:.2f} s · {speed}"]
        if self.cpu_us_per_life is not None and self.rss_peak_mib is not None:
            lines.append(f"gateway   {self.cpu_us_per_life:.1f} µs CPU per life · peak {self.rss_peak_mib:.0f} MiB")
        lines += [
            f"response  {self.latency.response.as_text()}",
            f"to SMSC   {self.latency.to_smsc.as_text()}",
            f"receipt   {self.latency.receipt.as_text()}",
            f"life      {self.latency.life.as_text()}",
            self.account.as_text(),
        ]
        return "\n".join(lines)

    def as_json(self) -> str:
        """The result for programs."""
        result: Mapping[str, Any] = msgspec.to_builtins(self)
        sums = msgspec.json.decode(self.account.as_json())
        return msgspec.json.encode({**result, "account": sums}).decode()


def run_load(options: LoadOptions) -> LoadResult:
    """Run the lives that the options ask for and compare the ledgers.

    Raises:
        ResourceError: the gateway did not bind to the SMSC, or a simulator ended too early.
    """
    with TemporaryDirectory(prefix="chappe-load-") as own, ExitStack() as stack:
        folder = Path(options.folder or own)
        smsc_path, client_path = folder / "smsc.csv", folder / "client.csv"
        smsc = _start(stack, run_smsc, smsc_options(options, smsc_path))
        _await_binds(smsc, smsc_path, options.operator_binds)
        cpu_before_s = _cpu_s(options.pids)
        client = _start(stack, run_client, client_options(options, client_path), options.protocol)
        client.join()
        _await_takes(options, smsc_path)
        cpu_s = _cpu_s(options.pids) - cpu_before_s
        rss_peak_mib = _rss_peak_mib(options.pids)
        smsc.terminate()
        smsc.join(_END_PATIENCE_S)
        paths = (smsc_path, client_path)
        return _result(options, latency(map(read, paths)), account(map(read, paths)), cpu_s, rss_peak_mib)


def smsc_options(options: LoadOptions, ledger: Path) -> SmscOptions:
    """How the SMSC of a load run behaves."""
    return msgspec.structs.replace(options.smsc, ledger_path=str(ledger), is_quiet=True)


def client_options(options: LoadOptions, ledger: Path) -> ClientOptions:
    """How the client of a load run behaves."""
    return msgspec.structs.replace(options.client, ledger_path=str(ledger), is_quiet=True)


def _start(stack: ExitStack, target: Callable[..., int], *arguments: Any) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, daemon=True)
    process.start()
    stack.callback(_end, process)
    return process


def _end(process: SpawnProcess) -> None:
    if process.is_alive():
        process.kill()
    process.join()


def _await_binds(smsc: SpawnProcess, path: Path, wanted: int) -> None:
    deadline = time.monotonic() + _BIND_PATIENCE_S
    while _count(path, Kind.LINK_UP) < wanted:
        if not smsc.is_alive():
            raise ResourceError("the simulated SMSC ended at once; expected a free address for it")
        if time.monotonic() > deadline:
            raise ResourceError(f"the gateway did not bind {wanted} times within {_BIND_PATIENCE_S:g} s")
        time.sleep(_POLL_S)


def _await_takes(options: LoadOptions, path: Path) -> None:
    """Over HTTP the client ends with the last answer, when the SMSC may not have everything yet."""
    deadline = time.monotonic() + options.client.linger_s
    while options.protocol == "http" and time.monotonic() < deadline:
        if _count(path, Kind.SUBMIT) >= options.client.count:
            return
        time.sleep(_POLL_S)


def _count(path: Path, kind: Kind) -> int:
    mark = f",{kind.value},".encode()
    return path.read_bytes().count(mark) if path.exists() else 0


def _cpu_s(pids: Sequence[int]) -> float:
    """User and system time of the processes.  proc(5), stat fields 14 and 15, counted behind the name in brackets."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _rss_peak_mib(pids: Sequence[int]) -> float:
    return sum(_high_water_kib(Path(f"/proc/{pid}/status")) for pid in pids) / 1024


def _high_water_kib(status: Path) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))


def _result(options: LoadOptions, times: Latency, sums: Account, cpu_s: float, rss_peak_mib: float) -> LoadResult:
    lives = sums.accepted
    return LoadResult(
        lives=lives,
        seconds=(times.ended_ns - times.began_ns) / 1e9,
        lives_per_s=_rate(lives, times.began_ns, times.ended_ns),
        accepted_per_s=_rate(lives, times.began_ns, times.accepted_ns),
        taken_per_s=_rate(lives, times.began_ns, times.taken_ns),
        cpu_us_per_life=cpu_s * 1e6 / lives if options.pids and lives else None,
        rss_peak_mib=rss_peak_mib if options.pids else None,
        latency=times,
        account=sums,
    )


def _rate(count: int, began_ns: int, ended_ns: int) -> float:
    return count * 1e9 / (ended_ns - began_ns) if ended_ns > began_ns else 0.0
