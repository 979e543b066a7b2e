"""What drills came to: lines while they are played, a row each in the table at the end, and a page in Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from cli.consortium.drill.course import Result

HEADINGS = {
    "drill": "drill",
    "recovered": "recovers in (s)",
    "lost": "lost",
    "doubled": "doubled",
    "early": "released early",
    "wrong": "wrong",
    "messages": "messages",
    "accesses": "accesses",
    "releases": "releases",
    "envelopes": "envelopes",
    "passed": "",
}
_PAGE = """# {title}

Written by `{command}`.
{day}, {machine}: four geth nodes (Clique, one block a second), three custodians, two oracles, five APIs, watch,
sidecars, keeper, {stores}, and the traffic:
two sources at {rate:g} messages a second each, a nurse and a doctor at hospital B who list and open records all the
time, a patient who gives hospital A consents and takes them back.

A message is owed once it was answered AA. Lost: not on chain in the end. Doubled: kept, anchored or entered twice.
Early: shares released before the access was final on chain. Wrong: a good consent refused, a revoked one obeyed, nodes
that disagree about final blocks, or a log that does not recompute. Counts are of everything since the first drill.
After each drill the envelope of every anchored record version is read back from where envelopes lie and hashed: one
that can't be had is lost, one that is not what was anchored is wrong.

| drill | what was done | well again (s) | lost | doubled | early | wrong | messages | accesses | releases | envelopes |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""
_FILES, _SERVERS = (
    "a folder of envelopes, a SQLite file for each service",
    "three Kubo nodes of three institutions (two copies of each envelope), one PostgreSQL server for all services",
)
_GOOD = ("AA", "listed", "opened", "consent given", "consent revoked", "denied after a revocation")


def row(result: Result) -> dict[str, Any]:
    """A row of the table; what was looked at adds up from drill to drill."""
    counts = result.counts
    return {
        "drill": result.name,
        "recovered": None if result.recovered is None else f"{result.recovered:.1f}",
        "lost": counts.lost,
        "doubled": counts.doubled,
        "early": counts.early,
        "wrong": counts.broken + len(result.wrong),
        "messages": counts.messages,
        "accesses": counts.accesses,
        "releases": counts.releases,
        "envelopes": counts.envelopes,
        "passed": "passed" if result.passed else "FAILED",
    }


def facts(result: Result) -> dict[str, Any]:
    """Everything, for `--json`."""
    counts = result.counts
    return {
        **row(result),
        "passed": result.passed,
        "done": result.done,
        "seen": result.seen,
        "status": result.status,
        "broken": counts.broken,
        "versions": counts.versions,
        "anchors": counts.anchors,
        "entries": counts.entries,
        "named": counts.named,
        "wrongAnswers": result.wrong,
        "trouble": result.trouble,
    }


def lines(result: Result) -> list[str]:
    """What is said when a drill has ended."""
    took = "did not recover" if result.recovered is None else f"well again after {result.recovered:.1f} s"
    counts = result.counts
    verdict = "[green]passed[/green]" if result.passed else "[red]FAILED[/red]"
    found = [f"{verdict} {result.name}: {result.done}; {took}"]
    found += [f"     {who}: {told}" for who, told in _seen(result)]
    found += [f"     salus consortium status: {'; '.join(result.status)}"] if result.status else []
    found.append(
        f"     so far {counts.messages} messages, {counts.anchors} batches, {counts.accesses} accesses, "
        f"{counts.releases} releases, {counts.entries} entries, {counts.envelopes} envelopes: "
        f"lost {counts.lost}, doubled {counts.doubled}, early {counts.early}, broken {counts.broken}"
    )
    return found + [
        f"     [red]{what}[/red]" for what in (*counts.named, *result.wrong, *filter(None, [result.trouble]))
    ]


def markdown(results: Sequence[Result], command: str, rate: float, *, stores: bool = False) -> str:
    """The page: what was done, what people saw, and the counts."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores shared by everything"
    head = _PAGE.format(
        title="Drills of the stores" if stores else "Drills",
        command=command,
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=machine,
        stores=_SERVERS if stores else _FILES,
        rate=rate,
    ).splitlines()
    table = []
    for result in results:
        cells = row(result)
        figures = ("recovered", "lost", "doubled", "early", "wrong", "messages", "accesses", "releases", "envelopes")
        table.append(f"| {result.name} | {result.done} | {' | '.join(str(cells[name]) for name in figures)} |")
    seen = [
        "",
        "## What people saw",
        "",
        "Numbers of answers from the start of the drill to the end of its counting.",
        "",
    ]
    for result in results:
        told = "; ".join(f"{who}: {words}" for who, words in _seen(result))
        status = f"; `salus consortium status` said: {'; '.join(result.status)}" if result.status else ""
        seen.append(f"- **{result.name}** ({result.title}): {told}{status}.")
    return "\n".join([*head, *table, *seen, ""])


def _seen(result: Result) -> list[tuple[str, str]]:
    return [(who, _counted(told)) for who, told in result.seen.items()]


def _counted(told: dict[str, int]) -> str:
    """Answers in words: what came off first, then the others by number."""
    ordered = sorted(told.items(), key=lambda one: (one[0] not in _GOOD, -one[1], one[0]))
    return ", ".join(f"{what} ×{times}" for what, times in ordered) or "nothing"
