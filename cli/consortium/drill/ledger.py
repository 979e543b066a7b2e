"""What the chain says of all that was promised, the same at every node; what custodians released and stores have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from cli.consortium.drill.counts import Counts, Promises
from cli.consortium.drill.envelopes import anchored_envelopes, count_envelopes
from cli.consortium.drill.kept import count_messages
from cli.consortium.drill.tables import tables_of
from cli.world.cast import CUSTODIANS, VALIDATORS, Name
from cli.world.layout import World
from cli.world.networks import clique_of
from oracle.sitekey import SiteKey
from salus.adapters.chain import audit_log
from salus.adapters.chain.connect import Chain, connect
from salus.adapters.content.address import content_store
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.ids import AccessId, Address, hex32
from salus.core.ports import ChainEvent
from salus.core.state import BlockStamp
from salus.flows.deploy import Deployment

_SEALS_TO_BE_FINAL = len(VALIDATORS) // 2 + 1
"""Blocks on top of one that make it final: no signer seals two of so many in a row (EIP-225)."""
_ONCE = {EntryKind.ACCESS_GRANTED, EntryKind.ACCESS_DENIED, EntryKind.BATCH_ANCHORED}


class Ledger:
    """The chain of a world, read once: final blocks don't change, and it is counted if they do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._events: list[ChainEvent] = []
        self._read: BlockStamp | None = None
        self._times: dict[int, int] = {}

    def reconcile(self, promises: Promises) -> Counts:
        """Count everything so far, at the newest block that is final at every node.

        Raises:
            UnavailableError: a node, of the chain or of the content, or the database server is away.
        """
        counts, nodes = Counts(), clique_of(self._world.folder, self._world.ports).nodes
        council = Deployment.from_json(json.loads(self._world.deployment_file.read_text())).address("Council")
        chains = [connect(node.url, council, f"clique:{len(VALIDATORS)}") for node in nodes.values()]
        try:
            at, chain = self._agreed(chains, counts), chains[0]
            self._follow(chain, at)
            heads = heads_of(self._events, chain.reader.chain_id)
            reads = [audit_log.global_slot() if key is None else audit_log.slot(key) for key in heads]
            count_log(heads, dict(zip(heads, chain.reader.read_all(reads, at), strict=True)), counts)
            self._releases(chain, at, counts)
        finally:
            for each in chains:
                each.close()
        count_outcomes(self._events, promises.granted, promises.denied, counts)
        for source, owed in promises.messages.items():
            secret = self._world.keys.site_key_file(source).read_text().strip()
            with tables_of(self._world.database_url(f"{source}-oracle", "oracle")) as database:
                site = SiteKey(bytes.fromhex(secret), bytes)
                count_messages(database, source, owed, site, self._anchored_by(source), counts)
        with closing(content_store(self._world.content_address)) as store:
            count_envelopes(store, anchored_envelopes(self._world, counts), counts)
        return counts

    def _agreed(self, chains: Sequence[Chain], counts: Counts) -> BlockStamp:
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
        if first <= at.number:
            self._events += chain.reader.events(first, at.number)
        self._read = at

    def _releases(self, chain: Chain, at: BlockStamp, counts: Counts) -> None:
        granted = {hex32(e.args["accessId"]): e.block_number for e in self._events if e.name == "AccessGranted"}
        for custodian in CUSTODIANS:
            with tables_of(self._world.database_url(custodian, "custodian")) as database:
                found = list(database.execute("SELECT reference, at FROM custody_log WHERE kind = 'release'"))
            counts.releases += len(found)
            for access, moment in found:
                final_from = granted.get(access, at.number) + _SEALS_TO_BE_FINAL
                # A block's time is never ahead of the clock of whoever takes it in.
                if final_from > at.number or moment < self._time_of(chain, final_from):
                    counts.differ("early", f"{custodian} released {access[:10]} before its entry was final, or without")

    def _time_of(self, chain: Chain, number: int) -> int:
        if number not in self._times:
            self._times[number] = chain.reader.block(number).timestamp
        return self._times[number]

    def _anchored_by(self, source: Name) -> dict[bytes, int]:
        participant = self._world.ids[source]
        return {
            bytes(event.args["root"]): int(event.args["count"])
            for event in self._events
            if event.name == "BatchAnchored" and event.args["sourceId"] == participant
        }


def heads_of(events: Iterable[ChainEvent], chain_id: int) -> dict[bytes | None, LogHead]:
    """Heads of the log's chains as its events add up; the global chain under None."""
    heads: dict[bytes | None, LogHead] = {None: LogHead()}
    for event in events:
        if event.name != "Appended":
            continue
        args = event.args
        entry = Entry(
            Address(args["emitter"]), args["key"], args["kind"], args["code"], args["referenceId"], args["time"]
        )
        for key in (None, entry.key):
            heads[key] = heads.get(key, LogHead()).after(entry.digest(chain_id))
    return heads


def count_log(heads: Mapping[bytes | None, LogHead], stored: Mapping[bytes | None, int], counts: Counts) -> None:
    """Compare heads with the storage words of the AuditLog at the same block."""
    counts.entries = heads[None].count
    for key, head in heads.items():
        if stored[key] != head.slot():
            counts.differ("broken", f"the log of {'all' if key is None else key.hex()[:8]} does not recompute")


def count_outcomes(
    events: Sequence[ChainEvent], granted: Sequence[AccessId], denied: Sequence[AccessId], counts: Counts
) -> None:
    """Every answered access has its outcome on chain; no outcome and no anchor is there twice."""
    for name, told in (("AccessGranted", granted), ("AccessDenied", denied)):
        found = {bytes(event.args["accessId"]) for event in events if event.name == name}
        counts.accesses += len(told)
        for access in told:
            if bytes(access) not in found:
                counts.differ("lost", f"access {access.hex()[:8]} was answered and has no {name} on chain")
    entries = Counter(
        (event.args["kind"], bytes(event.args["referenceId"]))
        for event in events
        if event.name == "Appended" and event.args["kind"] in _ONCE
    )
    anchors = Counter(
        (bytes(event.args["sourceId"]), bytes(event.args["root"])) for event in events if event.name == "BatchAnchored"
    )
    counts.anchors = len(anchors)
    for (kind, reference), times in entries.items():
        if times > 1:
            counts.differ("doubled", f"{EntryKind(kind).name} {reference.hex()[:8]} has {times} entries")
    for (_, root), times in anchors.items():
        if times > 1:
            counts.differ("doubled", f"root {root.hex()[:8]} was anchored {times} times")
