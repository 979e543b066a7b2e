"""`salus quality`: how well each sender of the running world's oracles sends, by docs/quality.md."""

from __future__ import annotations

import time
from datetime import date
from typing import Annotated, Any

import typer

from cli import output
from cli.world.cast import CAST
from cli.world.running import running_world
from cli.world.services import oracle_settings
from oracle import runtime, settings
from salus.core.days import date_of, day_at, day_of
from salus.core.errors import InputError
from salus.core.quality import HELD, TAKEN, Share, Summary, summaries

_DAYS = 30
_PROMPT_SECONDS = 10
_MOST_LACKING = 5
_HEADINGS = {
    "oracle": "oracle",
    "source": "source",
    "messages": "messages",
    "resends": "resends",
    "held": "held",
    "completeness": "complete",
    "codes": "codes",
    "units": "units",
    "demographics": "demographics",
    "received": "here in 10 s",
    "anchored": "anchored in 10 s",
    "coverage": "coverage",
    "missing": "missing",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("quality")(quality)


def quality(
    source: Annotated[str, typer.Option(help="Only this source, by the name in its settings.")] = "",
    since: Annotated[str, typer.Option(help="First day of receipt, YYYY-MM-DD; 30 days ago by default.")] = "",
) -> None:
    """Completeness, standard codes, resends, delays and missing messages of each source."""
    first = _day(since) if since else day_at(int(time.time())) - _DAYS
    rows: list[dict[str, Any]] = []
    world = running_world()
    for institution in CAST:
        if not institution.oracle:
            continue
        told = {settings.PREFIX + name: value for name, value in oracle_settings(world, institution.name).items()}
        with runtime.opened_journal(settings.read_journal(told)) as kept:
            found = summaries(kept.quality.figures(first, source), kept.quality.gaps(source=source))
        rows += [{"oracle": institution.name.value, **_row(one)} for one in found]
    if output.is_json():
        output.emit(rows)
        return
    output.emit_table([_shown(row) for row in rows], _HEADINGS, f"no messages since {date_of(first)}")
    for row in rows:
        listed = list(row["lacking"].items())[:_MOST_LACKING]
        if listed:
            words = ", ".join(f"{name} {count:,}" for name, count in listed)
            output.console.print(f"{row['source']} lacks most: {words}", markup=False)


def _row(summary: Summary) -> dict[str, Any]:
    return {
        "source": summary.source,
        "messages": summary.of(TAKEN),
        "held": summary.of(HELD),
        "resends": _pair(summary.resends),
        "completeness": _pair(summary.completeness),
        "codes": _pair(summary.known("codes")),
        "units": _pair(summary.known("units")),
        "demographics": _pair(summary.known("demographics")),
        "received": _pair(summary.within("sent", _PROMPT_SECONDS)),
        "anchored": _pair(summary.within("anchored", _PROMPT_SECONDS)),
        "coverage": _pair(summary.coverage),
        "missing": summary.missing,
        "lacking": summary.lacking,
        "counts": summary.counts,
    }


def _pair(share: Share) -> dict[str, int]:
    return {"part": share.part, "whole": share.whole}


def _shown(row: dict[str, Any]) -> dict[str, str]:
    """A row for people: shares as percentages."""
    return {
        name: str(Share(**value)) if isinstance(value, dict) else f"{value:,}" if isinstance(value, int) else value
        for name, value in row.items()
        if name in _HEADINGS
    }


def _day(text: str) -> int:
    try:
        return day_of(date.fromisoformat(text))
    except ValueError as error:
        raise InputError("--since is a day, like 2026-11-01") from error
