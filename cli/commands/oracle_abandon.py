"""`salus oracle abandon`: what waits for a custodian set that has lost a member for good is made anew for another."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from cli import output
from cli.commands.oracle_messages import Reason, Source, acting
from cli.exits import WARNED
from cli.world.journal import abandoning_of
from oracle.abandon import Abandoned, Progress
from salus.core.abandon import Fate
from salus.core.ids import hex32


def abandon(
    source: Source,
    of_set: Annotated[int, typer.Option("--set", min=1, help="Number of the set that has lost a member for good.")],
    reason: Reason = "",
) -> None:
    """Give up what waits for a custodian set that has lost a member for good, and have it made anew for another.

    A batch goes on chain only when every member of its set has it. Open batches of the set are broken up, their shares
    erased, and the messages processed again for the set the running oracle deals to: nothing is lost, doubled or left
    out. Start the oracle with the new set first. Stop this when you like and run it again. What stays is listed by
    record and reason; exit code 10 if anything does.

    Example: salus oracle abandon here --set 1 --reason "custodian 3 closed"
    """
    with abandoning_of(source) as abandoning:
        done = abandoning.run(of_set, acting(), reason, _tell)
    left = [{"record": hex32(record), "why": why.value} for record, why in done.left]
    counts = {fate.value: done.versions.get(fate, 0) for fate in (Fate.AGAIN, Fate.SUPERSEDED, Fate.ORDERED)}
    told = {"batches": done.batches, "messages": done.messages, "versions": counts, "envelopesLeft": done.envelopes}
    output.emit(told | {"left": left}, _lines(done))
    if left or done.envelopes:
        raise typer.Exit(WARNED)


def _tell(progress: Progress) -> None:
    output.say(f"{progress.looked} of {progress.of} record versions looked at")


def _lines(done: Abandoned) -> list[str]:
    counts = {fate: done.versions.get(fate, 0) for fate in (Fate.AGAIN, Fate.SUPERSEDED, Fate.ORDERED)}
    stay = ", ".join(f"{count} {why.value}" for why, count in sorted(Counter(why for _, why in done.left).items()))
    given_up = f"{sum(counts.values())} record versions given up, {done.batches} batches broken up"
    lines = [f"{given_up}; {done.messages} messages are processed again for {counts[Fate.AGAIN]} of them"]
    if counts[Fate.SUPERSEDED]:
        lines.append(f"{counts[Fate.SUPERSEDED]} had a later version: they stay without shares, and are never anchored")
    if counts[Fate.ORDERED]:
        lines.append(f"{counts[Fate.ORDERED]} are of records to be destroyed, and no longer hold that up")
    if done.envelopes:
        lines.append(
            f"{done.envelopes} envelopes could not be removed, the content store did not answer: nobody needs them"
        )
    if stay:
        lines.append(f"records that stay in the set: {stay}")
    return lines + [f"  {hex32(record)} {why.value}" for record, why in done.left]
