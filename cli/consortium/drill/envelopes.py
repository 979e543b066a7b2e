"""Whether the envelope of every anchored record version can be had where envelopes lie, and is what its leaf says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from cli.consortium.drill.counts import Counts
from cli.consortium.drill.tables import Tables, tables_of
from cli.world.cast import WITH_ORACLE
from cli.world.layout import World
from salus.adapters.database.oracle_records import leaf_from_bytes
from salus.core.errors import IntegrityError, NotFoundError
from salus.core.hashing import sha256
from salus.core.journal import BatchState
from salus.core.ports import ContentStore

_AT_ONCE = 8


def anchored_envelopes(world: World, counts: Counts) -> list[bytes]:
    """Digests of the envelopes of all oracles' anchored versions.

    Raises:
        UnavailableError: the database server is away.
    """
    found = list[bytes]()
    for name in WITH_ORACLE:
        with tables_of(world.database_url(f"{name}-oracle", "oracle")) as tables:
            found += _anchored(tables, world.network.chain_id, counts)
    return found


def _anchored(tables: Tables, chain_id: int, counts: Counts) -> Iterator[bytes]:
    """The leaf a digest stands in is hashed again: that hash is in a batch whose root is on chain (`kept`)."""
    states = dict(tuple(row) for row in tables.execute("SELECT key, state FROM oracle_batch"))
    rows = tables.execute("SELECT batch, leaf_hash, leaf FROM oracle_record_version WHERE batch IS NOT NULL")
    for batch, leaf_hash, stored in rows:
        if states[batch] != BatchState.ANCHORED:
            continue
        leaf = leaf_from_bytes(bytes(stored))
        if leaf.hash(chain_id) != bytes(leaf_hash):
            counts.differ("broken", f"the leaf {bytes(leaf_hash).hex()[:8]} is not what its hash says")
        yield leaf.envelope_digest


def count_envelopes(store: ContentStore, digests: Sequence[bytes], counts: Counts) -> None:
    """Read every envelope back and hash it.

    Raises:
        UnavailableError: one can't be had now, since a node is away.
    """

    def looked_at(digest: bytes) -> tuple[str, str] | None:
        try:
            data = store.get(digest)
        except (NotFoundError, IntegrityError) as error:
            return "lost", f"the envelope {digest.hex()[:8]}: {error}"
        return None if sha256(data) == digest else ("broken", f"the envelope {digest.hex()[:8]} has other bytes")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for wrong in pool.map(looked_at, digests):
            if wrong is not None:
                counts.differ(*wrong)
    counts.envelopes += len(digests)
