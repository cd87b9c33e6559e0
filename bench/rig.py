"""What is measured and what plays its peers: a PostgreSQL server, one box, a client and an SMSC around it.

The peers are a load generator in C, if `--generator` names one, else the project's own simulators, which are written in
Python and take far more of the machine.  It must never know what a measurement is about.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import cpu

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from chappe.sim.ledger import Kind, read
from ports import free_port
from postgres_server import PostgresServer, Reached, own_server

#: What a server for this load is given; docs/scaling.md says why.
SERVER = {
    "shared_buffers": "2GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "wal_buffers": "64MB",
    "wal_compression": "off",
    "wal_level": "replica",
    "autovacuum_naptime": "5s",
    "autovacuum_max_workers": "3",
}
PATIENCE_S = 60.0
OPERATOR_LINKS = 4
PERIOD_US = 10_000
OPERATOR_WINDOW = 1_000

_SETTINGS = """
[gateway]
data_dir = "{folder}/data"
store = "{dsn}"
box = "bench"
nodes = {nodes}
{single_copy}
[listen]
smpp = "127.0.0.1:{smpp}"
http = "127.0.0.1:{http}"
metrics = "127.0.0.1:{metrics}"
frontend = "off"
[[operators]]
name = "{main}"
address = "127.0.0.1:{operator}"
system_id = "chappe"
password = "secret"
binds = {links}
window = {window}
[[operators]]
name = "{other}"
address = "127.0.0.1:{asleep}"
system_id = "chappe"
password = "secret"
[[clients]]
name = "acme"
queue_limit = 100000000
[clients.smpp]
system_id = "acme"
password = "secret"
max_binds = 100
window = 2000
[[routes]]
direction = "mt"
to = "{asleep_to}"
operators = ["{other}"]
[[routes]]
direction = "mt"
operators = ["{main}"]
[[routes]]
direction = "mo"
client = "acme"
"""


@contextmanager
def server(dsn: str | None) -> Iterator[Reached]:
    """The server that a DSN names, or a durable one of our own."""
    if dsn is not None:
        reached = Reached(dsn)
        try:
            yield reached
        finally:
            reached.drop_databases()
        return
    with own_server(is_durable=True) as own:
        own.stop()
        own._settings.update(SERVER)
        own._settings["shared_preload_libraries"] = "pg_stat_statements"
        own.start()
        yield own


def server_pid(reached: Reached) -> int:
    """The first process of a server of our own; 0 for one that somebody else runs."""
    return reached._process.pid if isinstance(reached, PostgresServer) and reached._process is not None else 0


class Box:
    """One `chappe up` in a folder."""

    def __init__(
        self,
        folder: Path,
        dsn: str,
        nodes: Sequence[str],
        *,
        main: str = "three",
        other: str = "asleep",
        asleep_to: str = "99*",
        handsets: str = "3712",
    ) -> None:
        """`main` is the operator that has the load, `other` one that nobody reaches, with the handsets `asleep_to`.

        The load goes to handsets that begin with `handsets`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._main = main
        self.handsets = handsets
        self.folder = folder
        self.file = folder / "chappe.toml"
        self.smpp, self.operator, self.metrics = free_port(), free_port(), free_port()
        self.pids: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: list[Path] = []
        self.file.write_text(
            _SETTINGS.format(
                folder=folder,
                dsn=dsn,
                nodes=json.dumps(list(nodes)),
                single_copy="allow_single_copy = true" if dsn != "sqlite" else "",
                main=main,
                other=other,
                asleep_to=asleep_to,
                smpp=self.smpp,
                http=free_port(),
                metrics=self.metrics,
                operator=self.operator,
                asleep=free_port(),
                links=OPERATOR_LINKS,
                window=OPERATOR_WINDOW,
            ),
            encoding="utf-8",
        )

    def start(self) -> None:
        """Start it; returns when each of its processes takes traffic.  Raises: TimeoutError."""
        with open(self.folder / "box.log", "ab") as log:
            command = [sys.executable, "-m", "chappe.cli", "up", "--config", str(self.file)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE_S
        while not self._is_ready():
            if time.monotonic() > until or self._process.poll() is not None:
                raise TimeoutError(f"the box is not ready: {(self.folder / 'box.log').read_text()[-2_000:]}")
            time.sleep(0.1)
        nodes = json.loads(self._get("/status.json"))["nodes"]
        self.pids = {node["name"]: node["pid"] for node in nodes} | {"box": self._process.pid}

    def _get(self, path: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.metrics}{path}", timeout=10) as answer:
            return bytes(answer.read())

    def _is_ready(self) -> bool:
        with suppress(OSError):
            return self._get("/readyz") == b"ready\n"
        return False

    def status(self) -> dict[str, object]:
        """What `chappe status --json` shows."""
        return dict(json.loads(self._get("/status.json")))

    def links(self) -> list[dict[str, object]]:
        """Those of the load's operator, as its status shows them."""
        operators = self.status()["operators"]
        assert isinstance(operators, list)
        return [link for each in operators if each["name"] == self._main for link in each["links"]]

    def hold_back(self, share: float) -> None:
        """Let each node have at most this share of a core, as if cores were smaller.  Needs root and control groups."""
        own = next(line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines() if "cpu" in line)
        base = Path(f"/sys/fs/cgroup/{'cpu' if own[1] else ''}{own[2]}")
        for name, pid in self.pids.items():
            if name.startswith(("client", "operator")):
                group = base / f"chappe-bench-{pid}"
                group.mkdir()
                self._groups.append(group)
                # A group must not weigh less than the processes beside it, whatever their priority.
                (group / "cpu.shares").write_text("100000")
                # Short periods: a process that stands still for long holds up all that wait for it.
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(int(share * PERIOD_US)))
                (group / "cgroup.procs").write_text(str(pid))

    def used(self) -> dict[str, cpu.Used]:
        """CPU by node, since each was started."""
        return {name: cpu.of_process(pid, with_ended=name != "box") for name, pid in self.pids.items()}

    def stop(self) -> None:
        """Drain it and wait until it has left."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        for group in self._groups:
            with suppress(OSError):
                group.rmdir()


class Ends:
    """The client and the SMSC around a box."""

    def __init__(self, box: Box, generator: str | None, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._box = box
        self._generator = generator
        self._folder = folder
        self._smsc: subprocess.Popen[bytes] | None = None
        self._client_s = 0.0

    @property
    def _ledgers(self) -> tuple[Path, Path]:
        return self._folder / "client.csv", self._folder / "smsc.csv"

    def open(self, receipt_delay_ms: int) -> None:
        """Let the SMSC listen."""
        port, ledger = str(self._box.operator), str(self._ledgers[1])
        if self._generator:
            command = [self._generator, "smsc", "--port", port, "--ledger", ledger, "--random-ids"]
            command += ["--dlr-window", "1000", "--dlr-delay-ms", str(receipt_delay_ms)]
        else:
            command = [sys.executable, "-m", "chappe.cli", "sim", "smsc", "--listen", f"127.0.0.1:{port}"]
            command += ["--ledger", ledger, "--ids", "random", "--receipt-delay-ms", str(receipt_delay_ms)]
        self._smsc = self._popen(command, "smsc")

    def used_s(self) -> float:
        """CPU seconds of both ends; call it before they are closed."""
        smsc = cpu.of_process(self._smsc.pid).total_s if self._smsc is not None else 0.0
        return smsc + self._client_s

    def wait(self, client: subprocess.Popen[bytes]) -> None:
        """Until the client has left."""
        _, status, used = os.wait4(client.pid, 0)
        client.returncode = os.waitstatus_to_exitcode(status)
        self._client_s = used.ru_utime + used.ru_stime

    def close(self) -> None:
        """End the SMSC; its ledger is complete afterwards."""
        if self._smsc is not None:
            self._smsc.terminate()
            self._smsc.wait(PATIENCE_S)
            self._smsc = None

    def _popen(self, command: Sequence[str], name: str) -> subprocess.Popen[bytes]:
        with open(self._folder / f"{name}.log", "ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def send(self, lives: int, binds: int, window: int, rate: float = 0, wait_s: int = 60) -> subprocess.Popen[bytes]:
        """Let the client send, and wait for its receipts."""
        port, ledger = self._box.smpp, str(self._ledgers[0])
        words = ["--binds", str(binds), "--window", str(window), "--count", str(lives)]
        words += ["--rate", f"{rate:g}"] if rate else []
        if self._generator:
            command = [self._generator, "esme", "--port", str(port), "--system-id", "acme", "--password", "secret"]
            command += ["--registered-delivery", "--wait-dlr-seconds", str(wait_s), "--ledger", ledger, *words]
            command += [
                "--dst-prefix",
                self._box.handsets,
                "--dst-random",
                "--text-len",
                "60",
                "--reconnect",
                "--max-seconds",
                "7200",
            ]
        else:
            command = [sys.executable, "-m", "chappe.cli", "sim", "client", "--address", f"127.0.0.1:{port}"]
            command += ["--system-id", "acme", "--password", "secret", "--ledger", ledger, *words]
            command += ["--destination", f"{self._box.handsets}0000000", "--scattered", "--linger-s", str(wait_s)]
        return self._popen(command, "client")

    def verdict(self) -> dict[str, int]:
        """Lost and doubled, as the two ledgers tell; the generator's own check where there is one."""
        client, smsc = self._ledgers
        if self._generator:
            command = [self._generator, "check", "--client", str(client), "--smsc", str(smsc)]
            told = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
            return {key: told.get(key, 0) for key in ("accepted", "lost", "duplicated", "receipts_lost")}
        command = [sys.executable, "-m", "chappe.cli", "sim", "account", str(client), str(smsc), "--json"]
        told = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
        return {key: int(value) for key, value in told.items() if isinstance(value, int)}

    def moments(self) -> tuple[list[float], list[float]]:
        """When each message left the client, and when each receipt came to it; monotonic seconds."""
        sent: list[float] = []
        told: list[float] = []
        if not self._generator:
            for entry in read(self._ledgers[0]):
                if entry.kind is Kind.SENT:
                    sent.append(entry.time_ns / 1e9)
                elif entry.kind is Kind.RECEIPT:
                    told.append(entry.time_ns / 1e9)
            return sorted(sent), sorted(told)
        with open(self._ledgers[0], encoding="utf-8", errors="replace", newline="") as file:
            for row in csv.reader(file):
                if row and row[0] == "S":
                    sent.append(int(row[3]) / 1e9)
                elif row and row[0] == "D":
                    told.append(int(row[3]) / 1e9)
        return sorted(sent), sorted(told)

    def reconnects(self, binds: int) -> int:
        """How often the client had to bind again, of the run that it began with so many binds."""
        if not self._generator:
            return sum(entry.kind is Kind.LINK_UP for entry in read(self._ledgers[0])) - binds
        summary = (self._folder / "client.log").read_text("utf-8", "replace").rsplit("\n{", 1)[-1]
        return int(json.loads("{" + summary.removeprefix("{"))["binds"]) - binds
