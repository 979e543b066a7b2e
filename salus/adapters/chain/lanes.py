"""The `ChainWriter` port: several sender accounts, local nonces, raw transactions in batches, recovery.

    room in a lane → simulate → next nonce, sign → broadcast in batches → receipts once per block → decode

No thread of its own: of all callers that wait, one drives (broadcasts, polls, recovers) for everybody and hands over
when its own transactions are mined. What can go wrong with a transaction, and what happens (`pool` has the nodes'
words):

| | |
| --- | --- |
| too many on their way | callers wait for room; what a pool has not taken stays here, not there |
| node away | the same raw bytes to the next node |
| pool full | the same bytes again after 1 to 8 s, and nothing new to it meanwhile |
| forgotten, lost, never taken | the same bytes again, to every node that can be reached, every 4 to 16 s |
| chain lost blocks (a fork, an older state restored) | everything from the chain's nonce on, mined or not, again |
| a hole before the lane's nonces | filled by a transaction that does nothing |
| nonce used by somebody else | simulated, signed and sent again with the next nonce |
| mined, but reverted | no effect, so simulated again: its revert is raised, or it is sent again with more gas |

Mined is not final: a caller for whom that matters looks at the state of a final block (`salus.flows.ledger`,
`oracle.anchor`). What a fork takes back is sent again as long as anybody sends with this writer, and geth puts it back
into its pool by itself.

web3 is not used here: its send path fills fees, asks the chain for nonces and takes no batches of transactions.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from salus.adapters.chain import pool
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.directory import Directory
from salus.adapters.chain.lane import Flight, Lane
from salus.adapters.chain.pool import Verdict
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.simulate import Prepared, Simulator
from salus.core.errors import InputError, SalusError, UnavailableError
from salus.core.ids import Address, hex32
from salus.core.ports import ContractCall, Signer, TxReceipt

MOST_IN_FLIGHT = 1024
"""Transactions of one writer that may be on their way, over all its lanes: a quarter of geth's pool as it comes."""
_POLL_SECONDS = 0.05
_RECEIPTS_SECONDS = 1.0
_TRIES = 4
_FIRST_HOLD = 1.0
_LONGEST_HOLD = 8.0
_RECEIPTS_BESIDE_COUNT = 99
"""With the count, one batch, so that one node answers at one time: nothing is missed on a node that is behind."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class LaneCounts:
    """What has become of a writer's transactions since it was made: `signed` by it; of these `mined`; handed to nodes
    once more (`resent`, each time); given up because their nonce was used by another one (`replaced`); and how often a
    pool was full (`held`)."""

    signed: int = 0
    mined: int = 0
    resent: int = 0
    replaced: int = 0
    held: int = 0


class Lanes:
    """Transactions of some accounts. Safe to use from several threads; one process per account.

    `patience` in seconds is how long a call may wait for room, and again how long it may take from there to a block.
    """

    def __init__(
        self,
        rpc: Rpc,
        blocks: Blocks,
        directory: Directory | None,
        simulator: Simulator,
        signers: Sequence[Signer],
        *,
        patience: float = 60.0,
    ) -> None:
        if not signers:
            raise InputError("a writer needs at least one account")
        chain_id = int(rpc.call("eth_chainId"), 16)
        self._rpc = rpc
        self._blocks = blocks
        self._directory = directory
        self._simulator = simulator
        self._patience = patience
        self._lanes = [Lane(signer, chain_id) for signer in signers]
        self._turn = itertools.count()
        self._lock = threading.Lock()  # guards lanes and flights
        self._crew = threading.Condition()
        self._driving = False
        self._woken = threading.Event()
        self._seen_block = -1
        self._receipts_due = 0.0
        self._held_until = 0.0
        self._hold = _FIRST_HOLD
        self._trouble: UnavailableError | None = None
        self.counts = LaneCounts()

    @property
    def waiting(self) -> int:
        """Transactions on their way."""
        with self._lock:
            return sum(len(lane.flights) for lane in self._lanes)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Sender accounts."""
        return tuple(lane.address for lane in self._lanes)

    def send(self, call: ContractCall) -> TxReceipt:
        """Simulate, send, and wait until mined.

        Raises:
            ChainRevert: the contract refuses; names its error and arguments.
            OversizeError: it needs more gas than a block holds.
            UnavailableError: the node is away or the transaction was not mined in time (it may still be).
        """
        return self.send_many([call])[0]

    def send_many(self, calls: Iterable[ContractCall]) -> list[TxReceipt]:
        """Send several in order from one account without waiting in between.

        A call that only works after an earlier one of the list waits for it. Raises like `send` for the first that
        fails; those before it are mined then.
        """
        prepared = [self._simulator.prepare(call) for call in calls]
        return self._receipts([flight.receipt or {} for flight in self.fly(prepared)])

    def fly(self, calls: Sequence[Prepared]) -> list[Flight]:
        """Mined transactions of encoded calls, in order; raises as `send_many`."""
        lane = self._pick()
        landed: list[Flight] = []
        while len(landed) < len(calls):
            room = self._await_room(lane)
            rest = calls[len(landed) : len(landed) + room]
            limits = self._simulator.gas(rest, lane.address)
            ready = list(itertools.takewhile(lambda pair: isinstance(pair[1], int), zip(rest, limits)))  # noqa: B905 - equally long
            if not ready and isinstance(refusal := limits[0], SalusError):
                raise refusal
            flights = self._depart(lane, [(call, limit) for call, limit in ready if isinstance(limit, int)])
            self._await(flights)
            landed += [self._settled(flight) for flight in flights]
        return landed

    # departure

    def _pick(self) -> Lane:
        start = next(self._turn)
        with self._lock:
            order = [self._lanes[(start + step) % len(self._lanes)] for step in range(len(self._lanes))]
            return min(order, key=lambda lane: len(lane.flights))

    def _await_room(self, lane: Lane) -> int:
        """How many may depart, once that is any at all.

        Raises:
            UnavailableError: not in time.
        """
        if self._room(lane) <= 0 and not self._until(lambda: self._room(lane) > 0):
            raise UnavailableError(
                f"too many transactions are on their way: no room for another within {self._patience:g} s{self._why()}"
            )
        return max(1, self._room(lane))

    def _room(self, lane: Lane) -> int:
        return min(lane.room, MOST_IN_FLIGHT - sum(len(each.flights) for each in self._lanes))

    def _depart(self, lane: Lane, calls: Sequence[tuple[Prepared, int]]) -> list[Flight]:
        """Flights of the calls for which there is room, at least of the first."""
        with lane.starting:
            if lane.next_nonce is None:
                lane.next_nonce = max(self._counted(lane))
        flights: list[Flight] = []
        while not flights:
            self._await_room(lane)
            with self._lock:  # somebody else may have taken the room
                flights = lane.depart(calls[: max(0, self._room(lane))], time.monotonic())
                self.counts.signed += len(flights)
        self._woken.set()
        return flights

    def _settled(self, flight: Flight) -> Flight:
        """The flight, or the one that succeeded after it was replaced or reverted."""
        for _ in range(_TRIES):
            if flight.failure is not None:
                raise flight.failure
            if flight.receipt is not None and int(flight.receipt["status"], 16) == 1:
                return flight
            limit = self._simulator.gas([flight.call], flight.lane.address)[0]
            if isinstance(limit, SalusError):
                raise limit
            _log.warning("transaction_sent_anew", tx=hex32(flight.raw.hash), replaced=flight.replaced)
            [flight] = self._depart(flight.lane, [(flight.call, self._simulator.capped(max(limit, 2 * flight.gas)))])
            self._await([flight])
        raise UnavailableError(f"transaction {hex32(flight.raw.hash)} is mined but reverts, though it works when tried")

    def in_pool(self) -> int:
        """Transactions of these accounts that wait in the node's pool, also those of a process before this one.

        Raises:
            UnavailableError: the node is away.
        """
        return sum(max(0, pending - latest) for latest, pending in map(self._counted, self._lanes))

    def _counted(self, lane: Lane) -> tuple[int, int]:
        """Transactions an account has on chain, and with those in the pool."""
        asked = [("eth_getTransactionCount", (lane.address, at)) for at in ("latest", "pending")]
        latest, pending = (int(count, 16) for count in self._rpc.batch_all(asked))
        return latest, pending

    # waiting

    def _await(self, flights: Sequence[Flight]) -> None:
        """Wait until all have landed.

        Raises:
            UnavailableError: not in time.
        """
        if not self._until(lambda: all(flight.landed for flight in flights)):
            waiting = [flight for flight in flights if not flight.landed]
            first = hex32(waiting[0].raw.hash) if waiting else ""
            raise UnavailableError(
                f"transaction {first} was not mined within {self._patience:g} s and may still be{self._why()}"
            )

    def _until(self, holds: Callable[[], bool]) -> bool:
        """Wait until something holds, at most as long as patience lasts; whether it does. The first caller that finds
        nobody driving drives for all."""
        deadline = time.monotonic() + self._patience
        while not holds():
            if time.monotonic() > deadline:
                self._hand_over()
                return False
            with self._crew:
                if self._driving:
                    self._crew.wait(timeout=max(0.01, min(1.0, deadline - time.monotonic())))
                    continue
                self._driving = True
            try:
                while not holds() and time.monotonic() <= deadline:
                    if self._drive():
                        with self._crew:
                            self._crew.notify_all()
                    else:
                        self._woken.wait(_POLL_SECONDS)
            finally:
                with self._crew:
                    self._driving = False
        self._hand_over()
        return True

    def _hand_over(self) -> None:
        with self._crew:
            self._crew.notify()

    def _why(self) -> str:
        return f"; the last trouble was: {self._trouble}" if self._trouble else ""

    # driving

    def _drive(self) -> bool:
        """One round for all lanes; True if a transaction landed."""
        self._woken.clear()
        try:
            moved = self._broadcast_new()
            moved |= self._collect()
            moved |= self._recover()
        except UnavailableError as trouble:
            self._trouble = trouble
            return False
        return moved

    def _broadcast_new(self) -> bool:
        now = time.monotonic()
        if now < self._held_until:
            return False
        with self._lock:
            fresh = [flight for lane in self._lanes for flight in lane.flights.values() if not flight.sent]
            for flight in fresh:
                flight.sent = True  # if it does not arrive, it is a stuck one
        answers = pool.offer(self._rpc, [flight.raw for flight in fresh])
        with self._lock:
            for flight, answer in zip(fresh, answers, strict=True):
                self._heard(flight, answer, now)
        if any(answer.verdict is Verdict.FULL for answer in answers):
            self.counts.held += 1
            self._held_until = time.monotonic() + self._hold  # from the answer on, which may have taken long
            _log.warning("pool_full", held_seconds=self._hold, transactions=len(fresh))
            self._hold = min(2 * self._hold, _LONGEST_HOLD)
        elif fresh:
            self._hold = _FIRST_HOLD
        return any(flight.landed for flight in fresh)

    def _heard(self, flight: Flight, answer: pool.Answer, now: float) -> None:
        self._trouble = answer.refusal if answer.verdict is not Verdict.TAKEN else self._trouble
        match answer.verdict:
            case Verdict.FULL:
                flight.sent = False
            case Verdict.HOPELESS:
                flight.failure = answer.refusal
                flight.lane.land(flight, now)
            case Verdict.CONSUMED:
                flight.lane.stalled_at = 0.0

    def _collect(self) -> bool:
        """Receipts of what is in flight, once per block (and once a second, should a block's receipts come late)."""
        now = time.monotonic()
        number = int(self._rpc.call("eth_blockNumber"), 16)
        if number == self._seen_block and now < self._receipts_due:
            return False
        with self._lock:
            flights = [flight for lane in self._lanes for flight in lane.flights.values()]
        answers = self._rpc.batch([("eth_getTransactionReceipt", (hex32(flight.raw.hash),)) for flight in flights])
        self._seen_block = number
        self._receipts_due = now + _RECEIPTS_SECONDS
        return self._landed(flights, answers)

    def _landed(self, flights: Sequence[Flight], answers: Sequence[Any]) -> bool:
        """Take receipts; True if there was any."""
        now, moved = time.monotonic(), False
        with self._lock:
            for flight, answer in zip(flights, answers, strict=True):
                if isinstance(answer, dict) and answer.get("blockHash") is not None and not flight.landed:
                    flight.receipt = answer
                    flight.lane.land(flight, now)
                    self.counts.mined += 1
                    moved = True
        return moved

    def _recover(self) -> bool:
        now, moved = time.monotonic(), False
        with self._lock:
            stuck = [lane for lane in self._lanes if lane.flights and now >= lane.stalled_at]
            quiet = [lane for lane in self._lanes if not lane.flights and lane.watched_at <= now < lane.watched_until]
        for lane in stuck:
            moved |= self._send_again(lane, now)
        for lane in quiet:
            lane.watch(now)
            if self._count(lane) < (lane.next_nonce or 0):  # a fork took back what had been mined
                self._send_again(lane, now)
        return moved

    def _count(self, lane: Lane) -> int:
        return int(self._rpc.call("eth_getTransactionCount", lane.address, "latest"), 16)

    def _send_again(self, lane: Lane, now: float) -> bool:
        """Everything from the chain's nonce on to every node; True if a transaction landed or was given up."""
        with self._lock:
            oldest = list(itertools.islice(lane.flights.values(), _RECEIPTS_BESIDE_COUNT))
        asked = [("eth_getTransactionReceipt", (hex32(flight.raw.hash),)) for flight in oldest]
        count, *receipts = self._rpc.batch_all([("eth_getTransactionCount", (lane.address, "latest")), *asked])
        moved = self._landed(oldest, receipts)
        with self._lock:
            before = len(lane.flights)
            raws = lane.again(int(count, 16), now, oldest)
            moved |= len(lane.flights) < before
            self.counts.replaced += before - len(lane.flights)
            self.counts.resent += len(raws)
        if raws:
            _log.warning("lane_sends_again", lane=lane.address, first_nonce=int(count, 16), transactions=len(raws))
        for answer in pool.offer(self._rpc, raws, everywhere=True):
            self._trouble = answer.refusal if answer.verdict is not Verdict.TAKEN else self._trouble
        return moved

    # results

    def _receipts(self, found: Sequence[Any]) -> list[TxReceipt]:
        stamps = self._blocks.stamps(bytes.fromhex(receipt["blockHash"][2:]) for receipt in found)
        return [
            TxReceipt(
                tx_hash=bytes.fromhex(receipt["transactionHash"][2:]),
                block=stamps[bytes.fromhex(receipt["blockHash"][2:])],
                gas_used=int(receipt["gasUsed"], 16),
                events=tuple(self._directory.decode(receipt["logs"])) if self._directory else (),
            )
            for receipt in found
        ]
