"""The roll of members: read from the registry's events and state at a final block, and again when the chain changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from salus.adapters.chain.participants import MachineKeys
from salus.adapters.chain.reads import Read
from salus.adapters.chain.roll import Roll
from salus.core.ids import ZERO_ADDRESS, Address, ParticipantId, address_bytes, to_address
from salus.core.node import Seat
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.ports import ChainEvent
from salus.core.state import BlockStamp, ParticipantState

REGISTRY, NEXT_REGISTRY = to_address(b"\x0e" * 20), to_address(b"\x0f" + b"\x0e" * 19)
UNTIL = 1_000_000
NO_KEYS = MachineKeys(bytes(64), ZERO_ADDRESS)


def pid(name: str) -> ParticipantId:
    return ParticipantId(name.encode().ljust(32, b"_"))


def sealer(name: str) -> Address:
    return to_address(name.encode().ljust(20, b"_"))


def keys(name: str) -> MachineKeys:
    return MachineKeys(name.encode().ljust(64, b"k"), sealer(name))


@dataclass
class Ledger:
    """A chain with one registry, final at once; stands for the parts of `Chain` that a roll asks.

    `rows` are what the registry has at every block; `pages` the ranges whose events were asked for.
    """

    height: int = 5
    branch: int = 0
    time: int = 1_000
    events: list[ChainEvent] = field(default_factory=list)
    rows: dict[ParticipantId, tuple[ParticipantState, MachineKeys]] = field(default_factory=dict)
    pages: list[tuple[int, int]] = field(default_factory=list)
    registries: list[Address] = field(default_factory=lambda: [REGISTRY])

    # what a roll calls

    @property
    def blocks(self) -> Ledger:
        return self

    @property
    def reader(self) -> Ledger:
        return self

    @property
    def directory(self) -> Ledger:
        return self

    @property
    def rpc(self) -> Ledger:
        return self

    def newest(self) -> dict[str, str]:
        stamp = self.block(self.height)
        return {"number": hex(stamp.number), "hash": "0x" + stamp.hash.hex(), "timestamp": hex(stamp.timestamp)}

    def hashed(self, _: bytes) -> dict[str, str]:
        raise AssertionError("this chain is final at once")

    def block(self, number: int) -> BlockStamp:
        return BlockStamp(number, bytes([self.branch]) * 16 + number.to_bytes(16, "big"), self.time)

    def known(self) -> dict[Address, str]:
        return {**dict.fromkeys(self.registries, "ParticipantRegistry"), to_address(b"\x0f" * 20): "AuditLog"}

    def call(self, method: str, wanted: dict[str, Any]) -> list[ChainEvent]:
        assert method == "eth_getLogs"
        assert wanted["address"] == self.registries
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        self.pages.append((first, last))
        heard = [event for event in self.events if event.address in self.registries]
        return [event for event in heard if first <= event.block_number <= last]

    def decode(self, logs: list[ChainEvent]) -> list[ChainEvent]:
        return logs

    def read_all(self, reads: list[Read[Any]], at: BlockStamp) -> list[tuple[ParticipantState, MachineKeys]]:
        assert at == self.block(self.height)
        return [self.rows[ParticipantId(read.calldata[4:36])] for read in reads]

    # what a test does

    def told(self, name: str, participant: ParticipantId, **args: Any) -> None:
        self.height += 1
        everything = {"participantId": participant, **args}
        place = (self.height, self.block(self.height).hash, bytes(32), 0)
        self.events.append(ChainEvent("ParticipantRegistry", REGISTRY, name, everything, *place))

    def keyed(self, name: str, machines: MachineKeys) -> None:
        self.told("ParticipantKeysSet", pid(name), validator=machines.validator)

    def applies(self, name: str, machines: MachineKeys) -> None:
        state = ParticipantState(ParticipantStatus.APPLIED, 1, 0, 0, 0, bytes(32))
        self.rows[pid(name)] = (state, machines)
        self.keyed(name, machines)

    def admits(self, name: str, until: int = UNTIL) -> None:
        state, machines = self.rows[pid(name)]
        roles = int(ParticipantRole.SOURCE)
        self.rows[pid(name)] = (
            replace(state, status=ParticipantStatus.ACTIVE, roles=roles, accredited_until=until),
            machines,
        )
        self.told("ParticipantAdmitted", pid(name))

    def rekeys(self, name: str, machines: MachineKeys) -> None:
        self.rows[pid(name)] = (self.rows[pid(name)][0], machines)
        self.keyed(name, machines)

    def stands(self, name: str, status: ParticipantStatus) -> None:
        state, machines = self.rows[pid(name)]
        self.rows[pid(name)] = (replace(state, status=status), machines)


def roll_of(ledger: Ledger, first_block: int = 0) -> Roll:
    return Roll(ledger, clique=False, first_block=first_block)  # type: ignore[arg-type]  # stands for what it asks


def seats(roll: Roll) -> dict[ParticipantId, Seat]:
    return {seat.participant: seat for seat in roll.seats(4)[1]}


def raw(account: Address) -> bytes:
    return address_bytes(account)


def test_seats__nobody_was_admitted__are_none() -> None:
    ledger = Ledger()
    ledger.applies("a", keys("a"))
    assert seats(roll_of(ledger)) == {}


def test_seats__admitted__have_keys_and_are_active() -> None:
    ledger = Ledger()
    ledger.applies("a", keys("a"))
    ledger.admits("a")
    at, found = roll_of(ledger).seats(4)
    expected = Seat(pid("a"), True, keys("a").node_key, raw(sealer("a")), frozenset({raw(sealer("a"))}))  # noqa: FBT003 - a row
    assert (at, found) == (ledger.block(ledger.height), (expected,))


def test_seats__runs_no_node__have_neither_key_nor_validator() -> None:
    ledger = Ledger()
    ledger.applies("a", NO_KEYS)
    ledger.admits("a")
    seat = seats(roll_of(ledger))[pid("a")]
    assert (seat.active, seat.node_key, seat.validator, seat.named) == (True, None, None, frozenset())


def test_seats__suspended_or_accreditation_over__are_not_active() -> None:
    ledger = Ledger()
    for name in "ab":
        ledger.applies(name, keys(name))
    ledger.admits("a")
    ledger.admits("b", until=ledger.time)
    roll = roll_of(ledger)
    assert {each: seat.active for each, seat in seats(roll).items()} == {pid("a"): True, pid("b"): False}
    ledger.stands("a", ParticipantStatus.SUSPENDED)
    ledger.height += 1
    assert not any(seat.active for seat in seats(roll).values())


def test_seats__validator_changed__former_ones_stay_named() -> None:
    ledger = Ledger()
    ledger.applies("a", keys("a"))
    ledger.admits("a")
    roll = roll_of(ledger)
    seats(roll)
    ledger.rekeys("a", keys("b"))
    ledger.rekeys("a", NO_KEYS)
    seat = seats(roll)[pid("a")]
    assert seat.validator is None
    assert seat.named == {raw(sealer("a")), raw(sealer("b"))}


def test_seats__applicant_named_an_account__is_not_heard_before_admission() -> None:
    ledger = Ledger()
    ledger.applies("a", keys("founder"))
    roll = roll_of(ledger)
    assert seats(roll) == {}
    ledger.admits("a")
    assert seats(roll)[pid("a")].named == {raw(sealer("founder"))}


def test_seats__read_again__asks_for_new_events_only() -> None:
    ledger = Ledger()
    ledger.applies("a", keys("a"))
    ledger.admits("a")
    roll = roll_of(ledger)
    seats(roll)
    seats(roll)
    ledger.applies("b", keys("b"))
    ledger.admits("b")
    assert set(seats(roll)) == {pid("a"), pid("b")}
    assert ledger.pages == [(0, 7), (8, 9)]


def test_seats__long_chain__is_read_in_pages_from_the_first_block() -> None:
    ledger = Ledger(height=25_000)
    ledger.applies("a", keys("a"))
    ledger.admits("a")
    assert set(seats(roll_of(ledger, first_block=4_000))) == {pid("a")}
    assert ledger.pages == [(4_000, 13_999), (14_000, 23_999), (24_000, 25_002)]


def test_seats__chain_is_another_one__are_learnt_anew() -> None:
    ledger = Ledger()
    ledger.applies("a", keys("a"))
    ledger.admits("a")
    roll = roll_of(ledger)
    assert set(seats(roll)) == {pid("a")}
    ledger.branch, ledger.events = 1, []  # the same height, on a branch without that admission
    assert seats(roll) == {}


def test_seats__chain_is_shorter__are_learnt_anew() -> None:
    ledger = Ledger()
    ledger.applies("a", keys("a"))
    ledger.admits("a")
    roll = roll_of(ledger)
    seats(roll)
    ledger.height = 6
    assert seats(roll) == {}
    assert ledger.pages[-1] == (0, 6)


def test_seats__another_registry_with_members_from_before_it_was_installed__has_them() -> None:
    ledger = Ledger()
    ledger.applies("a", keys("a"))
    ledger.admits("a")
    ledger.applies("b", keys("b"))
    ledger.admits("b")
    ledger.events = [replace(each, address=NEXT_REGISTRY) for each in ledger.events]
    roll = roll_of(ledger)
    assert seats(roll) == {}
    ledger.registries = [REGISTRY, NEXT_REGISTRY]  # as the directory knows them once it has held the role
    ledger.height += 1
    assert set(seats(roll)) == {pid("a"), pid("b")}


def test_seats__members_in_any_order_of_admission__are_in_one_order() -> None:
    orders = []
    for names in ("abc", "cab"):
        ledger = Ledger()
        for name in names:
            ledger.applies(name, keys(name))
            ledger.admits(name)
        orders.append([seat.participant for seat in roll_of(ledger).seats(4)[1]])
    assert orders[0] == orders[1]
