"""Consensus engines: headers checked, votes replayed, finality decided, without trusting a node."""

from salus.core.consensus.clique import Clique
from salus.core.consensus.engine import Engine, engine_of
from salus.core.consensus.qbft import Qbft
from salus.core.consensus.snapshot import Snapshot
from salus.core.consensus.votes import Vote

__all__ = ["Clique", "Engine", "Qbft", "Snapshot", "Vote", "engine_of"]
