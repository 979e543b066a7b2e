"""What a command prints: tables and sentences for people, or one canonical JSON value with `--json`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.table import Table

from salus.core.canonical import canonical

_state = {"json": False}
console = Console(highlight=False, soft_wrap=True)
notes = Console(stderr=True, highlight=False, soft_wrap=True)


def use_json(*, on: bool) -> None:
    """Switch to JSON for the rest of the process."""
    _state["json"] = on


def is_json() -> bool:
    """Whether output is JSON."""
    return _state["json"]


def emit(value: Any, lines: Iterable[str] = ()) -> None:
    """The result of a command: `value` as JSON, or `lines` for people."""
    if _state["json"]:
        sys.stdout.write(canonical(plain(value)).decode() + "\n")
        sys.stdout.flush()
        return
    for line in lines:
        console.print(line)


def emit_table(rows: Sequence[dict[str, Any]], columns: Sequence[str], title: str = "") -> None:
    """A list of results: JSON array, or a table of some columns."""
    if _state["json"]:
        emit(list(rows))
        return
    table = Table(*columns, title=title or None, title_justify="left")
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    console.print(table)


def say(text: str) -> None:
    """Progress for people; goes to standard error and never into JSON."""
    if not _state["json"]:
        notes.print(text)


def working(text: str) -> AbstractContextManager[Any]:
    """A spinner while something takes long; a plain line where there is no terminal."""
    if _state["json"]:
        return nullcontext()
    if notes.is_terminal:
        return notes.status(text)
    notes.print(text)
    return nullcontext()


def plain(value: Any) -> Any:
    """JSON value: bytes as `0x` hex, floats as integers or strings of digits."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, float):
        return str(value)
    if isinstance(value, dict):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
