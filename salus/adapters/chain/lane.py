"""One sender account: its nonces, what it has in flight, and the raw bytes it can send again.

A nonce is used once: a transaction that was signed for it is only ever sent again as the same bytes. Where the chain
waits for a nonce whose bytes are not known any more (another process signed it, or long ago), a transaction that does
nothing takes its place, so nothing is executed twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from salus.adapters.chain.simulate import Prepared
from salus.adapters.chain.transactions import RawTransaction, Transaction, nothing
from salus.core.errors import SalusError
from salus.core.ids import Address
from salus.core.ports import Signer

MOST_IN_FLIGHT = 256
"""Transactions of one account that may be on their way: more than a block of requests holds (30 M gas at 130,000), so
more make nothing faster, and a twentieth of what a member's pool has room for (`devnet.clique`)."""
_KEPT = 512
_FIRST_STALL = 4.0
"""Seconds: a QBFT chain at its limit needs up to three for one, and to send again costs it more."""
_LONGEST_STALL = 16.0
_DOUBT = 0.5
_WATCH = 5.0
_WATCHED = 60.0
"""Seconds after the last mined transaction in which a quiet lane looks whether a fork took any back, every `_WATCH`."""


@dataclass(slots=True, eq=False)
class Flight:
    """A transaction on its way. It has landed once `receipt` or `failure` is set, or `replaced`: its nonce was used by
    another transaction, so it will never be mined."""

    lane: Lane
    call: Prepared
    gas: int
    raw: RawTransaction
    sent: bool = False
    receipt: Mapping[str, Any] | None = None
    failure: SalusError | None = None
    replaced: bool = False
    doubts: int = 0

    @property
    def landed(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.receipt is not None or self.failure is not None or self.replaced


@dataclass(slots=True, eq=False)
class Lane:
    """Nonces of one account. Callers hold the lock of the writer."""

    signer: Signer
    chain_id: int
    next_nonce: int | None = None
    flights: dict[int, Flight] = field(default_factory=dict)
    raws: OrderedDict[int, RawTransaction] = field(default_factory=OrderedDict)
    stalled_at: float = 0.0
    stall: float = _FIRST_STALL
    watched_at: float = 0.0
    watched_until: float = 0.0
    starting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def address(self) -> Address:
        """The account."""
        return self.signer.address

    @property
    def room(self) -> int:
        """How many more may depart."""
        return max(0, MOST_IN_FLIGHT - len(self.flights))

    def depart(self, calls: Sequence[tuple[Prepared, int]], now: float) -> list[Flight]:
        """Give calls (with gas limits) the next nonces and sign them. `next_nonce` must be known."""
        if self.next_nonce is None:
            raise ValueError("the lane's nonce is not known yet")
        flights: list[Flight] = []
        if not self.flights:
            self.progress(now)
        for call, gas in calls:
            transaction = Transaction(self.next_nonce, gas, call.to, call.data)
            flight = Flight(self, call, gas, self._keep(transaction.signed(self.signer, self.chain_id)))
            self.flights[self.next_nonce] = flight
            self.next_nonce += 1
            flights.append(flight)
        return flights

    def land(self, flight: Flight, now: float) -> None:
        """Take a landed transaction out of the flights."""
        if self.flights.get(flight.raw.nonce) is flight:
            del self.flights[flight.raw.nonce]
        if flight.receipt is not None:
            self.progress(now)
            self.watched_until = now + _WATCHED
            self.watch(now)
            return
        self.raws.pop(flight.raw.nonce, None)
        if flight.failure is not None and self.next_nonce == flight.raw.nonce + 1:
            self.next_nonce -= 1  # the node never took it, and nothing follows it

    def progress(self, now: float) -> None:
        """Something moved: wait the shortest time again before looking for what is stuck."""
        self.stalled_at = now + _FIRST_STALL
        self.stall = _FIRST_STALL

    def watch(self, now: float) -> None:
        """Look in a while whether what was mined still is."""
        self.watched_at = now + _WATCH

    def again(self, count: int, now: float, asked: Collection[Flight]) -> list[RawTransaction]:
        """What to send again when the chain counts `count` transactions of this account: every nonce from there on.

        Flights below the count without a receipt are doubted, and given up as replaced at the second doubt: of those
        that were `asked` for with the count. Of others a node that is behind may have said it.
        """
        self.stalled_at = now + self.stall
        self.stall = min(self.stall * 2, _LONGEST_STALL)
        below = [flight for nonce, flight in self.flights.items() if nonce < count]
        for flight in [flight for flight in below if flight in asked]:
            flight.doubts += 1
            if flight.doubts > 1:
                flight.replaced = True
                self.land(flight, now)
        if not all(flight.landed for flight in below):
            self.stalled_at = now + _DOUBT
        if self.next_nonce is None or self.next_nonce < count:
            self.next_nonce = count
        last = min(self.next_nonce, count + _KEPT)
        return [self.raws.get(nonce) or self._fill(nonce) for nonce in range(count, last)]

    def _fill(self, nonce: int) -> RawTransaction:
        return self._keep(nothing(nonce).signed(self.signer, self.chain_id))

    def _keep(self, raw: RawTransaction) -> RawTransaction:
        self.raws[raw.nonce] = raw
        while len(self.raws) > max(_KEPT, len(self.flights) + 1):
            self.raws.popitem(last=False)
        return raw
