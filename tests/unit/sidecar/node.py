"""A member's node and a registry in memory: the complete ports of the sidecar."""

from __future__ import annotations

from dataclasses import replace

from salus.core.errors import UnavailableError
from salus.core.ids import ParticipantId
from salus.core.node import Action, NodeState, Seat, Verb
from salus.core.state import BlockStamp


def key(name: str) -> bytes:
    return name.encode().ljust(64, b"k")


def account(name: str) -> bytes:
    return name.encode().ljust(20, b"a")


def seat(name: str, *, active: bool = True) -> Seat:
    own = account(name)
    return Seat(ParticipantId(name.encode().ljust(32)), active, key(name), own, frozenset({own}))


class MemoryNode:
    """A node that does what it is told; `away` does not answer, `refuses` are verbs that fail."""

    def __init__(self, own: str, sealing: str) -> None:
        others = frozenset(key(name) for name in sealing if name != own)
        accounts = frozenset(map(account, sealing))
        self.now = NodeState(key(own), account(own), others, others, accounts, accounts, {})
        self.away = False
        self.refuses: set[Verb] = set()
        self.told: list[Action] = []

    def quorum(self, validators: int) -> int:
        return validators // 2 + 1

    def state(self) -> NodeState:
        if self.away:
            raise UnavailableError("the node does not answer")
        return self.now

    def carry_out(self, action: Action) -> None:
        if self.away or action.verb in self.refuses:
            raise UnavailableError(f"the node does not {action.verb}")
        self.told.append(action)
        now, votes = self.now, dict(self.now.votes)
        match action.verb:
            case Verb.ALLOW:
                self.now = replace(now, allowed=now.allowed | {action.target})
            case Verb.FORGET:
                away = {action.target}
                self.now = replace(now, allowed=now.allowed - away, connected=now.connected - away)
            case Verb.VOTE_IN | Verb.VOTE_OUT:
                self.now = replace(now, votes={**votes, action.target: action.verb is Verb.VOTE_IN})
            case Verb.DISCARD:
                del votes[action.target]
                self.now = replace(now, votes=votes)


class MemoryRegistry:
    """Members by name; `away` cannot be read."""

    def __init__(self, names: str) -> None:
        self.rows = [seat(name) for name in names]
        self.block = 10
        self.away = False

    def seats(self, validators: int) -> tuple[BlockStamp, tuple[Seat, ...]]:
        del validators
        if self.away:
            raise UnavailableError("the registry cannot be read")
        return BlockStamp(self.block, bytes(32), 0), tuple(self.rows)
