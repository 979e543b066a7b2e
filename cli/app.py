"""The `salus` command: nouns and verbs, one module each, thin over flows.

`--json` may stand anywhere and makes every command print one canonical JSON value. Exit codes: `cli/exits.py`.
"""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from cli import output
from cli.exits import INTERRUPTED, exit_code
from salus.core.errors import SalusError

app = typer.Typer(
    name="salus",
    help="Medical records shared under the patient's control: consent, custody and audit on a consortium chain.",
    epilog="--json may stand anywhere and prints one canonical JSON value.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_MODULES = ("world", "messages", "patient", "staff", "audit", "oracle", "check")


def main() -> None:
    """Run the command line; errors of Salus become one message and an exit code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--json"]
    output.use_json(on=len(arguments) < len(sys.argv) - 1)
    for module in _MODULES:
        import_module(f"cli.commands.{module}").register(app)
    try:
        app(args=arguments, prog_name="salus", standalone_mode=True)
    except SalusError as error:
        if output.is_json():
            output.emit({"error": type(error).__name__, "message": str(error), "advice": error.advice})
        else:
            output.notes.print(f"[red]salus:[/red] {error}")
            output.notes.print(f"  {error.advice}")
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        output.notes.print("salus: interrupted; run the same command again to go on")
        sys.exit(INTERRUPTED)
