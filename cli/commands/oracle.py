"""`salus oracle …`: the desk's codes and the quarantine of an oracle in the world of `salus up`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from cli import output
from cli.world.cast import Name
from cli.world.desk import desk_code
from cli.world.running import running_world
from cli.world.services import oracle_settings
from oracle import runtime, settings
from oracle.hl7.errors import Condition
from oracle.quarantine import Quarantine
from salus.core.ids import hex32
from salus.core.journal import Fault

Source = Annotated[Name, typer.Argument(help="Whose oracle.")]
Key = Annotated[int, typer.Argument(help="Number of the message in the list.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    oracle = typer.Typer(help="Registration desk and quarantine of a source.", no_args_is_help=True)
    oracle.command("desk-code")(code)
    oracle.command("quarantine")(quarantine)
    oracle.command("show")(show)
    oracle.command("redrive")(redrive)
    oracle.command("links")(links)
    app.add_typer(oracle, name="oracle")


def code(
    source: Source, patient: Annotated[str, typer.Argument(help="The source's key of the patient: AUTHORITY|NUMBER.")]
) -> None:
    """A one-time code for a patient at the desk; earlier unused ones end."""
    made = desk_code(running_world(), source, patient)
    output.emit({"code": made}, [made])


def quarantine(source: Source, after: Annotated[int, typer.Option(min=0)] = 0) -> None:
    """Messages that were kept but could not be used."""
    with _kept(source) as kept:
        rows: list[dict[str, Any]] = [
            {"key": item.key, "receivedAt": item.received_at, "kind": item.kind, "fault": _fault(item.fault)}
            for item in kept.list(after)
        ]
    shown = rows if output.is_json() else [{**row, "receivedAt": output.clock(row["receivedAt"])} for row in rows]
    headings = {"key": "key", "receivedAt": "received", "kind": "message", "fault": "what was wrong"}
    output.emit_table(shown, headings, "the quarantine is empty")


def show(source: Source, key: Key) -> None:
    """One quarantined message, decrypted: this shows a patient's data."""
    with _kept(source) as kept:
        found = kept.show(key)
    output.emit({"key": key, "raw": found.raw}, [found.raw.decode("utf-8", errors="replace").replace("\r", "\n")])


def redrive(source: Source, key: Key) -> None:
    """Try a quarantined message again, after what was wrong is mended."""
    with _kept(source) as kept:
        kept.redrive(key)
    output.emit({"redriven": key}, [f"message {key} will be tried again"])


def links(source: Source) -> None:
    """Merges and links of patients that are not on chain yet; one of a claimed patient waits for their signature."""
    with _journal(source) as kept:
        rows = [
            {
                "key": one.key,
                "change": one.kind.name.lower(),
                "subjectRef": hex32(one.subject.subject),
                "survivor": hex32(one.survivor.subject),
            }
            for one in kept.links.open(1000)
        ]
    headings = {"key": "key", "change": "change", "subjectRef": "subject", "survivor": "survivor"}
    output.emit_table(rows, headings, "every merge is on chain")


def _fault(fault: Fault) -> str:
    name = Condition(fault.code).name if fault.code in set(Condition) else str(fault.code)
    return f"{name.replace('_', ' ').lower()} ({fault.code}) at {fault.location}" if fault.location else name


@contextmanager
def _kept(source: Name) -> Iterator[Quarantine]:
    with _journal(source) as kept:
        yield kept.quarantine


@contextmanager
def _journal(source: Name) -> Iterator[runtime.Kept]:
    told = {settings.PREFIX + name: value for name, value in oracle_settings(running_world(), source).items()}
    with runtime.opened_journal(settings.read_journal(told)) as kept:
        yield kept
