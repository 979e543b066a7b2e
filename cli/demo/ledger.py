"""What happened in a demo run: one row per event, with counts and milliseconds, and the facts a test can check."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.table import Table

from cli import output
from salus.core.codes import Code
from salus.core.errors import RefusedError, SalusError
from salus.flows.open import AccessDeniedError


class StoryError(SalusError):
    """Something in the demo did not happen as promised."""

    advice = "This is a defect: keep the folder of the run with its logs, and report it."


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the story; `note` is told with it but left out of the closing table."""

    act: int
    what: str
    outcome: str
    milliseconds: float
    note: str = ""


@dataclass(slots=True)
class Ledger:
    """Rows in order, and facts by name for `--json` and for tests."""

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    _act: int = 0

    def act(self, number: int, title: str) -> None:
        """A new act."""
        self._act = number
        output.say(f"\n[bold]{number}. {title}[/bold]")

    def tell(self, what: str, outcome: str, milliseconds: float = 0.0, note: str = "") -> None:
        """Note an event and show it."""
        self.rows.append(Row(self._act, what, outcome, milliseconds, note))
        took = f"  [dim]{milliseconds:,.0f} ms[/dim]" if milliseconds else ""
        output.say(f"   {what}: [green]{outcome}[/green]{took}")
        for line in note.splitlines():
            output.say(f"     [dim]{line}[/dim]")

    @contextmanager
    def timed(self, what: str) -> Iterator[list[str]]:
        """Time an event; append its outcome to the list that is given."""
        began, outcome = time.perf_counter(), list[str]()
        yield outcome
        self.tell(what, " ".join(outcome) or "done", _since(began))

    def show(self) -> None:
        """The closing table, or everything as JSON."""
        if output.is_json():
            rows = [
                {"act": r.act, "what": r.what, "outcome": r.outcome, "note": r.note, "ms": round(r.milliseconds)}
                for r in self.rows
            ]
            output.emit({"facts": self.facts, "rows": rows})
            return
        table = Table("act", "what happened", "outcome", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("ms", justify="right")
        for row in self.rows:
            took = f"{row.milliseconds:,.0f}" if row.milliseconds else ""
            table.add_row(str(row.act), row.what, row.outcome, took)
        output.console.print("\n[bold]What happened[/bold]")
        output.show(table)


def denial(ledger: Ledger, what: str, ask: Callable[[], object]) -> Code | None:
    """Do what must be refused, and note by whom it was and with which code; None when it was not."""
    began = time.perf_counter()
    try:
        ask()
    except AccessDeniedError as denied:
        ledger.tell(what, f"denied on chain: {denied.code.name} ({int(denied.code)})", _since(began))
        return denied.code
    except RefusedError as refused:
        ledger.tell(what, f"refused: {refused.code.name} ({int(refused.code)})", _since(began))
        return refused.code
    return None


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def require(condition: object, what: str) -> None:
    """Check that the story holds.

    Raises:
        StoryError: it does not.
    """
    if not condition:
        raise StoryError(f"the demo did not go as promised: {what}")
