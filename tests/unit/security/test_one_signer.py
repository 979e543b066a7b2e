"""A node whose operator has one signer's key of four: what it can make a follower believe, and what not.

The three others are honest and seal on each other's blocks. The node may show any block that was ever sealed, and adds
blocks of its own key anywhere. Whatever it shows in whatever order, what a follower calls final is the honest chain's.
"""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from salus.adapters.chain.trusted import TrustedChain
from salus.core.consensus import Snapshot
from salus.core.errors import ForkError, IntegrityError, NodeError
from salus.core.header import Header
from tests.unit.adapters.chain.sealed_node import ENGINE, SIGNERS, SealedNode, child, genesis, start
from tests.unit.core.chains import clique_hash

ROGUE, *HONEST = SIGNERS
BLOCKS = 24


def honest_chain(chance: random.Random) -> list[Header]:
    """Blocks the honest signers agree on; now and then the rogue seals one of them as it should."""
    chain = [genesis()]
    snapshots = [start()]
    while len(chain) <= BLOCKS:
        signer = chance.choice(SIGNERS)
        number = len(chain)
        block = child(chain[-1], signer, difficulty=2 if signer == SIGNERS[number % 4] else 1)
        try:
            snapshots.append(ENGINE.follow(snapshots[-1], block))
        except IntegrityError:
            continue  # sealed lately
        chain.append(block)
    return chain


def told(chance: random.Random, honest: list[Header]) -> list[Header]:
    """A chain the node shows: honest up to somewhere, then one or several of its own, of any state and time."""
    shown = honest[: chance.randint(1, len(honest))]
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        number = shown[-1].number + 1
        shown.append(
            child(
                shown[-1],
                ROGUE,
                state_root=chance.randbytes(32),
                timestamp=shown[-1].timestamp + chance.choice((1, 1, 10**6)),
                difficulty=chance.choice((1, 2, 2 if SIGNERS[number % 4] == ROGUE else 1)),
            )
        )
    return shown


@pytest.mark.parametrize("seed", range(40))
def test_advance__anything_one_signer_seals__final_is_always_the_honest_chains(seed: int) -> None:
    chance = random.Random(seed)
    honest = honest_chain(chance)
    names = {clique_hash(block) for block in honest}
    kept: list[Snapshot] = [start()]
    reasons: list[str] = []
    node = SealedNode(chain=honest[:1])
    trusted = TrustedChain(node.rpc(), ENGINE, start(), kept.append, halt=reasons.append)
    for _ in range(12):
        node.chain = told(chance, honest)
        with suppress(NodeError, ForkError):
            trusted.advance()
        assert {snapshot.hash for snapshot in kept} <= names
        assert trusted.final().hash in names
        if chance.random() < 0.3:  # a restart
            trusted = TrustedChain(node.rpc(), ENGINE, kept[-1], kept.append, halt=reasons.append)
    node.chain = honest
    if not reasons:  # nothing it showed keeps a follower from the truth, unless it sealed twice at one place
        trusted = TrustedChain(node.rpc(), ENGINE, kept[-1], kept.append, halt=reasons.append)
        trusted.advance()
        assert trusted.head().hash == clique_hash(honest[-1])
    else:
        assert f"0x{ROGUE.account.hex()}" in reasons[0]
