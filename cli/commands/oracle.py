"""`salus oracle …`: the desk's codes and the messages of an oracle in the world of `salus up`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import output
from cli.commands import oracle_abandon, oracle_messages, oracle_reseal, oracle_sources
from cli.world.cast import Name
from cli.world.desk import desk_code
from cli.world.journal import journal_of
from cli.world.running import running_world
from salus.core.ids import hex32

Source = Annotated[Name, typer.Argument(help="Whose oracle.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    oracle = typer.Typer(help="Registration desk and messages of a source.", no_args_is_help=True)
    oracle.command("desk-code")(code)
    oracle_messages.register(oracle)
    oracle_sources.register(oracle)
    oracle.command("links")(links)
    oracle.command("reseal")(oracle_reseal.reseal)
    oracle.command("abandon")(oracle_abandon.abandon)
    app.add_typer(oracle, name="oracle")


def code(
    source: Source, patient: Annotated[str, typer.Argument(help="The source's key of the patient: AUTHORITY|NUMBER.")]
) -> None:
    """A one-time code for a patient at the desk; earlier unused ones end."""
    made = desk_code(running_world(), source, patient)
    output.emit({"code": made}, [made])


def links(source: Source) -> None:
    """Merges and links of patients that are not on chain yet; one of a claimed patient waits for their signature."""
    with journal_of(source) as kept:
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
