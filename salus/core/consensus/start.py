"""What a follower is given to trust, in any of the three forms it goes from hand to hand in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salus.core.consensus.engine import Engine
from salus.core.consensus.snapshot import Snapshot
from salus.core.errors import IntegrityError
from salus.core.genesis import genesis_header
from salus.core.header import Header


def trusted_start(engine: Engine, shown: Any) -> Snapshot:
    """Snapshot out of a kept snapshot, a genesis file, or block 0 as `eth_getBlockByNumber` shows it.

    Raises:
        IntegrityError: none of them, or not of this engine.
    """
    if not isinstance(shown, Mapping) or not shown.keys() & {"validators", "alloc", "extraData"}:
        raise IntegrityError("this is no snapshot, no genesis file, and no block 0 as eth_getBlockByNumber shows it")
    if "validators" in shown:
        return Snapshot.from_json(shown)
    return engine.genesis(genesis_header(shown) if "alloc" in shown else Header.from_json(shown))
