"""The `salus` command: nouns and verbs, one module each, thin over flows.

`--json` may stand anywhere and makes every command print one canonical JSON value. Exit codes: `cli/exits.py`.
"""

from __future__ import annotations

import sys
from importlib import import_module

import structlog
import typer

from cli import output
from cli.exits import INTERRUPTED, exit_code
from salus.core.codes import EXPLANATIONS
from salus.core.errors import InputError, RefusedError, SalusError, SetupError, UnavailableError

_MODULES: dict[str, tuple[str, ...]] = {
    "world": ("demo", "up", "down", "status"),
    "consortium": ("consortium",),
    "messages": ("simulate", "send"),
    "patient": ("patient",),
    "staff": ("staff",),
    "audit": ("audit",),
    "oracle": ("oracle",),
    "quality": ("quality",),
    "retention": ("retention",),
    "participant": ("participant",),
    "services": ("watch", "custodian"),
    "check": ("verify", "explain"),
    "backup": ("backup", "restore"),
    "database": ("database",),
    "content": ("content",),
    "doctor": ("doctor",),
    "follow": ("follow",),
    "deploy": ("deploy",),
    "verify_deployment": ("verify-deployment",),
}
"""Modules of `cli.commands`, each with the names it adds."""
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Parent of all errors of usage, which typer does not name in public."""


def create_app(name: str | None = None) -> typer.Typer:
    """The command with all its nouns; only the module of `name` where that is one (starts three times faster)."""
    app = typer.Typer(
        name="salus",
        help="Medical records shared under the patient's control: consent, custody and audit on a consortium chain.",
        epilog="--json may stand anywhere and prints one canonical JSON value.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # without it typer makes a single command the whole program
    wanted = [module for module, names in _MODULES.items() if name in names] or list(_MODULES)
    for module in wanted:
        import_module(f"cli.commands.{module}").register(app)
    return app


def main() -> None:
    """Run the command line and leave with its exit code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--json"]
    output.use_json(on=len(arguments) < len(sys.argv) - 1)
    structlog.configure(logger_factory=_to_standard_error)
    sys.exit(run(arguments))


def _to_standard_error(*_: object) -> structlog.PrintLogger:
    """Standard output is the command's. The stream is that of the moment: a caller may have another one each time."""
    return structlog.PrintLogger(sys.stderr)


def run(arguments: list[str]) -> int:
    """Run one command; errors of Salus and of usage become one message (or one JSON value) and an exit code."""
    try:
        # Beside JSON errors of usage are raised; else typer draws them itself.
        ended = create_app(arguments[0] if arguments else None)(
            args=arguments, prog_name="salus", standalone_mode=not output.is_json()
        )
    except SalusError as error:
        return _tell(error)
    except _UsageError as error:
        return _tell(InputError(" ".join(str(error).split())))
    except ConnectionError as error:
        return _tell(UnavailableError(f"a part does not answer: {error.strerror or error}"))
    except OSError as error:
        what = f" {error.filename}" if error.filename else ""
        advice = "Name another place, or give this account the right to it." if what else SetupError.advice
        return _tell(SetupError(f"cannot use{what}: {error.strerror or error}", advice=advice))
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except SystemExit as exited:
        return _interrupted() if exited.code == INTERRUPTED else int(exited.code or 0)
    return ended if isinstance(ended, int) else 0


def _tell(error: SalusError) -> int:
    value: dict[str, object] = {"error": type(error).__name__, "message": str(error), "advice": error.advice}
    if isinstance(error, RefusedError):
        value |= {"advice": EXPLANATIONS[error.code], "code": int(error.code), "name": error.code.name}
    if output.is_json():
        output.emit(value)
    else:  # what is wrong with an installation is mostly said together with what to do
        is_said = isinstance(error, SetupError) and error.advice == type(error).advice
        output.complain(str(error), "" if is_said else str(value["advice"]))
    return exit_code(error)


def _interrupted() -> int:
    if not output.is_json():
        output.notes.print("salus: interrupted; the same command starts again")
    return INTERRUPTED
