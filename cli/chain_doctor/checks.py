"""What the facts mean: one pure rule for each check, with what to do. docs/runbook.md, "When the chain is not well".

| check | asks |
| --- | --- |
| answers | does the node answer? |
| chain-id | is it the chain of the deployment? |
| clock | do this machine's clock and the nodes' agree with the blocks that are sealed now? |
| stalled | do blocks come? |
| behind | is the node up with the others? |
| peers | is it connected to the others? |
| final-blocks | do the nodes have the same final block? |
| shortened | does the node have the final blocks others remember? |
| accounts | do an account's transactions get mined, and is no nonce missing? |
| pool | is there room for transactions? |
| disk | is there room for blocks and databases? |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cli.chain_doctor.facts import Chain, Node

CLOCK_WARN_SECONDS, CLOCK_BAD_SECONDS = 2, 5
"""A custodian calls a head stale after 5 s (`SALUS_CUSTODIAN_HEAD_AGE`), so a clock wrong by that stops it."""
BEHIND_SECONDS = 6
"""As `salus.adapters.chain.nodes`: a node further behind is left for another one."""
_FULL_WARN, _FULL_BAD = 0.8, 0.95
_DISK_WARN, _DISK_BAD = 0.10, 0.05
_GIB = 1 << 30


class State(StrEnum):
    """How bad it is, worst last."""

    WELL = "well"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one node, account, disk, or of the chain; `advice` is empty while all is well."""

    check: str
    where: str
    state: State
    seen: str
    advice: str = ""


Check = Callable[[Chain], Iterable[Finding]]


def examine(chain: Chain) -> list[Finding]:
    """All checks; the worst findings first, in the order of the table otherwise."""
    found = [finding for check in CHECKS.values() for finding in check(chain)]
    return sorted(found, key=lambda finding: -list(State).index(finding.state))


def worst(findings: Iterable[Finding]) -> State:
    """The worst state; well when there is no finding."""
    return max((finding.state for finding in findings), key=list(State).index, default=State.WELL)


def answers(chain: Chain) -> Iterator[Finding]:
    """Nodes that do not answer."""
    for node in chain.nodes:
        if node.why is None:
            yield Finding("answers", node.name, State.WELL, "answers")
        else:
            advice = "start it, or mend the network to it; its log says why it ended. Services go on with other nodes"
            yield Finding("answers", node.name, State.BAD, node.why, advice)


def chain_id(chain: Chain) -> Iterator[Finding]:
    """Nodes of another chain, or without the deployment's contracts."""
    ids = Counter(node.chain_id for node in chain.answering)
    for node in chain.answering:
        expected = chain.expected.chain_id or ids.most_common(1)[0][0]
        if node.chain_id != expected:
            seen = f"chain {node.chain_id}, expected {expected}"
            yield Finding("chain-id", node.name, State.BAD, seen, "take its address out of SALUS_…_RPC_URL")
        elif node.has_council is False:
            seen = f"chain {node.chain_id}, but no contract at the Council's address"
            advice = "it is another chain of that id, or has not caught up: compare its genesis with other members'"
            yield Finding("chain-id", node.name, State.BAD, seen, advice)
        else:
            yield Finding("chain-id", node.name, State.WELL, f"chain {node.chain_id}")


def clock(chain: Chain) -> Iterator[Finding]:
    """Clocks: of this machine against blocks sealed just now, and of each node's machine."""
    moving = [node for node in chain.answering if _moved(node)]
    newest = max(moving, key=lambda node: node.head.number if node.head else 0, default=None)
    if newest is not None and newest.head is not None:
        age = newest.asked_at - newest.head.timestamp
        ahead = max(0.0, age - chain.pause)  # a block of the time between the looks may be as old as that
        off = ahead or min(0.0, age)
        told = f"is {age:.1f} s old" if age >= 0 else f"lies {-age:.1f} s in the future"
        yield _clock_of("this machine", off, f"the newest block {told} by its clock", "the validators")
    for node in chain.answering:
        if node.clock is not None:
            off = _beyond_second(node.asked_at - node.clock)
            told = (
                f"{abs(off):.1f} s {'behind' if off > 0 else 'ahead of'} this machine's" if off else "as this machine's"
            )
            yield _clock_of(f"{node.name}'s machine", off, told, "this machine")


def stalled(chain: Chain) -> Iterator[Finding]:
    """A chain of which no block came for long."""
    if not chain.answering:
        return
    newest = max((node for node in chain.answering), key=_number)
    age = newest.asked_at - (newest.head.timestamp if newest.head else 0)
    seen = f"block {_number(newest):,}, {max(0.0, age):.0f} s old"
    if any(_moved(node) for node in chain.answering) or age <= chain.expected.stalled_after:
        yield Finding("stalled", "chain", State.WELL, seen)
    else:
        advice = (
            "more than half of the validators (QBFT: two thirds) must run and reach each other: start what is dead, "
            "mend links; nothing is lost meanwhile"
        )
        yield Finding("stalled", "chain", State.BAD, f"no block in {chain.pause:.0f} s: {seen}", advice)


def behind(chain: Chain) -> Iterator[Finding]:
    """Nodes that lag behind the newest head of all."""
    newest = max((node.head.timestamp for node in chain.answering if node.head), default=0)
    most = max((_number(node) for node in chain.answering), default=0)
    for node in chain.answering:
        lag = newest - (node.head.timestamp if node.head else 0)
        if lag <= BEHIND_SECONDS:
            yield Finding("behind", node.name, State.WELL, f"block {_number(node):,}")
            continue
        seen = f"block {_number(node):,}, {most - _number(node):,} blocks and {lag} s behind"
        if node.is_syncing or _moved(node):
            yield Finding("behind", node.name, State.WARN, f"{seen}, catching up", "wait; others are asked meanwhile")
        else:
            advice = "it is cut off or stands still: look at its peers and its log; a custodian of it releases nothing"
            yield Finding("behind", node.name, State.BAD, seen, advice)


def peers(chain: Chain) -> Iterator[Finding]:
    """Nodes with too few peers."""
    expected = chain.expected.peers
    for node in chain.answering:
        if node.peers is None or expected == 0:
            continue
        seen = f"{node.peers} peers" + (f" of {expected}" if expected is not None else "")
        if node.peers == 0:
            advice = "it is alone: mend its network; is it on the members' allow-lists (`salus consortium status`)?"
            yield Finding("peers", node.name, State.BAD, seen, advice)
        elif expected is not None and node.peers < expected:
            advice = "a member's node is away or a link is cut: see which by `salus consortium status`"
            yield Finding("peers", node.name, State.WARN, seen, advice)
        else:
            yield Finding("peers", node.name, State.WELL, seen)


def final_blocks(chain: Chain) -> Iterator[Finding]:
    """Nodes that have different blocks at a height that is final for all of them."""
    shown = {node.name: node.agreed for node in chain.answering if node.agreed is not None}
    if len(shown) < 2:
        return
    hashes = Counter(block.hash for block in shown.values())
    number = min(block.number for block in shown.values())
    if len(hashes) == 1:
        yield Finding("final-blocks", "chain", State.WELL, f"all nodes have the same block {number:,}")
        return
    common = hashes.most_common(1)[0][0]
    for name, block in shown.items():
        if block.hash != common or hashes[common] * 2 <= len(shown):
            seen = f"final block {block.number:,} is {block.hash[:10]}…, of others it is not"
            advice = (
                "an incident: the chain has split. Stop custodians, keep every node's data and logs, tell the Council"
            )
            yield Finding("final-blocks", name, State.BAD, seen, advice)


def shortened(chain: Chain) -> Iterator[Finding]:
    """Nodes that lack a final block that the watch's index or a custodian remembers."""
    for node in chain.answering:
        wrong = False
        for known in chain.known:
            there = chain.at_known.get((node.name, known.who))
            if there == known.hash:
                continue
            wrong = True
            advice = "docs/runbook.md, A shortened or stopped chain: compare with other members before anything else"
            if there is not None:
                seen = f"another block {known.number:,} than {known.who} remembers as final"
                yield Finding("shortened", node.name, State.BAD, seen, advice)
            elif node.is_syncing or _moved(node):
                seen = f"ends at {_number(node):,}, below block {known.number:,} of {known.who}, catching up"
                yield Finding("shortened", node.name, State.WARN, seen, "wait until it has caught up")
            elif any(chain.at_known.get((other.name, known.who)) == known.hash for other in chain.answering):
                seen = (
                    f"ends at {_number(node):,}, below final block {known.number:,} of {known.who}; other nodes have it"
                )
                yield Finding("shortened", node.name, State.WARN, seen, "nothing is lost: look at `behind` and `peers`")
            else:
                seen = f"ends at {_number(node):,}, below final block {known.number:,} that {known.who} remembers"
                yield Finding("shortened", node.name, State.BAD, seen, advice)
        if chain.known and not wrong:
            yield Finding("shortened", node.name, State.WELL, f"has the final blocks of {len(chain.known)} parts")


def accounts(chain: Chain) -> Iterator[Finding]:
    """Accounts whose transactions wait behind a missing nonce, or wait though blocks come."""
    blocks = max((_number(node) - node.before.number for node in chain.answering if node.before), default=0)
    waiting = 0
    for account in chain.accounts:
        unmined = account.pending - account.mined
        waiting += unmined
        if account.lowest is not None and account.lowest > account.pending:
            seen = f"{account.queued} transactions wait behind nonce {account.pending}, which no pool has"
            advice = "start the service that owns it: it fills the hole; nothing else may send with its key"
            yield Finding("accounts", account.name, State.BAD, seen, advice)
        elif unmined > 0 and account.mined == account.before and blocks >= 2:
            seen = f"{unmined} transactions wait, none was mined in {blocks} blocks"
            advice = (
                "is the node it was sent to connected, its pool full, its price above zero? The service sends again"
            )
            yield Finding("accounts", account.name, State.WARN, seen, advice)
    if chain.accounts:
        seen = f"{len(chain.accounts)} accounts, {max(0, waiting)} transactions on their way"
        yield Finding("accounts", "chain", State.WELL, seen)


def pool(chain: Chain) -> Iterator[Finding]:
    """Pools that are nearly full."""
    for node in chain.answering:
        if node.pool is None:
            continue
        held = node.pool
        used = max(held.pending / max(1, held.slots), held.queued / max(1, held.queue))
        seen = f"{held.pending:,} of {held.slots:,} pending, {held.queued:,} of {held.queue:,} queued"
        advice = "" if used < _FULL_WARN else "find who sends so much (`accounts`); services wait by themselves"
        yield Finding("pool", node.name, _grade(used, _FULL_WARN, _FULL_BAD), seen, advice)


def disk(chain: Chain) -> Iterator[Finding]:
    """Disks that are nearly full."""
    for place in chain.disks:
        share = place.free / max(1, place.total)
        state = State.BAD if place.free < _GIB else _grade(1 - share, 1 - _DISK_WARN, 1 - _DISK_BAD)
        seen = f"{place.free / _GIB:,.1f} GiB free, {share:.0%}"
        advice = (
            "" if state is State.WELL else "enlarge it; a node that can't write stops, and its data may need a new sync"
        )
        yield Finding("disk", place.what, state, seen, advice)


CHECKS: dict[str, Check] = {
    "answers": answers,
    "chain-id": chain_id,
    "clock": clock,
    "stalled": stalled,
    "behind": behind,
    "peers": peers,
    "final-blocks": final_blocks,
    "shortened": shortened,
    "accounts": accounts,
    "pool": pool,
    "disk": disk,
}


def _grade(value: float, warn: float, bad: float) -> State:
    return State.BAD if value >= bad else State.WARN if value >= warn else State.WELL


def _clock_of(whose: str, off: float, seen: str, against: str) -> Finding:
    state = _grade(abs(off), CLOCK_WARN_SECONDS, CLOCK_BAD_SECONDS)
    if state is State.WELL:
        return Finding("clock", whose, state, seen)
    advice = f"set the clock of {whose} or of {against} by NTP: a custodian whose clock is 5 s ahead releases nothing"
    return Finding("clock", whose, state, seen, advice)


def _beyond_second(difference: float) -> float:
    """How far a clock of whole seconds is off for certain: it says 7 from 7.0 to 8.0."""
    return difference - 1 if difference > 1 else min(0.0, difference)


def _moved(node: Node) -> bool:
    """Whether a block came between the two looks."""
    return node.before is not None and node.head is not None and node.head.number > node.before.number


def _number(node: Node) -> int:
    return node.head.number if node.head else 0
