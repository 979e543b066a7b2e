"""What was seen of a chain: facts without judgement. Times are Unix seconds of this machine unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Block:
    """A block by number and hash, with the time its sealer wrote into it."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Pool:
    """Transactions a node holds, and how many it has room for: executable ones, and those behind a missing nonce."""

    pending: int
    queued: int
    slots: int
    queue: int


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `why` it did not answer, else None; what it can't say is None.

    `before` is its head at the first look, `head` and `final` at the second, at which `asked_at` was the time here and
    `clock` that of its machine (HTTP Date, whole seconds). `agreed` is its block at the height all are compared at.
    """

    name: str
    why: str | None = None
    chain_id: int | None = None
    has_council: bool | None = None
    before: Block | None = None
    head: Block | None = None
    final: Block | None = None
    agreed: Block | None = None
    asked_at: float = 0.0
    clock: int | None = None
    peers: int | None = None
    is_syncing: bool = False
    pool: Pool | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A sender account. `before` and `mined` count its transactions on the chain at the two looks, `pending` also those
    that wait executable in a pool; `queued` wait behind a missing nonce, the lowest of them has nonce `lowest`."""

    name: str
    address: str
    before: int
    mined: int
    pending: int
    queued: int = 0
    lowest: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A final block that a part remembers."""

    who: str
    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Disk:
    """Where something is written, and the room of that disk in bytes."""

    what: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known beforehand: chain id and Council of the deployment (None: of no deployment), how many peers each
    node should have (None: unknown), and after how many seconds without a block a chain stands still."""

    chain_id: int | None = None
    council: str | None = None
    peers: int | None = None
    stalled_after: float = 10.0


@dataclass(frozen=True, slots=True)
class Chain:
    """Everything seen. `pause` is the time between the two looks, in seconds."""

    expected: Expected
    pause: float
    nodes: tuple[Node, ...]
    accounts: tuple[Account, ...] = ()
    known: tuple[Known, ...] = ()
    disks: tuple[Disk, ...] = ()
    at_known: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """(node, who) → hash of the node's block at that known number; None where it has none."""

    @property
    def answering(self) -> tuple[Node, ...]:
        """Nodes that said what their head is."""
        return tuple(node for node in self.nodes if node.why is None and node.head is not None)
