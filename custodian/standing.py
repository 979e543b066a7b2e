"""Standing: whether a record version may go out at all: anchored, valid, not ordered to be destroyed, newest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from custodian.rules import Custodian, View, prefetch
from salus.core.codes import Code
from salus.core.custody import BatchRef, KeptRecord
from salus.core.ids import ParticipantId, RecordId, order_id
from salus.core.ports import ChainReader
from salus.core.state import RecordStatus

BATCH_TAG = 1
_REFUSALS = {
    RecordStatus.INVALID: Code.RECORD_INVALID,
    RecordStatus.ORDERED: Code.RECORD_DESTROYED,
    RecordStatus.DESTROYED: Code.RECORD_DESTROYED,
}


def anchored_at(chain: ChainReader, batch: BatchRef, view: View) -> int:
    """When a batch was anchored by its source, with the same count and custodian set; 0 if not, at the final block."""
    anchor = chain.anchor(batch.source, batch.root, view.final)
    expected = (batch.count, batch.custodian_set, BATCH_TAG)
    return anchor.anchored_at if (anchor.count, anchor.custodian_set, anchor.tag) == expected else 0


def prefetch_anchors(custodian: Custodian, batches: Iterable[BatchRef], view: View) -> None:
    """Fetch what `anchored_at` will read of these batches."""
    custodian.chain.prefetch([("anchor", (batch.source, batch.root)) for batch in batches], view.final)


def settle(custodian: Custodian, records: Iterable[KeptRecord], view: View) -> list[KeptRecord]:
    """The records, with what the chain says now of those not known to be anchored; what is found is remembered."""
    kept = list(records)
    carrying = custodian.store.batches_of(record.key for record in kept if not record.anchored)
    batches = {batch.key: batch for several in carrying.values() for batch in several}
    prefetch_anchors(custodian, batches.values(), view)
    anchored = {key: at for key, batch in batches.items() if (at := anchored_at(custodian.chain, batch, view))}
    if anchored:
        custodian.store.mark_anchored(anchored)
    now = {key for key, several in carrying.items() if any(batch.key in anchored for batch in several)}
    return [replace(record, anchored=True) if record.key in now else record for record in kept]


def prefetch_states(custodian: Custodian, records: Iterable[KeptRecord], view: View) -> None:
    """Fetch what `chain_refusal` will read of these records."""
    reads = [("record_state", (record.source, name)) for record in records for name in _names(record)]
    prefetch(custodian.chain, view, reads)


def chain_refusal(chain: ChainReader, record: KeptRecord, view: View) -> Code | None:
    """Why the source's later word keeps a record version back: invalid, or ordered to be destroyed; at either block."""
    for at in view.stamps:
        for name in _names(record):
            code = _REFUSALS.get(chain.record_state(record.source, name, at).status)
            if code is not None:
                return code
    return None


def _names(record: KeptRecord) -> tuple[bytes, bytes]:
    """Under which the registry keeps an order for the record, and an invalidation of the version."""
    return order_id(record.leaf.record_id, record.leaf.subject), record.leaf_hash


def superseded(custodian: Custodian, records: Sequence[KeptRecord], view: View) -> set[int]:
    """Keys of the records of which a newer version is anchored at the final block."""
    by_source: dict[ParticipantId, set[RecordId]] = {}
    for record in records:
        by_source.setdefault(record.source, set()).add(record.leaf.record_id)
    store = custodian.store
    newest: dict[ParticipantId, dict[RecordId, int]] = {}
    for source, wanted in by_source.items():
        settle(custodian, store.unanchored_of(source, wanted), view)
        newest[source] = store.newest(source, wanted)
    return {
        record.key for record in records if newest[record.source].get(record.leaf.record_id, 0) > record.leaf.version
    }
