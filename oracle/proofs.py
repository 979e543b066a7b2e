"""Where a leaf stands in its anchored batch: the root and the Merkle path, for receipts.

A path is made of hashes and tells nothing of its neighbours; whoever asks must know the leaf's 32 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from salus.core.ids import LeafHash, Root
from salus.core.journal import AnchoredBatch
from salus.core.merkle import MerkleTree


class AnchoredBatches(Protocol):
    """The part of the outbox that is asked."""

    def anchored_with(self, leaf: LeafHash) -> AnchoredBatch: ...


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Root of the batch, and the siblings from the leaf up."""

    root: Root
    path: tuple[bytes, ...]


def inclusion_proof(leaf: LeafHash, batches: AnchoredBatches) -> InclusionProof:
    """Path of an anchored leaf.

    Raises:
        NotFoundError: this source has anchored no such leaf.
    """
    batch = batches.anchored_with(leaf)
    return InclusionProof(batch.root, MerkleTree(batch.leaves).proof(leaf))
