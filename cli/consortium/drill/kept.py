"""Whether an oracle's database holds every acknowledged message once, and the chain all that was made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cli.consortium.drill.counts import Counts
from cli.consortium.drill.senders import Owed
from cli.consortium.drill.tables import Tables
from oracle.intake.receive import receive
from oracle.sitekey import SiteKey
from salus.core.journal import BatchState, MessageState
from salus.core.merkle import MerkleTree

_Row = tuple[int, int]
"""Key and state of a message."""


def count_messages(
    database: Tables,
    source: str,
    owed: Sequence[Owed],
    site: SiteKey,
    anchored: Mapping[bytes, int],
    counts: Counts,
) -> None:
    """Every message is kept once and processed, and each of its versions is in one batch whose root is on chain.

    `anchored` are the roots the source has on chain, with their counts of leaves.
    """
    kept, made = _kept(database), _versions(database)
    good = _whole_batches(database, anchored, counts)
    listeners = [row[0] for row in database.execute("SELECT DISTINCT listener FROM oracle_message")]
    counts.messages += len(owed)
    found = set[int]()
    for one in owed:
        row = _row_of(one, kept, listeners, site)
        if row is None:
            counts.differ("lost", f"a message to {source} was acknowledged and is not kept")
            continue
        key, state = row
        if key in found:
            counts.differ("doubled", f"two messages to {source} are one")
        found.add(key)
        batches = made.get(key, [])
        counts.versions += len(batches)
        if state != MessageState.DONE or not batches:
            counts.differ("lost", f"message {key} of {source} is {MessageState(state).name}, {len(batches)} versions")
        elif one.exactly_one and len(batches) > 1:
            counts.differ("doubled", f"message {key} of {source} became {len(batches)} versions")
        for batch in batches:
            if batch not in good:
                counts.differ("lost", f"a version of message {key} of {source} is in no batch that is on chain")
    for key in {key for key, _ in kept.values()} - found:
        counts.differ("doubled", f"{source} keeps message {key}, which no sender was told of")


def _row_of(
    one: Owed, kept: Mapping[tuple[bytes, bytes], _Row], listeners: Sequence[str], site: SiteKey
) -> _Row | None:
    judged = receive(one.raw)
    raw = site.digest("raw", judged.sha256)
    for listener in listeners:
        if (row := kept.get((site.digest("message", listener, *judged.message_key), raw))) is not None:
            return row
    return None


def _kept(database: Tables) -> dict[tuple[bytes, bytes], _Row]:
    rows = database.execute("SELECT message_hash, raw_hash, key, state FROM oracle_message")
    return {(bytes(message), bytes(raw)): (key, state) for message, raw, key, state in rows}


def _versions(database: Tables) -> dict[int, list[int | None]]:
    """Batches of the record versions made of each message."""
    found: dict[int, list[int | None]] = {}
    for message, batch in database.execute("SELECT message, batch FROM oracle_record_version ORDER BY key"):
        found.setdefault(message, []).append(batch)
    return found


def _whole_batches(database: Tables, anchored: Mapping[bytes, int], counts: Counts) -> set[int]:
    """Batches that say they are anchored, whose leaves rebuild a root that is on chain with their count."""
    leaves: dict[int, list[bytes]] = {}
    query = "SELECT batch, leaf_hash FROM oracle_record_version WHERE batch IS NOT NULL"
    for batch, leaf in database.execute(query):
        leaves.setdefault(batch, []).append(bytes(leaf))
    good, roots = set[int](), set[bytes]()
    for key, root, state in database.execute("SELECT key, root, state FROM oracle_batch"):
        members = leaves.get(key, [])
        roots.add(bytes(root))
        if state != BatchState.ANCHORED or anchored.get(bytes(root)) != len(members):
            continue  # its versions are counted as lost, one by one
        if MerkleTree(members).root == bytes(root):
            good.add(key)
        else:
            counts.differ("broken", f"the leaves of batch {key} don't rebuild its root")
    for root in set(anchored) - roots:
        counts.differ("broken", f"root {root.hex()[:8]} is on chain and in no batch")
    return good
