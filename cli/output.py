"""What a command prints: tables and sentences for people, or one canonical JSON value with `--json`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from salus.core.canonical import canonical
from salus.core.days import SHANGHAI_OFFSET

_WIDEST = 1000
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
        console.print(line, markup=False)


def emit_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str = "nothing") -> None:
    """A list of results: JSON array, or a table of some members under headings; `empty` is said when there is none."""
    if _state["json"]:
        emit(list(rows))
    elif not rows:
        console.print(empty, markup=False)
    else:
        show(table(rows, columns))


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> Table:
    """Rows under headings."""
    made = Table(*columns.values(), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        made.add_row(*(_cell(row.get(member)) for member in columns))
    return made


def show(table: Table) -> None:
    """Print a table; identifiers are never cut, and where there is no terminal nothing is."""
    for column in table.columns:
        column.no_wrap = column.no_wrap or any(str(cell).startswith("0x") for cell in column.cells)
    needed = Measurement.get(console, console.options.update(width=_WIDEST), table)
    width = max(console.width, needed.minimum) if console.is_terminal else needed.maximum
    Console(width=width, highlight=False).print(table)


def say(text: str) -> None:
    """Progress for people; goes to standard error and never into JSON."""
    if not _state["json"]:
        notes.print(text)


def complain(message: str, advice: str) -> None:
    """An error and, where the message does not say it, what to do about it."""
    notes.print(f"[red]salus:[/red] {escape(message)}")
    if advice:
        notes.print(f"  {escape(advice)}")


def working(text: str) -> AbstractContextManager[Any]:
    """A spinner while something takes long; a plain line where there is no terminal."""
    if _state["json"]:
        return nullcontext()
    if notes.is_terminal:
        return notes.status(text)
    notes.print(text)
    return nullcontext()


def clock(seconds: int) -> str:
    """A Unix time as people in China read it, and its zone: "2026-11-23 15:04:05 +08:00"."""
    return f"{datetime.fromtimestamp(seconds + SHANGHAI_OFFSET, UTC):%Y-%m-%d %H:%M:%S} +08:00"


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


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return escape(", ".join(str(item) for item in value))
    return "" if value is None else escape(str(value))
