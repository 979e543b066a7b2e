"""A hospital's month with known truth: what of it is there, right, once, and under its owner.

    python -m bench.quality [--patients N] [--seed S] [--records N] [--readers N]

First a generated month (`bench.month`) goes through the real write path in one process, message by message at its time
of arrival, and is held against its truth. Then a short month goes to a running stack, with chain and custodians, and is
read by its patients; and records go to another, whose patients open them as soon as they can. Exit code 1 if a figure
misses its goal.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from bench.lines import Progress, line, percentile, run, scratch
from bench.month import Month, month, total
from bench.month_chain import over_chain
from bench.month_check import Outcome, Share, put_through
from bench.quality_reading import read_as_patients
from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.core.quality import total as sum_up
from tests.integration.world import build

READABLE_SECONDS = 10.0
_RATE = 10.0
_SHORT = 8


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__.partition("\n")[0])
    parser.add_argument("--patients", type=int, default=800, help="people of the month, about nine messages each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--records", type=int, default=300, help="records sent to the running stack; 0 leaves that out")
    parser.add_argument("--readers", type=int, default=6, help="patients who open them")
    told = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with scratch("quality") as folder, Progress() as progress:
        progress.tell("telling a month")
        one = month(told.seed, told.patients)
        began = time.monotonic()
        outcome = put_through(
            one, folder, lambda place: progress.tell(f"{place:,} of {len(one.arrivals):,} messages", every=1)
        )
        missed = list(_month(one, outcome, time.monotonic() - began))
        if told.records:
            missed += _running(folder, told, progress)
    for what in missed:
        sys.stdout.write(f"  missed: {what}\n")
    sys.exit(1 if missed else 0)


def _month(one: Month, outcome: Outcome, seconds: float) -> Iterator[str]:
    """Print what the month came to; what misses its goal."""
    figures = sum_up(outcome.figures)
    figure = (
        f"{len(one.arrivals):,} messages about {len(one.people):,} people and {len(one.records):,} records in"
        f" {seconds:,.0f} s, {outcome.versions:,} versions"
    )
    line("month", figure, "", "quality")
    wrongly = outcome.kept.whole - outcome.kept.right
    goals: tuple[tuple[str, str, str, bool, list[str]], ...] = (
        _share("completeness: records that say what is true", outcome.records, 0.98),
        _share("resends removed", outcome.removed, 0.95),
        (
            "removed though it says something new",
            f"{wrongly:,} of {outcome.kept.whole:,}",
            "0",
            wrongly == 0,
            outcome.kept.others,
        ),
        _share("ownership: records under the right person", outcome.owners, 0.99),
        _share("numbers merged, linked on chain", outcome.merged, 1.0),
        _share("orders of another patient, invalid on chain", outcome.withdrawn, 1.0),
        _share("malformed ones in quarantine", outcome.held, 1.0),
    )
    for name, figure, goal, holds, others in goals:
        line(f"  {name}", figure, goal, "quality")
        if others:
            sys.stdout.write(f"    not so: {', '.join(others)}\n")
        if not holds:
            yield f"{name}: {', '.join(others)}"
    lost = {source: numbers for source, numbers in one.lost.items() if numbers}
    missing, found = sum(map(len, lost.values())), sum(map(len, outcome.gaps.values()))
    figure = (
        f"{missing:,} numbers never came, {found:,} open gaps name them; {figures.get('numbers.late', 0):,} came late"
        f" and closed theirs; coverage {figures['numbers'] / (figures['numbers'] + missing):.2%}"
    )
    line("  sender-side numbering", figure, "the same", "quality")
    if outcome.gaps != lost:
        yield "the open gaps are not the numbers that never came"
    differing = [name for name, count in total(one.arrivals).items() if figures.get(name, 0) != count]
    figure = f"{len(total(one.arrivals)) - len(differing)} of {len(total(one.arrivals))} measures equal to the truth"
    line("  figures of quality", figure, "all", "quality")
    if differing:
        yield f"figures of quality differ: {', '.join(differing)}"
    for name, part, whole in (
        ("codes in a known system", "codes.known", "codes"),
        ("units of UCUM", "units.known", "units"),
        ("elements present in reports", "present.report", "required.report"),
        ("elements present in demographics", "present.demographics", "required.demographics"),
    ):
        line(f"    {name}", f"{figures[part] / figures[whole]:.1%} of {figures[whole]:,}", "", "quality")


def _share(name: str, share: Share, least: float) -> tuple[str, str, str, bool, list[str]]:
    holds = share.right >= least * share.whole
    return name, str(share), f"≥ {least:.0%}" if least < 1 else "all", holds, share.others


def _running(folder: Path, told: argparse.Namespace, progress: Progress) -> Iterator[str]:
    """Two stacks on a chain of their own: a short month read by its patients, then how soon records can be read."""
    with Anvil(AnvilSettings(free_port())) as anvil:
        progress.tell("deploying contracts, admitting institutions")
        with anvil.instant():
            world = build(anvil)
        try:
            progress.tell("a short month over the running stack")
            share = over_chain(world, folder / "month", month(told.seed, _SHORT))
            opening = read_as_patients(world, folder / "reading", told.readers, told.records, _RATE, progress)
        finally:
            world.chain.close()
    line(f"short month of {_SHORT} people on a real chain, read by its patients", str(share), "≥ 98%", "quality")
    if share.right < 0.98 * share.whole:
        yield f"short month: {', '.join(share.others)}"
    seconds = opening.seconds
    p99 = percentile(seconds, 0.99)
    figure = (
        f"p50 {percentile(seconds, 0.5):.1f} s, p99 {p99:.1f} s, most {max(seconds):.1f} s; {len(seconds):,} records at"
        f" {_RATE:g}/s opened by {told.readers} patients in {opening.asked:,} requests ({opening.again:,} tried again)"
    )
    line("receipt to readable by the patient", figure, f"p99 ≤ {READABLE_SECONDS:.0f} s", "quality")
    if p99 > READABLE_SECONDS:
        yield f"receipt to readable: p99 {p99:.1f} s"


if __name__ == "__main__":
    run(main)
