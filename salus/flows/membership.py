"""What a member's sidecar tells its node, so that the node follows the registry.

| the registry says | the node |
| --- | --- |
| active and accredited, with a node key | lets that node in and dials it |
| … with a validator's address | votes it in, once enough validators would live beside it |
| suspended, expelled, expired, or another key by now | votes its validator out, then lets its node go |
| nothing about an account that seals | leaves it: genesis put it there, people must say whose it is |
| nothing about a node | lets it go |

A sidecar acts for a member only: while its own node is not one of an active participant it tells the node nothing. So
a consortium that is being founded, or whose accreditations end all on one day, keeps its chain. No vote is cast that
could leave fewer living validators than the engine needs, and one validator is put out at a time (ADR 21).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from salus.core.node import Action, NodeState, Seat, Verb

Quorum = Callable[[int], int]
"""Living validators an engine needs, of so many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to tell the node, in order, and what is for people to know.

    `member`: the node is one of an active participant. `withheld` are accounts that are not voted in or out because too
    few validators would live. `unclaimed` are validators that no admitted participant ever named.
    """

    member: bool
    actions: tuple[Action, ...] = ()
    withheld: frozenset[bytes] = frozenset()
    unclaimed: frozenset[bytes] = frozenset()


def plan(seats: Sequence[Seat], node: NodeState, quorum: Quorum) -> Plan:
    """What makes a node follow the seats; nothing once it does. The same for any order of seats."""
    active = [seat for seat in seats if seat.active]
    unclaimed = node.validators.difference(*(seat.named for seat in seats))
    if node.key not in {seat.node_key for seat in active}:
        return Plan(member=False, unclaimed=unclaimed)
    ballot, withheld = _ballot(seats, active, node, quorum)
    actions = (*_peers(seats, node), *_votes(ballot, node))
    return Plan(member=True, actions=actions, withheld=withheld, unclaimed=unclaimed)


def _peers(seats: Sequence[Seat], node: NodeState) -> list[Action]:
    """Nodes to let in and to let go. Who still seals stays connected until it is voted out: the chain needs it."""
    wanted = {
        seat.node_key
        for seat in seats
        if seat.node_key is not None and (seat.active or not seat.named.isdisjoint(node.validators))
    } - {node.key}
    known = node.allowed | node.stale | node.connected
    return [
        *(Action(Verb.ALLOW, key) for key in sorted(wanted - node.allowed)),
        *(Action(Verb.FORGET, key) for key in sorted(known - wanted)),
    ]


def _ballot(
    seats: Sequence[Seat], active: Sequence[Seat], node: NodeState, quorum: Quorum
) -> tuple[Mapping[bytes, bool], frozenset[bytes]]:
    """Votes this node should have open, and accounts withheld."""
    wanted = {seat.validator: seat.node_key for seat in active if seat.validator is not None}
    former = frozenset[bytes]().union(*(seat.named for seat in seats)) & node.validators - wanted.keys()
    ballot: dict[bytes, bool] = {}
    withheld: set[bytes] = set()
    seated, living = set(node.validators), set(node.living)

    def goes_on(validators: set[bytes], alive: set[bytes]) -> bool:
        return bool(validators) and len(validators & alive) >= quorum(len(validators))

    for account in sorted(wanted.keys() - node.validators):
        here = {account} if wanted[account] in node.connected | {node.key} else set()
        if goes_on(seated | {account}, living | here):
            seated, living = seated | {account}, living | here
            ballot[account] = True
        else:
            withheld.add(account)
    # The dead first: without them the quorum of the others falls. All sidecars have the same order, or votes would
    # never meet.
    for account in sorted(former, key=lambda each: (each in node.living, each)):
        put_out = {account}
        if not goes_on(set(node.validators) - put_out, set(node.living)) or not goes_on(seated - put_out, living):
            withheld.add(account)
        elif False not in ballot.values():
            ballot[account] = False
    return ballot, frozenset(withheld)


def _votes(ballot: Mapping[bytes, bool], node: NodeState) -> list[Action]:
    """What brings the node's own votes to a ballot; who is no validator has none."""
    if node.account not in node.validators:
        ballot = {}
    return [
        *(Action(Verb.DISCARD, account) for account in sorted(node.votes.keys() - ballot.keys())),
        *(
            Action(Verb.VOTE_IN if wanted else Verb.VOTE_OUT, account)
            for account, wanted in sorted(ballot.items())
            if node.votes.get(account) is not wanted
        ),
    ]
