"""Options and the closing table of the crash tests: how long they run, and what all kills together came to."""

from collections.abc import Iterator

# Its plugin imports it in the closing summary otherwise, and CPython 3.11 may fail to parse so late (gh-106905).
import hypothesis  # noqa: F401
import pytest
from crash_verdict import Verdict

from postgres_server import Reached

#: One line for each campaign: its name and its sums, in the order in which they ended.
_LINES: list[tuple[str, Verdict]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--crashes",
        choices=("short", "full"),
        default="short",
        help="short: a few kills; full: every crash point in each direction, random instants, history and recovery.",
    )
    parser.addoption(
        "--engine",
        choices=("all", "sqlite", "postgres"),
        default="all",
        help="Kill gateways over this store only: one process over SQLite, or a process for each node over PostgreSQL.",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    engine = config.getoption("--engine", default="all")
    if engine != "all":
        others = [item for item in items if (engine == "postgres") is not is_over_postgres(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]
    if is_full(config):
        return
    skip = pytest.mark.skip(reason="part of the full form: make crash")
    for item in items:
        if item.get_closest_marker("slow") and "tests/crash" in item.path.as_posix():
            item.add_marker(skip)


def is_over_postgres(item: pytest.Item) -> bool:
    """A server is wanted for it."""
    return "postgres" in item.name or "postgres_server" in getattr(item, "fixturenames", ())


def is_full(config: pytest.Config) -> bool:
    """The full form was asked for.  Run from above this folder, pytest reads the option too late to know it."""
    return bool(config.getoption("--crashes", default="short") == "full")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def dsn(request: pytest.FixtureRequest) -> str:
    """Where nodes are processes, the DSN of an empty database; empty where all are one process over SQLite."""
    if request.param == "sqlite":
        return ""
    server: Reached = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[list[Verdict]]:
    """Verdicts put here are summed in the closing table."""
    verdicts: list[Verdict] = []
    yield verdicts
    _LINES.extend((request.node.name, verdict) for verdict in verdicts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _LINES:
        return
    terminalreporter.section("kills and what they cost")
    row = "{:>5} {:>9} {:>9} {:>5} {:>8} {:>6} {:>9} {:>5}  {}"
    heads = ("kills", "accepted", "receipts", "MO", "doubled", "held", "recovered", "lost", "campaign")
    terminalreporter.write_line(row.format(*heads))
    for name, verdict in _LINES:
        terminalreporter.write_line(row.format(*verdict.sums, name))
    totals = [sum(column) for column in zip(*(verdict.sums for _, verdict in _LINES), strict=True)]
    terminalreporter.write_line(row.format(*totals, "all"))
