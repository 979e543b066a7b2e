"""The `ChainWriter` port: several sender accounts, local nonces, raw transactions in batches, recovery.

    simulate → next nonce of a lane, sign → broadcast in batches → receipts once per block → decode

No thread of its own: of all callers that wait, one drives (broadcasts, polls, recovers) for everybody and hands over
when its own transactions are mined. What can go wrong with a transaction, and what happens:

| | |
| --- | --- |
| node away, pool full, transaction forgotten | the same raw bytes again, every 2 to 16 s |
| chain lost blocks (a restart from an older state) | everything from the chain's nonce on, mined before or not, again |
| a hole before the lane's nonces | filled by a transaction that does nothing |
| nonce used by somebody else | simulated, signed and sent again with the next nonce |
| mined, but reverted | no effect, so simulated again: its revert is raised, or it is sent again with more gas |

web3 is not used here: its send path fills fees, asks the chain for nonces and takes no batches of transactions.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.directory import Directory
from salus.adapters.chain.lane import Flight, Lane
from salus.adapters.chain.rpc import Rpc, RpcError
from salus.adapters.chain.simulate import Prepared, Simulator
from salus.adapters.chain.transactions import RawTransaction
from salus.core.errors import ChainRevert, InputError, UnavailableError
from salus.core.ids import Address, hex32
from salus.core.ports import ContractCall, Signer, TxReceipt

_POLL_SECONDS = 0.05
_RECEIPTS_SECONDS = 1.0
_TRIES = 4
_HOPELESS = (
    "intrinsic gas",
    "exceeds block gas",
    "exceeds the block",
    "insufficient funds",
    "invalid sender",
    "oversized",
)
_CONSUMED = ("nonce too low", "nonce is too low", "already been used")

_log = structlog.get_logger(__name__)


class Lanes:
    """Transactions of some accounts through one node. Safe to use from several threads; one process per account.

    `patience` is how long a call may take from broadcast to block, in seconds.
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
        self._trouble: UnavailableError | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Sender accounts."""
        return tuple(lane.address for lane in self._lanes)

    def send(self, call: ContractCall) -> TxReceipt:
        """Simulate, send, and wait until mined.

        Raises:
            ChainRevert: the contract refuses; names its error and arguments.
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
            rest = calls[len(landed) :]
            limits = self._simulator.gas(rest, lane.address)
            ready = list(itertools.takewhile(lambda pair: not isinstance(pair[1], ChainRevert), zip(rest, limits)))  # noqa: B905 - equally long
            if not ready and isinstance(revert := limits[0], ChainRevert):
                raise revert
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

    def _depart(self, lane: Lane, calls: Sequence[tuple[Prepared, int]]) -> list[Flight]:
        with lane.starting:
            if lane.next_nonce is None:
                counts = self._rpc.batch_all(
                    [("eth_getTransactionCount", (lane.address, at)) for at in ("latest", "pending")]
                )
                lane.next_nonce = max(int(count, 16) for count in counts)
        with self._lock:
            flights = lane.depart(calls, time.monotonic())
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
            if isinstance(limit, ChainRevert):
                raise limit
            _log.warning("transaction_sent_anew", tx=hex32(flight.raw.hash), replaced=flight.replaced)
            [flight] = self._depart(flight.lane, [(flight.call, max(limit, 2 * flight.gas))])
            self._await([flight])
        raise UnavailableError(f"transaction {hex32(flight.raw.hash)} is mined but reverts, though it works when tried")

    # waiting

    def _await(self, flights: Sequence[Flight]) -> None:
        """Wait until all have landed; the first caller that finds nobody driving drives for all.

        Raises:
            UnavailableError: not in time.
        """
        deadline = time.monotonic() + self._patience
        while not all(flight.landed for flight in flights):
            if time.monotonic() > deadline:
                self._hand_over()
                raise self._late(flights)
            with self._crew:
                if self._driving:
                    self._crew.wait(timeout=max(0.01, min(1.0, deadline - time.monotonic())))
                    continue
                self._driving = True
            try:
                while not all(flight.landed for flight in flights) and time.monotonic() <= deadline:
                    if self._drive():
                        with self._crew:
                            self._crew.notify_all()
                    else:
                        self._woken.wait(_POLL_SECONDS)
            finally:
                with self._crew:
                    self._driving = False
        self._hand_over()

    def _hand_over(self) -> None:
        with self._crew:
            self._crew.notify()

    def _late(self, flights: Sequence[Flight]) -> UnavailableError:
        waiting = [flight for flight in flights if not flight.landed]
        why = f"; the last trouble was: {self._trouble}" if self._trouble else ""
        first = hex32(waiting[0].raw.hash) if waiting else ""
        return UnavailableError(f"transaction {first} was not mined within {self._patience:g} s and may still be{why}")

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
        with self._lock:
            fresh = [flight for lane in self._lanes for flight in lane.flights.values() if not flight.sent]
            for flight in fresh:
                flight.sent = True  # if it does not arrive, it is a stuck one
        answers = self._broadcast([flight.raw for flight in fresh])
        moved = False
        with self._lock:
            for flight, answer in zip(fresh, answers, strict=True):
                if not isinstance(answer, RpcError):
                    continue
                reason = answer.reason.lower()
                if any(word in reason for word in _HOPELESS):
                    flight.failure = answer
                    flight.lane.land(flight, time.monotonic())
                    moved = True
                elif any(word in reason for word in _CONSUMED):
                    flight.lane.stalled_at = 0.0
                self._trouble = answer
        return moved

    def _broadcast(self, raws: Sequence[RawTransaction]) -> list[Any]:
        if not raws:
            return []
        return self._rpc.batch([("eth_sendRawTransaction", ("0x" + raw.raw.hex(),)) for raw in raws])

    def _collect(self) -> bool:
        """Receipts of what is in flight, once per block (and once a second, should a block's receipts come late)."""
        now = time.monotonic()
        number = int(self._rpc.call("eth_blockNumber"), 16)
        if number == self._seen_block and now < self._receipts_due:
            return False
        with self._lock:
            flights = [flight for lane in self._lanes for flight in lane.flights.values() if flight.sent]
        answers = self._rpc.batch([("eth_getTransactionReceipt", (hex32(flight.raw.hash),)) for flight in flights])
        self._seen_block = number
        self._receipts_due = now + _RECEIPTS_SECONDS
        moved = False
        with self._lock:
            for flight, answer in zip(flights, answers, strict=True):
                if isinstance(answer, dict) and answer.get("blockHash") is not None:
                    flight.receipt = answer
                    flight.lane.land(flight, now)
                    moved = True
        return moved

    def _recover(self) -> bool:
        now = time.monotonic()
        with self._lock:
            stuck = [lane for lane in self._lanes if lane.flights and now >= lane.stalled_at]
            before = sum(len(lane.flights) for lane in stuck)
        for lane in stuck:
            count = int(self._rpc.call("eth_getTransactionCount", lane.address, "latest"), 16)
            with self._lock:
                raws = lane.again(count, now)
                self._receipts_due = 0.0
            _log.warning("lane_sends_again", lane=lane.address, first_nonce=count, transactions=len(raws))
            for answer in self._broadcast(raws):
                if isinstance(answer, RpcError):
                    self._trouble = answer
        with self._lock:
            return sum(len(lane.flights) for lane in stuck) < before

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
