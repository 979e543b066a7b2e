"""A member's own chain node, as the sidecar beside it sees it: whom it lets in, for whom it votes.

Node keys are the 64 bytes of a secp256k1 public key (devp2p), accounts the 20 bytes of an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from salus.core.ids import ParticipantId

NODE_KEY = 64
ACCOUNT = 20


class Verb(StrEnum):
    """What a node can be told. The first two are about node keys, the others about accounts that seal."""

    ALLOW = "allow"
    FORGET = "forget"
    VOTE_IN = "vote-in"
    VOTE_OUT = "vote-out"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to tell the node; telling it twice is telling it once."""

    verb: Verb
    target: bytes


@dataclass(frozen=True, slots=True)
class Seat:
    """A participant that was admitted once.

    `node_key` and `validator` are None where the registry has none. `active`: it may take part now, that is, active and
    accredited. `named` are all accounts it ever named as its validator, the present one among them.
    """

    participant: ParticipantId
    active: bool
    node_key: bytes | None = None
    validator: bytes | None = None
    named: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as it is.

    `key` and `account` are its own. `allowed` are the nodes its allow-list names, at the addresses the address book
    gives them now, `stale` those it names otherwise; `connected` its peers, allowed or not. `validators` may seal the
    next block, `living` are those of them that sealed lately. `votes` are its own, not yet discarded: True to let in,
    False to put out.
    """

    key: bytes
    account: bytes
    allowed: frozenset[bytes]
    connected: frozenset[bytes]
    validators: frozenset[bytes]
    living: frozenset[bytes]
    votes: Mapping[bytes, bool]
    stale: frozenset[bytes] = frozenset()


class NodeAdmin(Protocol):
    """Who administers one node."""

    def quorum(self, validators: int) -> int:
        """Living validators this engine needs to go on, of so many."""
        ...

    def state(self) -> NodeState:
        """The node as it is now.

        Raises:
            UnavailableError: it does not answer.
            SetupError: its files, or the address book, cannot be read.
        """
        ...

    def carry_out(self, action: Action) -> None:
        """Tell the node one thing, and make it stay told when the node is started again.

        Raises:
            UnavailableError: the node does not answer.
            NotFoundError: this engine needs the address of a node to let it in, and the address book has none.
        """
        ...
