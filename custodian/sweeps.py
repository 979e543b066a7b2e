"""Sweeps: what a custodian does by itself: follow destruction orders, note what is anchored, anchor its log, drop keys.

A custodian serves only after its first sweep of orders: one restored from a backup erases again what was erased since.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import structlog

from custodian.destroy import NoOrderError, erase_ordered
from custodian.metrics import Metrics
from custodian.rules import Custodian, look
from custodian.standing import anchored_at, prefetch_anchors
from custodian.wrap import period_at
from salus.core.custody import Order, log_root
from salus.core.days import SHANGHAI_OFFSET, day_at
from salus.core.errors import ConflictError, SalusError
from salus.core.event_pages import event_pages
from salus.core.ids import ParticipantId, RecordId, SubjectRef
from salus.core.ports import ChainWriter, ContractCall

BATCHES_AT_ONCE = 500
LOG_TAG = 2
_DAY = 86400
_HOUR = 3600
_SETTLING_SECONDS = 60
_log = structlog.get_logger("custodian")


def sweep_orders(custodian: Custodian) -> int:
    """Read destruction orders up to the final block and carry out those that are due; returns how many records.

    One that can't be carried out holds up no other, and is told at the end: this custodian has not caught up then.
    """
    view = look(custodian)
    store = custodian.store
    for last, events in event_pages(custodian.chain, store.swept_block() + 1, view.final.number):
        orders = [
            Order(
                ParticipantId(event.args["sourceId"]),
                RecordId(event.args["recordId"]),
                SubjectRef(event.args["subjectRef"]),
                int(event.args["erasableFrom"]),
            )
            for event in events
            if (event.contract, event.name) == ("RecordRegistry", "DestructionOrdered")
        ]
        store.note_orders(orders, last)
    carried_out, failed = 0, None
    for order in store.orders():
        if order.erasable_from > view.final.timestamp:
            continue
        try:
            erase_ordered(custodian, order.source, order.record_id, order.subject, view)
            carried_out += 1
        except ConflictError:
            continue  # a legal hold: the order stays until it is lifted
        except NoOrderError:  # a node made it up
            store.drop_order(order.source, order.record_id, order.subject)
        except SalusError as error:
            failed = error
    if failed is not None:
        raise failed
    return carried_out


def sweep_anchors(custodian: Custodian) -> int:
    """Note which of the last hour's batches are anchored, so that lists and releases need not; returns how many."""
    view = look(custodian)
    batches = custodian.store.open_batches(custodian.clock.now() - _HOUR, BATCHES_AT_ONCE)
    prefetch_anchors(custodian, batches, view)
    anchored = {batch.key: at for batch in batches if (at := anchored_at(custodian.chain, batch, view))}
    if anchored:
        custodian.store.mark_anchored(anchored)
    return len(anchored)


def sweep_log(custodian: Custodian, writer: ChainWriter) -> int:
    """Anchor the roots of the log's days that are over; returns how many. A day without entries has no root."""
    store, chain, now = custodian.store, custodian.chain, custodian.clock.now()
    begun = store.first_log_time()
    if begun is None:
        return 0
    done = store.anchored_log_day()
    anchored = 0
    for day in range(day_at(begun) if done is None else done + 1, day_at(now - _SETTLING_SECONDS)):
        start = day * _DAY - SHANGHAI_OFFSET
        entries = store.log_between(start, start + _DAY)
        root = log_root(entries) if entries else None
        if root is not None:
            if chain.anchor(custodian.id, root, chain.head()).anchored_at == 0:
                writer.send(ContractCall("RecordRegistry", "anchor", (root, len(entries), 0, LOG_TAG)))
                anchored += 1
            if chain.anchor(custodian.id, root, chain.final()).anchored_at == 0:
                break  # a receipt is the node's word; the next sweep looks at a later final block
        store.set_anchored_log_day(day, root)
    return anchored


def sweep_periods(custodian: Custodian) -> int:
    """Erase the keys of past months that no share needs any more; returns how many.

    Only of months that this store's log covers: a database that is empty, because its disk is not there or a setting
    names another, knows of no share, and the one that comes back would need every key.
    """
    begun = custodian.store.first_log_time()
    if begun is None:
        return 0
    first, present = period_at(begun), period_at(custodian.clock.now() - _DAY)
    past = {period for period in custodian.keys.periods() if first <= period < present}
    idle = past - custodian.store.periods_in_use()
    for period in sorted(idle):
        custodian.keys.erase(period)
    return len(idle)


class Sweeper:
    """Runs the sweeps again and again in a thread of its own; `caught_up` is set after the first sweep of orders."""

    def __init__(self, custodian: Custodian, writer: ChainWriter, metrics: Metrics, seconds: float) -> None:
        self._custodian = custodian
        self._metrics = metrics
        self._seconds = seconds
        self._sweeps: tuple[tuple[str, Callable[[], int]], ...] = (
            ("orders", lambda: sweep_orders(custodian)),
            ("anchors", lambda: sweep_anchors(custodian)),
            ("log", lambda: sweep_log(custodian, writer)),
            ("periods", lambda: sweep_periods(custodian)),
        )
        self.caught_up = Event()

    def run(self, stop: Event) -> None:
        """Sweep until told to stop. A sweep that fails is tried again at the next turn."""
        while True:
            for name, sweep in self._sweeps:
                self._once(name, sweep)
            if stop.wait(self._seconds if self.caught_up.is_set() else min(1.0, self._seconds)):
                return

    def _once(self, name: str, sweep: Callable[[], int]) -> None:
        try:
            done = sweep()
        except SalusError as error:
            self._metrics.sweep_failures.labels(name).inc()
            _log.warning("sweep failed", sweep=name, error=type(error).__name__, reason=str(error))
            return
        except Exception as error:  # noqa: BLE001 - a sweep must not end the thread that all sweeps share
            self._metrics.sweep_failures.labels(name).inc()
            _log.error("sweep failed", sweep=name, error=type(error).__name__)
            return
        if name == "orders":
            self.caught_up.set()
        if done:
            _log.info("swept", sweep=name, count=done)
