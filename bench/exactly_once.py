"""Whether every message answered AA stands on the chain once, by the oracle's database and the chain's events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import text

from oracle.intake.receive import receive
from oracle.sitekey import SiteKey
from salus.adapters.database.engine import open_engine, reading
from salus.core.ids import LeafHash
from salus.core.journal import BatchState, MessageState
from salus.core.merkle import MerkleTree
from salus.core.ports import ChainEvent


class MiscountError(Exception):
    """Something was lost, doubled or anchored otherwise than it was made."""


def require_anchored_once(
    sent: Sequence[bytes], listener: str, site: SiteKey, database: str, events: Iterable[ChainEvent]
) -> int:
    """Compare what was sent and answered AA with journal, outbox and `BatchAnchored` events; number of records.

    `database` is the URL of the oracle's.

    Raises:
        MiscountError: says what differs.
    """
    engine = open_engine(database, read_only=True)
    with reading(engine) as connection:
        done = text("SELECT message_hash FROM oracle_message WHERE state = :state")
        journal = {bytes(row[0]) for row in connection.execute(done, {"state": int(MessageState.DONE)})}
        whole = connection.execute(text("SELECT count(*) FROM oracle_message")).scalar_one()
        records = Counter(row[0] for row in connection.execute(text("SELECT message FROM oracle_record_version")))
        found = connection.execute(text("SELECT key, root, size, state FROM oracle_batch"))
        batches = [(row.key, bytes(row.root), row.size, row.state) for row in found]
        leaves: dict[int | None, list[LeafHash]] = {}
        versions = connection.execute(text("SELECT batch, leaf_hash FROM oracle_record_version ORDER BY key"))
        for batch, leaf in versions:
            leaves.setdefault(batch, []).append(LeafHash(bytes(leaf)))
    engine.dispose()
    expected = {site.digest("message", listener, *receive(raw).message_key) for raw in sent}
    _require(journal == expected and whole == len(expected), f"{len(sent)} messages were answered AA, {whole} are kept")
    _require(len(records) == whole, f"{whole - len(records)} messages made no record")
    _require(None not in leaves, f"{len(leaves.get(None, ()))} records are in no batch")
    anchored = Counter(bytes(event.args["root"]) for event in events)
    counts = {bytes(event.args["root"]): int(event.args["count"]) for event in events}
    for key, root, size, batch_state in batches:
        _require(batch_state == int(BatchState.ANCHORED), f"batch {key} is not anchored for the oracle")
        _require(anchored[root] == 1, f"batch {key} was anchored {anchored[root]} times")
        _require(size == counts[root] == len(leaves[key]), f"batch {key} has another size on chain")
        _require(MerkleTree(leaves[key]).root == root, f"the leaves of batch {key} don't rebuild its root")
    _require(anchored.total() == len(batches), f"{anchored.total() - len(batches)} anchors belong to no batch")
    everything = [leaf for several in leaves.values() for leaf in several]
    _require(len(set(everything)) == len(everything) == sum(counts.values()), "a leaf was anchored twice")
    return len(everything)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise MiscountError(what)
