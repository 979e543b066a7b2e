"""The roll of members: every participant that was admitted once, with its node, at a final block.

Ids and former validators come from the registry's events, standing and present keys from its state.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from salus.adapters.chain import participants
from salus.adapters.chain.connect import Chain
from salus.adapters.chain.finality import CliqueFinality, FinalityRule, QbftFinality, stamp_of
from salus.adapters.chain.participants import MachineKeys
from salus.core.ids import ZERO_ADDRESS, Address, ParticipantId, address_bytes
from salus.core.node import Seat
from salus.core.policy import ParticipantStatus
from salus.core.state import BlockStamp, ParticipantState

_REGISTRY = "ParticipantRegistry"
_PAGE_BLOCKS = 10_000


@dataclass(slots=True)
class _Known:
    admitted: bool = False
    validators: set[bytes] = field(default_factory=set)


class Roll:
    """Follows one registry from `first_block`, by the events since the last look."""

    def __init__(self, chain: Chain, *, clique: bool, first_block: int = 0) -> None:
        self._chain = chain
        self._clique = clique
        self._first = first_block
        self._upto: BlockStamp | None = None
        self._known: dict[ParticipantId, _Known] = {}
        self._registries: list[Address] = []

    def seats(self, validators: int) -> tuple[BlockStamp, tuple[Seat, ...]]:
        """Newest final block of a chain of so many validators, and the members at it.

        Raises:
            UnavailableError: the node is away, or does not have that block any more.
            NotFoundError: there is no registry at that block.
        """
        rule: FinalityRule = CliqueFinality(validators) if self._clique else QbftFinality()
        at = stamp_of(rule.final(self._chain.blocks.newest(), self._chain.blocks.hashed))
        self._learn(at)
        ids = sorted(each for each, known in self._known.items() if known.admitted)
        rows = self._chain.reader.read_all([participants.membership(each) for each in ids], at)
        return at, tuple(self._seat(each, state, keys, at) for each, (state, keys) in zip(ids, rows, strict=True))

    def _learn(self, at: BlockStamp) -> None:
        """Read the registry's events up to a block; all again when the chain is another one than last time, or when the
        Council installed another registry, which may have had events before it held the role."""
        registries = sorted(account for account, role in self._chain.directory.known().items() if role == _REGISTRY)
        if self._upto is not None and (
            registries != self._registries
            or at.number < self._upto.number
            or self._chain.reader.block(self._upto.number).hash != self._upto.hash
        ):
            self._upto, self._known = None, {}
        start = self._first if self._upto is None else self._upto.number + 1
        for first in range(start, at.number + 1, _PAGE_BLOCKS):
            last = min(first + _PAGE_BLOCKS - 1, at.number)
            wanted = {"fromBlock": hex(first), "toBlock": hex(last), "address": registries}
            for event in self._chain.directory.decode(self._chain.rpc.call("eth_getLogs", wanted)):
                if event.name == "ParticipantAdmitted":
                    self._known.setdefault(event.args["participantId"], _Known()).admitted = True
                elif event.name == "ParticipantKeysSet" and event.args["validator"] != ZERO_ADDRESS:
                    known = self._known.setdefault(event.args["participantId"], _Known())
                    known.validators.add(address_bytes(Address(event.args["validator"])))
        self._upto, self._registries = at, registries

    def _seat(self, participant: ParticipantId, state: ParticipantState, keys: MachineKeys, at: BlockStamp) -> Seat:
        validator = None if keys.validator == ZERO_ADDRESS else address_bytes(keys.validator)
        return Seat(
            participant,
            active=state.status is ParticipantStatus.ACTIVE and at.timestamp < state.accredited_until,
            node_key=keys.node_key if any(keys.node_key) else None,
            validator=validator,
            named=frozenset(self._known[participant].validators | ({validator} if validator else set())),
        )
