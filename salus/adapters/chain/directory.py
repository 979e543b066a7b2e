"""The Council's directory: which contract holds which role at a block, and which addresses ever held one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from salus.adapters.chain import council
from salus.adapters.chain.abi import ContractAbi, abi_of, checksummed
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.finality import stamp_of
from salus.adapters.chain.reads import Read, StateAt, T
from salus.core.contracts import COUNCIL, ROLES
from salus.core.errors import ChainRevert, InputError, NotFoundError
from salus.core.ids import ZERO_ADDRESS, Address
from salus.core.ports import ChainEvent
from salus.core.state import BlockStamp, Tenure

_FRESH_SECONDS = 2.0
_KEPT_BLOCKS = 128


class Directory:
    """Names and addresses of a deployment, found from the Council alone. Safe to use from several threads."""

    def __init__(self, blocks: Blocks, state: StateAt, council_address: Address) -> None:
        self.council = checksummed(council_address)
        self._blocks = blocks
        self._state = state
        self._lock = threading.Lock()
        self._by_block: OrderedDict[bytes, Mapping[str, Address]] = OrderedDict()
        self._known: dict[Address, str] = {self.council: COUNCIL}
        self._learned = False
        self._present: tuple[float, Mapping[str, Address]] | None = None
        self._tenures: dict[str, tuple[Tenure, ...]] = {}

    def at(self, block: BlockStamp) -> Mapping[str, Address]:
        """Role to contract at a block; a role nobody holds is absent."""
        with self._lock:
            if (found := self._by_block.get(block.hash)) is not None:
                return found
        accounts = self._run([council.contract_of(role) for role in ROLES], block)
        holders = {role: account for role, account in zip(ROLES, accounts, strict=True) if account != ZERO_ADDRESS}
        holders[COUNCIL] = self.council
        with self._lock:
            self._by_block[block.hash] = holders
            self._known |= {account: role for role, account in holders.items()}
            while len(self._by_block) > _KEPT_BLOCKS:
                self._by_block.popitem(last=False)
        return holders

    def tenures(self, role: str, block: BlockStamp) -> tuple[Tenure, ...]:
        """Who held a role up to a block, newest first: the first one holds it at that block."""
        holder = self.at(block).get(role)
        if holder is None:
            return ()
        known = _until(self._tenures.get(role, ()), block)
        if not known or known[0].account != holder:
            [count] = self._run([council.tenure_count(role)], block)
            found = self._run([council.tenure_at(role, index) for index in reversed(range(count))], block)
            known = tuple(found)
            with self._lock:
                if len(found) > len(self._tenures.get(role, ())):
                    self._tenures[role] = known
        return known

    def present(self) -> Mapping[str, Address]:
        """Role to contract now, at most two seconds old."""
        kept = self._present
        if kept is None or time.monotonic() - kept[0] > _FRESH_SECONDS:
            newest = stamp_of(self._blocks.newest())
            kept = (time.monotonic(), self.at(newest))
            self._present = kept
        return kept[1]

    def address(self, contract: str, block: BlockStamp | None = None) -> Address:
        """Contract of a role, at a block or now.

        Raises:
            NotFoundError: nobody holds it.
        """
        holders = self.present() if block is None else self.at(block)
        if contract not in holders and block is None:
            self._present = None  # it may have been installed this very moment
            holders = self.present()
        if contract not in holders:
            where = "now" if block is None else f"at block {block.number}"
            raise NotFoundError(f"the directory of the Council has no {contract} {where}")
        return holders[contract]

    def resolve(self, contract: str) -> tuple[Address, ContractAbi]:
        """Address and ABI of a role, or of a contract of the deployment given by its `0x` address.

        Raises:
            InputError: an address that never held a role.
            NotFoundError: a role nobody holds.
        """
        if not contract.startswith("0x"):
            return self.address(contract), abi_of(contract)
        account = checksummed(contract)
        known = self.known()
        if account not in known:
            self.learn()
            known = self.known()
        if account not in known:
            raise InputError(f"{account} never held a role of this deployment")
        return account, abi_of(known[account])

    def learn(self) -> None:
        """Read the whole history of the directory at the newest block."""
        newest = stamp_of(self._blocks.newest())
        counts = self._run([council.tenure_count(role) for role in ROLES], newest)
        places = [(role, index) for role, count in zip(ROLES, counts, strict=True) for index in range(count)]
        tenures = self._run([council.tenure_at(role, index) for role, index in places], newest)
        with self._lock:
            self._known |= {tenure.account: role for (role, _), tenure in zip(places, tenures, strict=True)}
            self._learned = True

    def known(self) -> dict[Address, str]:
        """Every address that ever held a role, as far as seen, with its role."""
        if not self._learned:
            self.learn()
        with self._lock:
            return dict(self._known)

    def decode(self, logs: Iterable[Mapping[str, Any]]) -> list[ChainEvent]:
        """Events of the deployment's contracts among logs as JSON-RPC shows them."""
        known = self.known()
        events: list[ChainEvent] = []
        for log in logs:
            address = checksummed(log["address"])
            topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            if address not in known or not topics:
                continue
            event = abi_of(known[address]).events.get(topics[0])
            if event is None:
                continue
            events.append(
                ChainEvent(
                    contract=known[address],
                    address=address,
                    name=event.name,
                    args=event.decode(topics, bytes.fromhex(log["data"][2:])),
                    block_number=int(log["blockNumber"], 16),
                    block_hash=bytes.fromhex(log["blockHash"][2:]),
                    tx_hash=bytes.fromhex(log["transactionHash"][2:]),
                    log_index=int(log["logIndex"], 16),
                )
            )
        return events

    def _run(self, reads: Sequence[Read[T]], block: BlockStamp) -> list[T]:
        answers = self._state.run([(self.council, read.calldata) for read in reads], block)
        values: list[T] = []
        for read, answer in zip(reads, answers, strict=True):
            if isinstance(answer, ChainRevert):
                raise answer
            values.append(read.parse(answer))
        return values


def _until(tenures: Sequence[Tenure], block: BlockStamp) -> tuple[Tenure, ...]:
    return tuple(tenure for tenure in tenures if tenure.from_block <= block.number)
