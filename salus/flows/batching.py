"""Requests that arrive together go to the chain together: many operator-signed requests in one transaction of a relay.

    record → wait for company → sign each → requestMany → mined → final → each caller gets its own outcome

| while | a request that arrives |
| --- | --- |
| nothing of this ledger is on its way to a block | departs at once |
| a batch is on its way | waits for others, at most `seconds`, or until there are `most` |

No thread of its own: of the callers that wait, the first leads a batch for all in it, and names the next to lead.
The gateway skips a bad item and records the others, so nobody pays for a neighbour's fault. An access is on chain at
most once, whatever is sent again: `ACCESS_KNOWN` means that an earlier copy arrived, and its outcome is the outcome.
Source: docs/protocol.md section 5, `requestMany`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from salus.core import signatures
from salus.core.access import Access, AccessKind
from salus.core.codes import Code
from salus.core.eip712 import Domain
from salus.core.errors import ChainRevert, InputError, SalusError, UnavailableError
from salus.core.ids import AccessId
from salus.core.outcome import Recorded
from salus.core.package import ConsentPackage
from salus.core.ports import ChainReader, ContractCall, Signer, TxReceipt
from salus.core.refusals import Refusal
from salus.flows.ledger import Deployed, Gateway

SECONDS = 0.25
MOST = 50
"""Requests of one transaction: 3 M gas, a tenth of a block of 30 M."""
_SKIPPED = "RequestSkipped"

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Item:
    """A caller's request. The caller sleeps until `woken`: because it is to lead, or because there is an outcome."""

    access: Access
    words: tuple[Any, Any]
    woken: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    outcome: Recorded | SalusError | None = None

    def lead(self) -> None:
        self.leads = True
        self.woken.set()

    def conclude(self, outcome: Recorded | SalusError) -> None:
        self.outcome = outcome
        self.woken.set()


@dataclass(frozen=True, slots=True)
class _Mined:
    """Requests of one mined transaction that were not refused, by the gateway that took them."""

    block_number: int
    gateway: Domain
    items: tuple[tuple[AccessId, _Item], ...]


class BatchingLedger(Deployed):
    """`AccessLedger` of an institution: its operator signs, a relay's account sends. Safe to use from several threads.

    `gateway` sends with the relay's writer, whose account need not be an operator's. Only requests under a consent go
    this way. `batches` counts the transactions that were mined, `requests` what they carried, refused items too.
    """

    def __init__(
        self, chain: ChainReader, gateway: Gateway, operator: Signer, seconds: float = SECONDS, most: int = MOST
    ) -> None:
        super().__init__(chain)
        self._gateway = gateway
        self._operator = operator
        self._seconds = seconds
        self._most = most
        self._company = threading.Condition()
        self._waiting: list[_Item] = []
        self._is_led = False
        self._underway = 0
        self.batches = 0
        self.requests = 0

    def record(self, access: Access, package: ConsentPackage | None) -> Recorded:
        """Record a request under a consent, with others that wait, and wait until its block is final.

        Raises:
            InputError: no consent.
            ChainRevert: the gateway skipped it: malformed, unknown or beyond the hourly quota; names the refusal.
            OversizeError: alone it needs more gas than a block holds.
            UnavailableError: not mined or not final in time (it may still be), or taken back by forks twice.
        """
        if access.kind is not AccessKind.CONSENT or package is None:
            raise InputError("only requests under a consent are sent together")
        item = _Item(access, (package.consent.to_words(), access.to_words()))
        self._join(item)
        while item.outcome is None:
            item.woken.wait()
            item.woken.clear()
            if item.leads:
                item.leads = False
                self._lead(self._gathered())
        if isinstance(item.outcome, SalusError):
            raise item.outcome
        return item.outcome

    @property
    def waiting(self) -> int:
        """Requests that wait for company, or for the batch before theirs to be mined."""
        with self._company:
            return len(self._waiting)

    # company

    def _join(self, item: _Item) -> None:
        with self._company:
            self._waiting.append(item)
            if not self._is_led:
                self._is_led = True
                item.lead()
            elif len(self._waiting) >= self._most:
                self._company.notify_all()

    def _gathered(self) -> list[_Item]:
        """The batch that departs now; whoever is left gets a leader."""
        with self._company:
            self._company.wait_for(lambda: len(self._waiting) >= self._most or not self._underway, self._seconds)
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._underway += 1
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].lead()
        return batch

    def _arrived(self) -> None:
        with self._company:
            self._underway -= 1
            self._company.notify_all()

    # one batch

    def _lead(self, batch: Sequence[_Item]) -> None:
        failure: SalusError = UnavailableError("the request that carried this one failed; send it again")
        try:
            self._carry(batch)
        except SalusError as trouble:
            failure = trouble
        finally:  # whatever happened, nobody is left asleep
            for item in batch:
                if item.outcome is None:
                    item.conclude(failure)

    def _carry(self, batch: Sequence[_Item]) -> None:
        try:
            mined = self._send(batch)
        finally:
            self._arrived()
        if lost := self._conclude(mined):
            _log.warning("requests_taken_back", requests=len(lost))
            lost = self._conclude(self._send(lost))
        for item in lost:
            item.conclude(UnavailableError("forks took the block of this request back, twice; send it again"))

    def _send(self, items: Sequence[_Item]) -> list[_Mined]:
        """Mined transactions with all items but those that were refused or could not be sent, which are concluded."""
        gateway = self._gateway.present()
        named = tuple((item.access.access_id(gateway), item) for item in items)
        requests = tuple((*item.words, signatures.compact(self._operator.sign(access_id))) for access_id, item in named)
        try:
            receipt = self._gateway.writer.send(ContractCall(gateway.verifying_contract, "requestMany", (requests,)))
        except (ChainRevert, InputError) as refusal:
            if isinstance(refusal, ChainRevert) and self._gateway.present() != gateway:
                return self._send(items)  # retired meanwhile: nothing was recorded, so it is asked of the next one
            return self._send_halves(items, refusal)
        except UnavailableError as away:
            for item in items:
                item.conclude(away)
            return []
        with self._company:
            self.batches += 1
            self.requests += len(items)
        return [_Mined(receipt.block.number, gateway, _not_skipped(named, receipt))]

    def _send_halves(self, items: Sequence[_Item], refusal: SalusError) -> list[_Mined]:
        """What is refused as a whole, because it needs more gas than a block holds, is sent in halves."""
        if len(items) == 1:
            items[0].conclude(refusal)
            return []
        middle = len(items) // 2
        return [*self._send(items[:middle]), *self._send(items[middle:])]

    def _conclude(self, mined: Sequence[_Mined]) -> list[_Item]:
        """Tell callers their outcome at a final block; returns the items whose entry is not there.

        Raises:
            UnavailableError: not final in time.
        """
        sent = [(one, access_id, item) for one in mined for access_id, item in one.items]
        if not sent:
            return []
        number = max(one.block_number for one in mined)
        states = self._gateway.states([access_id for _, access_id, _ in sent], number)
        lost: list[_Item] = []
        for (one, _, item), state in zip(sent, states, strict=True):
            if state.code == 0:
                lost.append(item)
            else:
                item.conclude(Recorded(Code(state.code), state.expires_at, one.block_number, one.gateway))
        return lost


def _not_skipped(named: tuple[tuple[AccessId, _Item], ...], receipt: TxReceipt) -> tuple[tuple[AccessId, _Item], ...]:
    """Items the gateway recorded, now or before; the others are told why it skipped them."""
    skipped = {event.args["accessId"]: event.args["refusal"] for event in receipt.events if event.name == _SKIPPED}
    kept: list[tuple[AccessId, _Item]] = []
    for access_id, item in named:
        refusal = skipped.get(access_id, Refusal.ACCESS_KNOWN)
        if refusal == Refusal.ACCESS_KNOWN:
            kept.append((access_id, item))
        else:
            told = {"accessId": access_id, "refusal": refusal, "cause": Refusal(refusal).name}
            item.conclude(ChainRevert("AccessGatewayRefused", told))
    return tuple(kept)
