"""`salus quality`: how well each sender of an oracle sends, by docs/quality.md; of all oracles of a running world."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any

import typer

from cli import output
from cli.world.cast import WITH_ORACLE
from cli.world.journal import journal_of
from salus.core.days import date_of, day_at, day_of
from salus.core.errors import InputError
from salus.core.numbering import OpenGap
from salus.core.quality import HELD, TAKEN, Share, Summary, summaries

_DAYS = 30
_PROMPT_SECONDS = 10
_MOST_LACKING = 5
_MOST_GAPS = 10
_UNREAD = {
    "values": "are not written as their type (OBX-2) says, and are kept as words",
    "statuses": "(OBX-11) are none of HL7 table 0085: these results have the status unknown",
}
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
    oracle: Annotated[
        str, typer.Option(help="One institution of the running world; `here`: SALUS_ORACLE_… settings in force.")
    ] = "",
) -> None:
    """Completeness, standard codes, resends, delays and missing messages of each source."""
    first = _day(since) if since else day_at(int(time.time())) - _DAYS
    rows: list[dict[str, Any]] = []
    for name in (oracle,) if oracle else WITH_ORACLE:
        with journal_of(name) as kept:
            gaps = kept.quality.gaps(source=source)
            found = summaries(kept.quality.figures(first, source), gaps)
        rows += [{"oracle": str(name), **_row(one, gaps)} for one in found]
    if output.is_json():
        output.emit(rows)
        return
    output.emit_table([_shown(row) for row in rows], _HEADINGS, f"no messages since {date_of(first)}")
    for row in rows:
        listed = list(row["lacking"].items())[:_MOST_LACKING]
        if listed:
            words = ", ".join(f"{name} {count:,}" for name, count in listed)
            output.console.print(f"{row['source']} lacks most: {words}", markup=False)
    for row in rows:
        for what, wrong in _UNREAD.items():
            if unread := row[what]["whole"] - row[what]["part"]:
                output.console.print(f"{row['source']}: {unread:,} {what} {wrong}", markup=False)
    for row in rows:
        if row["gaps"]:
            told = ", ".join(_numbers(**gap) for gap in row["gaps"][:_MOST_GAPS])
            more = ", …" if len(row["gaps"]) > _MOST_GAPS else ""
            output.console.print(f"numbers of {row['source']} that never came: {told}{more}", markup=False)


def _row(summary: Summary, gaps: Iterable[OpenGap]) -> dict[str, Any]:
    return {
        "source": summary.source,
        "messages": summary.of(TAKEN),
        "held": summary.of(HELD),
        "resends": _pair(summary.resends),
        "completeness": _pair(summary.completeness),
        "codes": _pair(summary.known("codes")),
        "units": _pair(summary.known("units")),
        "demographics": _pair(summary.known("demographics")),
        "values": _pair(summary.known("values")),
        "statuses": _pair(summary.known("statuses")),
        "received": _pair(summary.within("sent", _PROMPT_SECONDS)),
        "anchored": _pair(summary.within("anchored", _PROMPT_SECONDS)),
        "coverage": _pair(summary.coverage),
        "missing": summary.missing,
        "gaps": [
            {"first": one.gap.first, "last": one.gap.last, "since": one.gap.noticed_at}
            for one in gaps
            if one.source == summary.source
        ],
        "lacking": summary.lacking,
        "counts": summary.counts,
    }


def _numbers(first: int, last: int, since: int) -> str:
    which = str(first) if first == last else f"{first} to {last}"
    return f"{which} (noticed {output.clock(since)})"


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
