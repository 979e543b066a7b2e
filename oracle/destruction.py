"""Destruction at the source: orders for what is due and agreed to, and every final order carried out to the end.

    agreements ─► file ─┐
    chain ──────────────┴► follow ─► open orders ─► custodians erase and attest ─► content, journal, outbox
                                                                     ─► negative fetch ─► done, or tried again

Also what the Council or another operator ordered is carried out. Each step may be done again, so a kill in between
loses nothing: an order is open until its record is DESTROYED on chain and none of its envelopes is found any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from oracle.metrics import Metrics
from oracle.ports import RecordStore, RetentionStore
from oracle.retention import RetentionDesk
from oracle.store import Erasing
from salus.core.errors import ChainRevert, ConflictError, NotFoundError, SalusError, UnavailableError
from salus.core.event_pages import event_pages
from salus.core.ids import ParticipantId, RecordId, SubjectRef, hex32, order_id
from salus.core.ports import ChainReader, ChainWriter, Clock, ContentStore, ContractCall, CustodianClient
from salus.core.retention import Agreement, OpenOrder, Standing
from salus.core.state import RecordStatus
from salus.flows.custody import Caller
from salus.flows.destroy import Destroying, Order, carry_out, erase_in

FIRST_SECONDS = 60
"""How long whoever ordered has to carry it out before the source does so by itself."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Filed:
    """Orders filed, agreements dropped, and names of the contract's errors where it refused an order for now."""

    filed: int = 0
    dropped: int = 0
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did: what was filed, how many orders were carried out, and how many are open still."""

    filing: Filed
    carried_out: int
    open: int


class Destruction:
    """Files and carries out. `writer` sends from the source's operator, `caller` signs calls to custodians."""

    def __init__(
        self,
        store: RetentionStore,
        desk: RetentionDesk,
        records: RecordStore,
        erasing: Erasing,
        content: ContentStore,
        chain: ChainReader,
        writer: ChainWriter,
        custodians: CustodianClient,
        caller: Caller,
        source: ParticipantId,
        clock: Clock,
        metrics: Metrics,
        pause: Callable[[float], None],
    ) -> None:
        self._store = store
        self._desk = desk
        self._records = records
        self._erasing = erasing
        self._content = content
        self._chain = chain
        self._writer = writer
        self._tools = Destroying(chain, writer, custodians, content, caller, clock, pause)
        self._source = source
        self._clock = clock
        metrics.watch_destruction(lambda: len(store.open_orders()), self.overdue)
        self._outcomes = metrics.destructions

    def sweep(self) -> Swept:
        """File what is due and agreed to, then carry out every order that is due now."""
        filed = self.file()
        self.follow()
        done = self.carry_out(0)
        return Swept(filed, done, len(self._store.open_orders()))

    def follow(self) -> int:
        """Read orders of this source's records up to the final block; how many are new or read again.

        Where the chain has lost blocks, all are read anew: of those it has no more none is open, and what was carried
        out is carried out again, which attests it again.
        """
        found, done = 0, self._store.followed()
        if done is not None and not self._holds(*done):
            _log.error("the chain has lost blocks: destruction orders are read anew", seen=done[0])
            self._store.forget_orders()
            done = None
        first = 0 if done is None else done[0] + 1
        for last, events in event_pages(self._chain, first, self._chain.final().number):
            orders = [
                OpenOrder(
                    self._source,
                    RecordId(event.args["recordId"]),
                    SubjectRef(event.args["subjectRef"]),
                    int(event.args["custodianSet"]),
                    int(event.args["erasableFrom"]),
                )
                for event in events
                if (event.contract, event.name) == ("RecordRegistry", "DestructionOrdered")
                and event.args["sourceId"] == self._source
            ]
            self._store.note(orders, last, self._chain.block(last).hash)
            found += len(orders)
        return found

    def _holds(self, number: int, block_hash: bytes) -> bool:
        try:
            return self._chain.block(number).hash == block_hash or not block_hash
        except NotFoundError:
            return False

    def file(self) -> Filed:
        """Order what patients agreed to and is due still.

        An agreement ends when its record is kept longer or held, its deadline has passed, or its subject has another
        controller.
        """
        filed = dropped = 0
        refused: list[str] = []
        for agreement in self._store.agreements():
            if self._is_void(agreement):
                self._store.drop(agreement.record_id, agreement.subject)
                dropped += 1
                continue
            try:
                self._writer.send(_order(self._source, agreement))
            except ChainRevert as error:
                if error.error == "RecordRegistryInvalidSignature":
                    self._store.drop(agreement.record_id, agreement.subject)
                    dropped += 1
                else:
                    refused.append(error.error)
                _log.warning("order refused", record=hex32(agreement.record_id), error=error.error)
                continue
            _log.info("destruction ordered", record=hex32(agreement.record_id))
            self._outcomes.labels("ordered").inc()
            filed += 1
        return Filed(filed, dropped, tuple(refused))

    def carry_out(self, margin: int = FIRST_SECONDS) -> int:
        """Carry out the open orders whose cooling-off ended `margin` seconds ago or more; how many are done now."""
        done = 0
        for order in self._store.open_orders():
            if order.erasable_from + margin > self._chain.final().timestamp:
                continue
            try:
                absent = self._carry_out(order)
            except SalusError as error:
                self._outcomes.labels("tried again").inc()
                _log.warning("not destroyed yet", record=hex32(order.record_id), reason=str(error))
                continue
            self._store.carried_out(order.record_id, order.subject, self._clock.now(), absent)
            self._outcomes.labels("destroyed").inc()
            done += 1
        return done

    def overdue(self, seconds: int = 0) -> int:
        """Orders whose cooling-off ended more than so many seconds ago, and which are not carried out."""
        before = self._clock.now() - seconds
        return sum(order.erasable_from < before for order in self._store.open_orders())

    def _is_void(self, agreement: Agreement) -> bool:
        head = self._chain.head()
        state = self._chain.record_state(self._source, order_id(agreement.record_id, agreement.subject), head)
        if state.status in (RecordStatus.ORDERED, RecordStatus.DESTROYED) or agreement.deadline <= head.timestamp:
            return True
        found = self._desk.find(agreement.record_id, agreement.subject)
        return found is None or found.standing is Standing.KEPT

    def _carry_out(self, order: OpenOrder) -> int:
        """Shares, then content, journal and outbox, then the proof; how many envelopes were asked for in vain.

        Last the shares of versions in sets that the order does not name.

        Raises:
            ConflictError: a legal hold, or an order of another patient of the record is missing.
            UnavailableError: custodians or a content node are away, or an envelope is found still; or this database
                does not know all yet: what custodians erase before, it never learns.
        """
        self._erasing.require_all_known()
        final = self._chain.final()
        if self._chain.subject(order.subject, final).hold:
            raise ConflictError("a legal hold keeps this record")
        state = self._chain.record_state(self._source, order_id(order.record_id, order.subject), final)
        filed = Order(self._source, order.record_id, order.subject, 0, order.custodian_set, b"")
        if state.status is not RecordStatus.DESTROYED:
            members = self._chain.custodian_set(order.custodian_set, final).members
            carry_out(filed, members, (), self._tools, patience=0)
        versions = self._records.versions(order.record_id)
        if all(leaf.subject != order.subject for leaf in versions):
            return 0  # unknown here, or never that patient's
        erased = self._erasing.erase(order.record_id)
        found = [digest for digest in erased.envelopes if not self._is_absent(digest)]
        say = _log.error if found else _log.info
        say("negative fetch", record=hex32(order.record_id), envelopes=len(erased.envelopes), found=len(found))
        if found:
            raise UnavailableError("some of the record's content is still there")
        # After the content, which must not wait for custodians that have left: an older set has keys of older versions.
        for custodian_set in sorted({leaf.custodian_set for leaf in versions} - {order.custodian_set}):
            erase_in(custodian_set, filed, self._tools)
        return len(erased.envelopes)

    def _is_absent(self, digest: bytes) -> bool:
        try:
            self._content.get(digest)
        except NotFoundError:
            return True
        return False


def _order(source: ParticipantId, agreement: Agreement) -> ContractCall:
    filed = Order(
        source,
        agreement.record_id,
        agreement.subject,
        agreement.deadline,
        agreement.custodian_set,
        agreement.signature,
    )
    return filed.call()


class DestructionWatch:
    """Two rhythms in a thread of their own: orders are carried out each minute, and filed every so many hours.

    `hours` 0 files nothing. `in_line` says whether this oracle is the one of its journal that may.
    """

    def __init__(
        self,
        destruction: Destruction,
        hours: int,
        in_line: Callable[[], bool],
        monotonic: Callable[[], float],
        failed: Callable[[], None],
    ) -> None:
        self._destruction = destruction
        self._hours = hours
        self._in_line = in_line
        self._monotonic = monotonic
        self._failed = failed
        self._next_filing = monotonic()

    def run(self, wait: Callable[[float], bool]) -> None:
        """Go on until `wait` (seconds) says that it is the end."""
        while not wait(FIRST_SECONDS):
            if not self._in_line():
                continue
            self._once("follow", self._destruction.follow)
            self._once("carry out", partial(self._destruction.carry_out, FIRST_SECONDS))
            if self._hours and self._monotonic() >= self._next_filing:
                self._once("file", self._destruction.file)
                self._next_filing = self._monotonic() + self._hours * 3600

    def _once(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - tried again at the next round; the alert tells if it lasts
            self._failed()
            _log.warning("destructions not looked at", step=what, error=type(error).__name__)
