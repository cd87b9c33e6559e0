"""The command `chappe`: collects the commands, and turns whatever goes wrong into one line and an exit code.

It must never import what a command needs to do its work: only the command that runs may pay for that.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, cast

import typer

from chappe import __version__
from chappe.cli import (
    bench,
    callbacks,
    conf,
    credit,
    dead,
    held,
    importing,
    instruct,
    message,
    opt_outs,
    profile,
    receipts,
    route,
    sending,
    sim,
    status,
    store,
    up,
)
from chappe.cli.options import example
from chappe.cli.show import print_error, print_line
from chappe.model.errors import GatewayError, MisuseError

#: Exit codes: the command could not do it, the command line was wrong, somebody pressed Ctrl-C.
FAILED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

#: typer carries its own click since 0.16 and used a foreign one before; this is the same class in both.
UsageError = cast("type[Exception]", typer.BadParameter.__base__)
ClickError = cast("type[Exception]", UsageError.__base__)

app = typer.Typer(
    name="chappe",
    help="Chappe, an SMS gateway that keeps its promise: accepted means kept.",
    epilog=example("chappe up", "chappe send --to +37120000001 --text Hello"),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
up.register(app)
sending.register(app)
conf.register(app)
profile.register(app)
route.register(app)
importing.register(app)
sim.register(app)
instruct.register(app)
status.register(app)
message.register(app)
held.register(app)
callbacks.register(app)
receipts.register(app)
credit.register(app)
opt_outs.register(app)
dead.register(app)
store.register(app)
bench.register(app)


@app.callback(invoke_without_command=True)
def _chappe(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print_line(f"chappe {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code: 0 only when it did what it was asked."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command; every failure but a bug is told in one line on stderr."""
    try:
        outcome = cast("Any", typer.main.get_command(app)).main(
            args=list(arguments), prog_name="chappe", standalone_mode=False
        )
    except MisuseError:
        raise
    except GatewayError as error:
        print_error(f"chappe: {error}")
        return FAILED
    except ClickError as error:
        return _wrong_usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` does; the interpreter must not flush into the pipe again.
        sys.stdout = cast("Any", None)
        return FAILED
    return outcome if isinstance(outcome, int) else 0


def _wrong_usage(error: Exception) -> int:
    """Tell what was wrong with the command line; a command without any argument shows its help instead."""
    command = getattr(getattr(error, "ctx", None), "command_path", "chappe")
    if type(error).__name__ == "NoArgsIsHelpError":
        print_line(str(error))
    else:
        told = cast("Any", error).format_message().rstrip(".")
        print_error(f"{command}: {told}; see: {command} --help")
    return WRONG_USAGE


if __name__ == "__main__":
    main()
