"""Places in storage, held to the compiler's own account of them, and words in their edges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from salus.core.errors import NotFoundError
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, Address, ParticipantId, SubjectRef, address_bytes, role_id, to_address
from salus.core.slots import council, log, participants, subjects
from salus.core.slots.layout import LAYOUT, Place, element, member
from salus.core.state import Denial, Tenure

SNAPSHOTS = Path(__file__).resolve().parents[3] / "snapshots" / "storage"
HERE = to_address(bytes(19) + b"\x01")
_VARIABLE = re.compile(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S.*\S)\s{2}(\S+)")
_TYPES = {
    "_current": "mapping(bytes32 => struct Tenure)",
    "_past": "mapping(bytes32 => struct Tenure[])",
    "_participants": "mapping(bytes32 => struct Participant)",
    "_operators": "mapping(address => bytes32)",
    "_sets": "mapping(uint32 => struct ParticipantRegistry.CustodianSet)",
    "keys": "struct ParticipantKeys",
    "members": "bytes32[]",
    "_subjects": "mapping(bytes32 => struct Subject)",
    "_denials": "mapping(bytes32 => mapping(bytes32 => uint8))",
    "_merged": "mapping(bytes32 => bytes32[])",
    "epochOf": "mapping(address => uint64)",
    "anchorOf": "mapping(bytes32 => mapping(bytes32 => uint256))",
    "stateOf": "mapping(bytes32 => mapping(bytes32 => uint256))",
    "_chains": "mapping(bytes32 => uint256)",
}
"""Types that a read depends on beyond its place: how keys are hashed, and how long elements are."""


def compiled() -> Iterator[tuple[str, str, Place, str]]:
    """Contract or struct, variable, place and type, as in the snapshots."""
    for page in SNAPSHOTS.glob("*.txt"):
        owner = page.stem
        for line in page.read_text().splitlines():
            if line.startswith("struct "):
                owner = line.removeprefix("struct ").split(" (")[0]
            if found := _VARIABLE.fullmatch(line):
                slot, offset, size = map(int, found.groups()[:3])
                yield owner, found[5], Place(slot, offset, size), found[4]


COMPILED = {(owner, name): (place, kind) for owner, name, place, kind in compiled()}


@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in LAYOUT.items() for name in names])
def test_layout__each_variable__is_where_the_compiler_put_it(owner: str, name: str) -> None:
    place, kind = COMPILED[owner, name]
    assert LAYOUT[owner][name] == place
    assert _TYPES.get(name, kind) == kind


def test_layout__access_and_consent_slots__are_single_words_by_the_keys_read() -> None:
    assert COMPILED["AccessGateway", "slotOf"][1] == "mapping(bytes32 => uint256)"
    assert COMPILED["ConsentRegistry", "slotOf"][1] == "mapping(address => mapping(bytes32 => uint256))"


def test_member__of_a_mapping__is_the_keccak_of_key_and_slot() -> None:
    key = keccak(b"key")
    assert member(7, key) == int.from_bytes(keccak(key + bytes(31) + b"\x07"), "big")


def test_member__by_number_and_by_account__pads_the_key_on_the_left() -> None:
    account = to_address(b"\xab" * 20)
    assert member(2, 5) == int.from_bytes(keccak(bytes(31) + b"\x05" + bytes(31) + b"\x02"), "big")
    assert member(1, account) == member(1, bytes(12) + address_bytes(account))


def test_element__of_an_array_of_long_elements__skips_their_slots() -> None:
    start = int.from_bytes(keccak(bytes(31) + b"\x09"), "big")
    assert [element(9, 0), element(9, 3), element(9, 3, size=2)] == [start, start + 3, start + 6]


@dataclass
class Words:
    """Storage of one contract, written by slot; what is asked for is remembered."""

    known: dict[int, int] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)

    def word(self, contract: Address, slot: int) -> int:
        assert contract == HERE
        self.asked.add(slot)
        return self.known.get(slot, 0)

    def put(self, slot: int, word: int | bytes) -> None:
        self.known[slot] = word if isinstance(word, int) else int.from_bytes(word, "big")


def subject_ref(number: int) -> SubjectRef:
    return SubjectRef(keccak(bytes([number])))


def frozen(words: Words, ref: SubjectRef) -> None:
    words.put(member(0, ref) + 1, 1 << 8 * 29)


def merge(words: Words, survivor: SubjectRef, *refs: SubjectRef) -> None:
    merged = member(3, survivor)
    words.put(merged, len(refs))
    for index, ref in enumerate(refs):
        words.put(element(merged, index), ref)
        words.put(member(0, ref) + 3, survivor)


def test_subject__nothing_written__is_unbound_with_the_longest_retention() -> None:
    found = subjects.subject(Words(), HERE, subject_ref(1))
    assert (found.source, found.controller, found.retention_years) == (bytes(32), ZERO_ADDRESS, 5)
    assert not found.frozen
    assert not found.hold


@pytest.mark.parametrize("asked", [1, 2, 3])
@pytest.mark.parametrize("where", [1, 2, 3])
def test_subject__one_of_a_merged_group_frozen__is_frozen_by_every_name(asked: int, where: int) -> None:
    words = Words()
    merge(words, subject_ref(1), subject_ref(2), subject_ref(3))
    frozen(words, subject_ref(where))
    assert subjects.subject(words, HERE, subject_ref(asked)).frozen
    assert not subjects.subject(words, HERE, subject_ref(4)).frozen


def test_denial__of_a_merged_group__is_the_strongest_of_all() -> None:
    words, institute = Words(), ParticipantId(keccak(b"institute"))
    merge(words, subject_ref(1), subject_ref(2))
    words.put(member(member(1, subject_ref(1)), institute), 1)
    words.put(member(member(1, subject_ref(2)), institute), 2)
    assert subjects.denial(words, HERE, subject_ref(1), institute) is Denial.ABSOLUTE
    assert subjects.denial(words, HERE, subject_ref(2), institute) is Denial.ABSOLUTE
    assert subjects.denial(words, HERE, subject_ref(2), ParticipantId(keccak(b"other"))) is Denial.NONE


def test_operator_of__account_retired__operates_for_nobody() -> None:
    words, account = Words(), to_address(b"\x07" * 20)
    words.put(member(1, account), 1)
    assert participants.operator_of(words, HERE, account) is None
    words.put(member(1, account), keccak(b"someone"))
    assert participants.operator_of(words, HERE, account) == keccak(b"someone")


@pytest.mark.parametrize("number", [0, 3, -1])
def test_custodian_set__number_out_of_range__is_not_found(number: int) -> None:
    words = Words()
    words.put(3, 2)
    with pytest.raises(NotFoundError):
        participants.custodian_set(words, HERE, number)


def test_tenures__role_handed_over_twice__are_newest_first() -> None:
    words, role = Words(), "AccessGateway"
    accounts = [to_address(bytes([number]) * 20) for number in (1, 2, 3)]
    lives = ((10, 20), (20, 35), (35, 0))
    packed = [
        int.from_bytes(address_bytes(account), "big") | start << 160 | end << 208
        for account, (start, end) in zip(accounts, lives, strict=True)
    ]
    past = member(1, role_id(role))
    words.put(past, 2)
    words.put(element(past, 0), packed[0])
    words.put(element(past, 1), packed[1])
    words.put(member(0, role_id(role)), packed[2])
    expected = [Tenure(account, start, end) for account, (start, end) in zip(accounts, lives, strict=True)]
    assert council.tenures(words, HERE, role) == tuple(reversed(expected))
    assert council.contract_of(words, HERE, role) == accounts[2]


def test_tenures__role_never_filled__are_none() -> None:
    assert council.tenures(Words(), HERE, "AuditLog") == ()
    assert council.contract_of(Words(), HERE, "AuditLog") is None


def test_chain_word__global_and_of_a_key__are_different_slots() -> None:
    words, key = Words(), keccak(b"holder")
    words.put(0, 11)
    words.put(member(1, key), 12)
    assert [log.chain_word(words, HERE, None), log.chain_word(words, HERE, key)] == [11, 12]
