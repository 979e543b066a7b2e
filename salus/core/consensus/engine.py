"""The engines whose headers can be checked without trusting a node, behind one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from salus.core.consensus.clique import Clique
from salus.core.consensus.qbft import Qbft
from salus.core.consensus.snapshot import Snapshot
from salus.core.errors import SetupError
from salus.core.header import Header

EPOCH = 30_000
"""Blocks of an epoch where the genesis file names none."""


class Engine(Protocol):
    """One engine's rules over headers and snapshots: pure, so a follower and a receipt are checked alike."""

    @property
    def name(self) -> str:
        """`clique` or `qbft`."""
        ...

    def hash(self, header: Header) -> bytes:
        """Hash by which the chain knows a block: what its child names as parent."""
        ...

    def genesis(self, header: Header) -> Snapshot:
        """Snapshot of a block 0 that is trusted.

        Raises:
            IntegrityError: not a genesis block of this engine.
        """
        ...

    def follow(self, parent: Snapshot, header: Header) -> Snapshot:
        """Snapshot after a child of a trusted block.

        Raises:
            IntegrityError: names what does not hold: link, form, seals, turn, listed validators.
        """
        ...

    def final(self, trail: Sequence[Snapshot], sealers: Sequence[bytes]) -> int:
        """Index of the newest final block of a trail: blocks, oldest first, the first final; `sealers` sealed each."""
        ...

    def attest(self, validators: Sequence[bytes], headers: Sequence[Header]) -> None:
        """Check that headers show their first one to be final, to somebody who knows the validators and no other block.

        Raises:
            IntegrityError: they do not, or there are more of them than it takes.
        """
        ...

    def sealer(self, header: Header) -> bytes:
        """Account that sealed (Clique) or proposed (QBFT) a block.

        Raises:
            IntegrityError: there is no seal.
        """
        ...

    def equivocation(self, a: Header, b: Header) -> bool:
        """Whether two headers, each checked, show that sealers broke the engine's promise.

        Raises:
            IntegrityError: one of them is malformed.
        """
        ...


def engine_of(name: str, epoch: int = EPOCH) -> Engine:
    """Engine of a setting: `clique`, `qbft` (as GoQuorum counts votes) or `qbft-besu` (as Besu does).

    Raises:
        SetupError: none of them.
    """
    match name:
        case "clique":
            return Clique(epoch)
        case "qbft":
            return Qbft(epoch)
        case "qbft-besu":
            return Qbft(epoch, besu=True)
        case _:
            raise SetupError(f"the engine is clique, qbft or qbft-besu, not {name!r}")
