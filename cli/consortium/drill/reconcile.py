"""Whether everything that was promised came about, once: told from the chain, the oracles' and custodians' databases.

| count | what it is |
| --- | --- |
| lost | a message answered AA without its record versions anchored; an access answered without its entry on chain |
| doubled | a message kept twice, a root anchored twice, a leaf in two batches, an access with two entries |
| early | a custodian's release whose access was not granted at a block that was final by then |
| broken | nodes of different final chains, a log that does not recompute, a batch that is not what was anchored |
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cli.consortium.drill.senders import Owed
from cli.world.cast import CUSTODIANS, VALIDATORS, Name
from cli.world.layout import World
from cli.world.networks import clique_of
from oracle.intake.receive import receive
from oracle.sitekey import SiteKey
from salus.adapters.chain import audit_log
from salus.adapters.chain.connect import Chain, connect
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.ids import AccessId, Address, hex32
from salus.core.journal import BatchState, MessageState
from salus.core.merkle import MerkleTree
from salus.core.ports import ChainEvent
from salus.core.state import BlockStamp
from salus.flows.deploy import Deployment

_SEALS_TO_BE_FINAL = len(VALIDATORS) // 2 + 1
_NAMED = 20


@dataclass(slots=True)
class Counts:
    """What was looked at, and what is wrong. `named` says more of the first wrong ones."""

    messages: int = 0
    versions: int = 0
    anchors: int = 0
    accesses: int = 0
    releases: int = 0
    entries: int = 0
    lost: int = 0
    doubled: int = 0
    early: int = 0
    broken: int = 0
    named: list[str] = field(default_factory=list)

    @property
    def all_right(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.early or self.broken)

    def differ(self, kind: str, what: str) -> None:
        """Count something wrong: kind is the name of a count."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.named) < _NAMED:
            self.named.append(f"{kind}: {what}")


@dataclass(frozen=True, slots=True)
class Promises:
    """What people were told: messages by source, accesses granted and denied."""

    messages: Mapping[Name, list[Owed]]
    granted: list[AccessId]
    denied: list[AccessId]


class Ledger:
    """What the chain says, read once: final blocks don't change, and it is counted if they do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._events: list[ChainEvent] = []
        self._read: BlockStamp | None = None
        self._heads: dict[bytes | None, LogHead] = {}
        self._times: dict[int, int] = {}

    def reconcile(self, promises: Promises) -> Counts:
        """Count everything so far, at the newest block that is final at every node.

        Raises:
            UnavailableError: a node is away.
        """
        counts, nodes = Counts(), clique_of(self._world.folder, self._world.ports).nodes
        council = council_of(self._world)
        chains = [connect(node.url, council, f"clique:{len(VALIDATORS)}") for node in nodes.values()]
        try:
            at = self._agreed(chains, counts)
            self._follow(chains[0], at)
            self._log_recomputes(chains[0], at, counts)
            self._releases(chains[0], at, counts)
        finally:
            for chain in chains:
                chain.close()
        self._accesses(promises, counts)
        anchors = Counter(self._anchored())
        for source, owed in promises.messages.items():
            _messages(self._world, source, owed, self._anchored_by(source), counts)
        counts.anchors = len(anchors)
        for (_, root), times in anchors.items():
            if times > 1:
                counts.differ("doubled", f"root {root.hex()[:8]} was anchored {times} times")
        return counts

    def _agreed(self, chains: list[Chain], counts: Counts) -> BlockStamp:
        """The newest block that is final everywhere; nodes that have another at its height are told."""
        lowest = min((chain.reader.final() for chain in chains), key=lambda stamp: stamp.number)
        for chain, name in zip(chains, VALIDATORS, strict=True):
            if chain.reader.block(lowest.number).hash != lowest.hash:
                counts.differ("broken", f"the node of {name} has another block {lowest.number}, which is final")
        before = self._read
        if before is not None and chains[0].reader.block(before.number).hash != before.hash:
            counts.differ("broken", f"block {before.number} was final and was taken back")
        return lowest

    def _follow(self, chain: Chain, at: BlockStamp) -> None:
        first = 0 if self._read is None else self._read.number + 1
        for event in chain.reader.events(first, at.number) if first <= at.number else []:
            self._events.append(event)
            if event.name == "Appended":
                self._append(event, chain.reader.chain_id)
        self._read = at

    def _append(self, event: ChainEvent, chain_id: int) -> None:
        args = event.args
        entry = Entry(
            Address(args["emitter"]), args["key"], args["kind"], args["code"], args["referenceId"], args["time"]
        )
        for key in (None, entry.key):
            self._heads[key] = self._heads.get(key, LogHead()).after(entry.digest(chain_id))

    def _log_recomputes(self, chain: Chain, at: BlockStamp, counts: Counts) -> None:
        counts.entries = self._heads.get(None, LogHead()).count
        reads = [audit_log.global_slot() if key is None else audit_log.slot(key) for key in self._heads]
        for (key, head), stored in zip(self._heads.items(), chain.reader.read_all(reads, at), strict=True):
            if stored != head.slot():
                counts.differ("broken", f"the log of {'all' if key is None else key.hex()[:8]} does not recompute")
        outcomes = Counter(
            (event.args["kind"], event.args["referenceId"])
            for event in self._events
            if event.name == "Appended"
            and event.args["kind"] in {EntryKind.ACCESS_GRANTED, EntryKind.ACCESS_DENIED, EntryKind.BATCH_ANCHORED}
        )
        for (kind, reference), times in outcomes.items():
            if times > 1:
                counts.differ("doubled", f"{EntryKind(kind).name} {reference.hex()[:8]} has {times} entries")

    def _accesses(self, promises: Promises, counts: Counts) -> None:
        for name, told in (("AccessGranted", promises.granted), ("AccessDenied", promises.denied)):
            found = {bytes(event.args["accessId"]) for event in self._events if event.name == name}
            counts.accesses += len(told)
            for access in told:
                if bytes(access) not in found:
                    counts.differ("lost", f"access {access.hex()[:8]} was answered and has no {name} on chain")

    def _releases(self, chain: Chain, at: BlockStamp, counts: Counts) -> None:
        granted = {
            hex32(event.args["accessId"]): event.block_number for event in self._events if event.name == "AccessGranted"
        }
        for custodian in CUSTODIANS:
            database = self._world.folder / custodian / "custodian.db"
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
                rows = connection.execute("SELECT reference, at FROM custody_log WHERE kind = 'release'").fetchall()
            counts.releases += len(rows)
            for access, moment in rows:
                if access not in granted:
                    counts.differ("early", f"{custodian} released {access[:10]}, which has no final entry")
                    continue
                final_from = granted[access] + _SEALS_TO_BE_FINAL
                if final_from > at.number or moment < self._time_of(chain, final_from):
                    counts.differ("early", f"{custodian} released {access[:10]} before its entry was final")

    def _time_of(self, chain: Chain, number: int) -> int:
        if number not in self._times:
            self._times[number] = chain.reader.block(number).timestamp
        return self._times[number]

    def _anchored(self) -> Iterable[tuple[bytes, bytes]]:
        for event in self._events:
            if event.name == "BatchAnchored":
                yield bytes(event.args["sourceId"]), bytes(event.args["root"])

    def _anchored_by(self, source: Name) -> dict[bytes, int]:
        participant = self._world.ids[source]
        return {
            bytes(event.args["root"]): int(event.args["count"])
            for event in self._events
            if event.name == "BatchAnchored" and event.args["sourceId"] == participant
        }


def council_of(world: World) -> Address:
    """Address of the world's Council."""
    return Deployment.from_json(json.loads(world.deployment_file.read_text())).address("Council")


def _messages(world: World, source: Name, owed: list[Owed], anchored: Mapping[bytes, int], counts: Counts) -> None:
    """Every acknowledged message: kept once, processed, its versions each in one batch whose root is on chain."""
    counts.messages += len(owed)
    site = SiteKey(bytes.fromhex(world.keys.site_key_file(source).read_text().strip()), bytes)
    with sqlite3.connect(f"file:{world.folder / f'{source}-oracle' / 'oracle.db'}?mode=ro", uri=True) as connection:
        kept = _kept(connection)
        good = _whole_batches(connection, anchored, counts)
        batches = _batches_of(connection)
        listeners = {row[0] for row in connection.execute("SELECT DISTINCT listener FROM oracle_message")}
    found = 0
    for one in owed:
        judged = receive(one.raw)
        keys = [
            (site.digest("message", name, *judged.message_key), site.digest("raw", judged.sha256)) for name in listeners
        ]
        at = [kept[key] for key in keys if key in kept]
        found += len(at)
        if len(at) != 1:
            counts.differ("doubled" if at else "lost", f"a message to {source} is kept {len(at)} times")
            continue
        key, state = at[0]
        made = batches.get(key, [])
        counts.versions += len(made)
        if state != MessageState.DONE or not made or (one.exactly_one and len(made) != 1):
            counts.differ("lost", f"a message to {source} is {MessageState(state).name} with {len(made)} versions")
        for batch in made:
            if batch not in good:
                counts.differ("lost", f"a version of a message to {source} is in no anchored batch")
    for _ in range(len(kept) - found):
        counts.differ("doubled", f"{source} keeps a message that nobody was told of")


def _kept(connection: sqlite3.Connection) -> dict[tuple[bytes, bytes], tuple[int, int]]:
    rows = connection.execute("SELECT message_hash, raw_hash, key, state FROM oracle_message")
    return {(bytes(message), bytes(raw)): (key, state) for message, raw, key, state in rows}


def _batches_of(connection: sqlite3.Connection) -> dict[int, list[int | None]]:
    found: dict[int, list[int | None]] = {}
    for message, batch in connection.execute("SELECT message, batch FROM oracle_record_version ORDER BY key"):
        found.setdefault(message, []).append(batch)
    return found


def _whole_batches(connection: sqlite3.Connection, anchored: Mapping[bytes, int], counts: Counts) -> set[int]:
    """Batches that say they are anchored, whose leaves rebuild a root that is on chain with their count."""
    leaves: dict[int, list[bytes]] = {}
    for batch, leaf in connection.execute(
        "SELECT batch, leaf_hash FROM oracle_record_version WHERE batch IS NOT NULL ORDER BY key"
    ):
        leaves.setdefault(batch, []).append(bytes(leaf))
    good: set[int] = set()
    roots: set[bytes] = set()
    for key, root, state in connection.execute("SELECT key, root, state FROM oracle_batch"):
        members = leaves.get(key, [])
        roots.add(bytes(root))
        if state == BatchState.ANCHORED and anchored.get(bytes(root)) == len(members):
            if MerkleTree(members).root == bytes(root):
                good.add(key)
            else:
                counts.differ("broken", f"the leaves of batch {key} don't rebuild its root")
    for root in anchored:
        if root not in roots:
            counts.differ("broken", f"root {root.hex()[:8]} is on chain and in no batch")
    return good
