"""`salus oracle check` and `salus oracle sources`: what would become of a message, and whether source files are right.

Neither needs a chain, a database or a running oracle.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cli import output
from cli.exits import exit_code
from oracle import settings
from oracle.explain import Explained, explain
from oracle.intake.batch import Enclosed, pieces
from oracle.runtime import profile_of, sources_of
from oracle.sources import Source
from oracle.sources.listing import described
from oracle.sources.model import LARGEST_MESSAGE_BYTES
from salus.core.canonical import canonical
from salus.core.errors import InputError, SetupError

Folder = Annotated[Path | None, typer.Option("--sources", help="Folder of source files; else SALUS_ORACLE_SOURCES.")]


def register(oracle: typer.Typer) -> None:
    """Add the commands."""
    oracle.command("check")(check)
    oracle.command("sources")(sources)


def sources(folder: Folder = None) -> None:
    """Validate the source files of a folder and list them."""
    told = _told(folder)
    if told.folder is None:
        raise SetupError("give --sources, or set SALUS_ORACLE_SOURCES to the folder of source files")
    found = sources_of(told, told.folder)
    _note_unnamed(found)
    rows = [described(source) for source in found]
    output.emit_table(rows, {name: name for name in rows[0]})


def check(
    file: Annotated[str, typer.Argument(help="File with a message, or several; - for standard input.")],
    source: Annotated[str, typer.Option(help="Name of the source that sends it.")] = "",
    folder: Folder = None,
) -> None:
    """Show every step for a message: raw, parsed, FHIR, labels, what is left out, and the reply. Shows its content.
    Exit code 2 if one would be refused or held."""
    told = _told(folder)
    sender = _sender(told, source)
    _note_unnamed([sender])
    profile = profile_of(sender, is_checkup=bool(told.is_checkup))
    now = datetime.now(UTC)
    found = [explain(raw, sender, profile, now) for raw in _messages(file)]
    if not found:
        raise InputError("the file holds no message: one begins with MSH")
    if output.is_json():
        output.emit([one.to_json() for one in found])
    else:
        for place, one in enumerate(found, start=1):
            if len(found) > 1:
                output.console.rule(f"message {place} of {len(found)}")
            _show(one)
    if not all(one.done for one in found):
        raise typer.Exit(exit_code(InputError()))


def _note_unnamed(found: Iterable[Source]) -> None:
    """Say what a "?" stands for: an oracle has it in its settings, this command only if they are in force."""
    if any("?" in (source.title, source.authority) for source in found):
        output.say("? stands for SALUS_ORACLE_NAME and SALUS_ORACLE_AUTHORITY: set them here as for the oracle")


def _told(folder: Path | None) -> settings.SourcesSettings:
    told = settings.read_sources()
    if folder is not None and not folder.is_dir():
        raise SetupError("--sources names no folder: give the one that holds a NAME.toml for each sender")
    return told if folder is None else replace(told, folder=folder)


def _sender(told: settings.SourcesSettings, name: str) -> Source:
    """The source of a name; without a folder the one that the environment describes."""
    if told.folder is None:
        if name:
            raise SetupError("give --sources, or set SALUS_ORACLE_SOURCES, for --source to be found")
        return Source("mllp", told.name, told.authority, charset=told.charset)
    found = {one.name: one for one in sources_of(told, told.folder)}
    if not name and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        raise SetupError(f"--source is one of {', '.join(sorted(found))}")
    return found[name]


def _messages(file: str) -> Iterator[bytes]:
    """Messages of a file: MLLP marks, batch envelopes and any line ends are tolerated."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read") from error
    for piece in pieces(io.BytesIO(raw), LARGEST_MESSAGE_BYTES):
        if isinstance(piece, Enclosed):
            yield piece.raw


def _show(one: Explained) -> None:
    charset = f"{one.charset} (not what was declared)" if one.charset_mismatch else one.charset
    output.console.print(f"{one.kind or 'unknown'} · {charset} · {one.mode} mode", markup=False)
    _side_by_side("as sent", "as parsed", ((row["raw"], _pairs(row["parsed"])) for row in one.segments))
    for place, record in enumerate(one.records, start=1):
        labels = {name: value for name, value in record.items() if name != "fhir"}
        _side_by_side(f"record {place}: FHIR", "labels", [(_json(record["fhir"]), _pairs(labels))])
    for change in one.changes:
        output.console.print(
            f"{change['kind']}: {change['from']} → {change['to']} {change['what']}".rstrip(), markup=False
        )
    if one.done:
        output.console.print(f"not mapped: {', '.join(one.unmapped) or 'nothing'}", markup=False)
    if one.problem is not None:
        problem = one.problem
        line = f"stopped at {problem['location']}: {problem['text']} (table 0357: {problem['condition']})"
        output.console.print(line, style="red", markup=False)
        output.console.print(problem["advice"], markup=False)
    output.console.print(one.outcome, style="bold", markup=False)
    shown = one.reply.replace("\r", "\n").rstrip() or "no byte: the message asks for no accept acknowledgment"
    output.console.print(f"reply:\n{shown}", markup=False)


def _side_by_side(left: str, right: str, rows: Iterable[tuple[str, str]]) -> None:
    table = Table(left, right, show_lines=True, expand=output.console.is_terminal)
    for one, other in rows:
        table.add_row(Text(one, overflow="fold"), Text(other, overflow="fold"))
    output.console.print(table)


def _pairs(values: dict[str, Any]) -> str:
    lines = []
    for name, value in values.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if shown:
            lines.append(f"{name} = {shown}")
    return "\n".join(lines)


def _json(value: dict[str, Any]) -> str:
    """FHIR over several lines, decimals as written."""
    return _indented(value, 0)


def _indented(value: Any, depth: int) -> str:
    pad = "  " * (depth + 1)
    if isinstance(value, dict) and value:
        inner = ",\n".join(f'{pad}"{name}": {_indented(one, depth + 1)}' for name, one in value.items())
        return "{\n" + inner + "\n" + "  " * depth + "}"
    if isinstance(value, list) and value:
        inner = ",\n".join(f"{pad}{_indented(one, depth + 1)}" for one in value)
        return "[\n" + inner + "\n" + "  " * depth + "]"
    return canonical(value).decode()
