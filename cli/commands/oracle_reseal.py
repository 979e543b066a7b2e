"""`salus oracle reseal`: records of an old custodian set are made again for the one the oracle deals to now."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from cli import output
from cli.commands.oracle_messages import Reason, Source, acting
from cli.exits import WARNED
from cli.world.journal import journal_of
from oracle.reseal import Progress, Resealed, Why
from salus.core.ids import hex32


def reseal(
    source: Source,
    from_set: Annotated[int, typer.Option("--from-set", min=1, help="Number of the old custodian set.")],
    rate: Annotated[int, typer.Option(min=1, max=1000, help="Messages a second at most.")] = 20,
    reason: Reason = "",
) -> None:
    """Make new versions of records that an old custodian set holds, for the set the running oracle deals to.

    What the messages that are kept still say, as it stands, is dealt anew; the old versions stay. Stop it when you like
    and run it again: it takes up what is left, and makes nothing twice. What stays in the old set is listed by record
    and reason; exit code 10 if anything but destroyed records does.

    Example: salus oracle reseal here --from-set 1 --rate 50
    """
    with journal_of(source) as kept:
        done = kept.reseal.run(from_set, acting(), rate, reason, _tell)
    left = [{"record": hex32(one.record_id), "why": one.why.value} for one in done.left]
    output.emit({"found": done.found, "resealed": done.moved, "left": left}, _lines(done))
    if any(one.why is not Why.DESTROYED for one in done.left):
        raise typer.Exit(WARNED)


def _tell(progress: Progress) -> None:
    output.say(f"{progress.looked} records looked at, {progress.messages} messages read again")


def _lines(done: Resealed) -> list[str]:
    counts = Counter(one.why for one in done.left)
    stay = ", ".join(f"{count} {why.value}" for why, count in sorted(counts.items()))
    lines = [f"{done.moved} of {done.found} records have a version in another set now" + f"; left: {stay}" * bool(stay)]
    lines += [f"  {hex32(one.record_id)} {one.why.value}" for one in done.left if one.why is not Why.DESTROYED]
    if counts[Why.DIFFERENT] and not done.moved:
        lines.append("does the oracle deal to a new set? SALUS_ORACLE_CUSTODIAN_SET counts from its next start")
    return lines
