"""Share repair: the lost share comes back from any t helpers, and from fewer nothing does."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.core import hpke
from salus.core.eip712 import Domain
from salus.core.errors import InputError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, ParticipantId, Root, from_hex, hex32, to_address
from salus.core.repair import Helping, Session, joined, unmasked
from salus.core.shares import split
from tests.vectors import generate
from tests.vectors.samples import Tape, raw32

LEAF, OTHER_LEAF = LeafHash(raw32("leaf")), LeafHash(raw32("other leaf"))
SOURCE, ROOT = ParticipantId(raw32("source")), Root(raw32("root"))
DOMAIN = Domain("Salus", 31337, to_address(bytes(20)))
KEY = raw32("data key")


def members_of(count: int) -> tuple[ParticipantId, ...]:
    return tuple(ParticipantId(sha256(f"member {place}".encode())) for place in range(count))


def encryption_key(member: ParticipantId) -> bytes:
    return sha256(b"encryption" + member)


class Scene:
    """A set with dealt shares; `repaired` asks some helpers for a member's share."""

    def __init__(self, threshold: int, count: int, name: str = "scene") -> None:
        self.members = members_of(count)
        self.shares = split(KEY, threshold, count, Tape(name))

    def session(self, lost: int, helpers: tuple[int, ...], leaf: LeafHash | None = None) -> Session:
        ids = tuple(self.members[place] for place in helpers)
        return Session(31337, 1, self.members[lost], SOURCE, ROOT, ids, leaf)

    def helping(self, session: Session) -> dict[ParticipantId, Helping]:
        return {one: Helping(session, one, encryption_key(one), self.members) for one in session.helpers}

    def parts(self, session: Session, leaf: LeafHash = LEAF) -> dict[ParticipantId, bytes]:
        helping = self.helping(session)
        keys = {one: side.key for one, side in helping.items()}
        return {
            one: side.parts({leaf: self.shares[self.members.index(one)]}, keys)[leaf] for one, side in helping.items()
        }


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 7), st.data())
def test_parts__of_any_threshold_of_any_set__make_the_lost_share(count: int, data: st.DataObject) -> None:
    threshold = data.draw(st.integers(1, count - 1))
    scene = Scene(threshold, count)
    lost = data.draw(st.integers(0, count - 1))
    for helpers in combinations([place for place in range(count) if place != lost], threshold):
        session = scene.session(lost, helpers)
        assert joined(lost, scene.parts(session).values()) == scene.shares[lost]


def test_parts__of_every_subset_of_a_set_of_seven__make_the_lost_share() -> None:
    scene = Scene(4, 7)
    for lost in range(7):
        for helpers in combinations([place for place in range(7) if place != lost], 4):
            assert joined(lost, scene.parts(scene.session(lost, helpers)).values()) == scene.shares[lost]


def test_parts__one_missing__are_not_the_share_nor_tell_of_it() -> None:
    """The masks are pseudorandom: what fewer than all helpers said fits every share as well."""
    scene = Scene(3, 5)
    session = scene.session(0, (1, 2, 4))
    parts = scene.parts(session)
    for missing in session.helpers:
        some = [part for one, part in parts.items() if one != missing]
        assert joined(0, some) != scene.shares[0]
    for one, part in parts.items():
        assert part != scene.shares[scene.members.index(one)][1:]


def test_parts__bits_over_many_leaves__are_even() -> None:
    """The same share under masks of 2,000 leaves: every bit of a part is set about half of the time."""
    scene = Scene(2, 3)
    session = scene.session(0, (1, 2))
    helping = scene.helping(session)
    keys = {one: side.key for one, side in helping.items()}
    shares = {LeafHash(sha256(number.to_bytes(4, "big"))): scene.shares[1] for number in range(2000)}
    parts = [int.from_bytes(part, "big") for part in helping[scene.members[1]].parts(shares, keys).values()]
    assert len(set(parts)) == 2000
    for bit in range(256):
        assert 850 < sum(part >> bit & 1 for part in parts) < 1150


@pytest.mark.parametrize("changed", ["helpers", "leaf", "root", "source", "set", "chain", "custodian", "single"])
def test_parts__any_part_of_the_session_changed__masks_are_others(changed: str) -> None:
    """Else one known share would show the mask of another: two sources can deposit one leaf."""
    scene = Scene(2, 4)
    session = scene.session(0, (1, 2))
    told = vars(session) | {"leaf": None}
    other = {
        "helpers": told | {"helpers": (scene.members[1], scene.members[3])},
        "root": told | {"root": Root(raw32("other root"))},
        "source": told | {"source": ParticipantId(raw32("other source"))},
        "set": told | {"custodian_set": 2},
        "chain": told | {"chain_id": 1},
        "custodian": told | {"custodian": scene.members[3]},
        "single": told | {"leaf": LEAF},
        "leaf": told,
    }[changed]
    other.pop("id", None)
    leaf = OTHER_LEAF if changed == "leaf" else LEAF
    before, after = scene.parts(session), scene.parts(Session(**other), leaf)
    assert not set(before.values()) & set(after.values())


def test_joined__a_part_changed_or_of_another_session__is_another_share() -> None:
    scene = Scene(2, 3)
    first, second = scene.parts(scene.session(0, (1, 2))).values()
    other = scene.parts(scene.session(0, (1, 2), LEAF))[scene.members[2]]
    assert joined(0, [first, second]) == scene.shares[0]
    assert joined(0, [first, other]) != scene.shares[0]
    assert joined(0, [first, second[:-1] + bytes([second[-1] ^ 1])]) != scene.shares[0]


def test_bond__by_another_key_or_for_another__does_not_hold() -> None:
    scene = Scene(2, 4)
    session = scene.session(0, (1, 2))
    first, second = scene.helping(session).values()
    one, two = session.helpers
    publics = {member: hpke.public_key(encryption_key(member)) for member in scene.members}
    bond = first.bond(two, publics[two])
    assert second.is_bond(one, publics[one], first.key, bond)
    assert not second.is_bond(one, publics[one], second.key, bond)
    assert not second.is_bond(one, publics[scene.members[3]], first.key, bond)
    assert not first.is_bond(two, publics[two], first.key, bond)
    thief = Helping(session, one, raw32("not its key"), scene.members)
    assert not second.is_bond(one, publics[one], thief.key, thief.bond(two, publics[two]))


def test_parts__public_key_of_low_order__is_refused() -> None:
    scene = Scene(2, 3)
    session = scene.session(0, (1, 2))
    helping = scene.helping(session)
    one, two = session.helpers
    for bad in (bytes(32), b"short"):
        with pytest.raises(InputError):
            helping[one].parts({LEAF: scene.shares[1]}, {one: helping[one].key, two: bad})


def test_unmasked__single_leaf__shows_what_each_helper_used() -> None:
    scene = Scene(2, 3)
    session = scene.session(0, (1, 2), LEAF)
    helping = scene.helping(session)
    keys = {one: side.key for one, side in helping.items()}
    parts = scene.parts(session)
    one, two = session.helpers
    lie = bytes(32)
    shown = {helper: side.private_key for helper, side in helping.items()}
    assert unmasked(session, one, shown[one], keys, parts[one], scene.members) == scene.shares[1]
    assert unmasked(session, two, shown[two], keys, lie, scene.members) != scene.shares[2]
    with pytest.raises(InputError):
        unmasked(session, two, shown[one], keys, parts[two], scene.members)
    with pytest.raises(InputError):
        unmasked(scene.session(0, (1, 2)), one, shown[one], keys, parts[one], scene.members)


def test_digests__anything_changed__are_others() -> None:
    session = Scene(2, 3).session(0, (1, 2))
    one, two = session.helpers
    keys, parts = {one: raw32("k1"), two: raw32("k2")}, {LEAF: raw32("p")}
    digests = {
        session.answer_digest(DOMAIN, one, keys, parts),
        session.answer_digest(DOMAIN, two, keys, parts),
        session.answer_digest(DOMAIN, one, {one: keys[one], two: raw32("k3")}, parts),
        session.answer_digest(DOMAIN, one, keys, {LEAF: raw32("q")}),
        session.answer_digest(DOMAIN, one, keys, {OTHER_LEAF: raw32("p")}),
        session.key_digest(DOMAIN, one, keys[one]),
        session.key_digest(DOMAIN, one, keys[two]),
    }
    assert len(digests) == 7
    assert len({session.sealed_info(helper, what) for helper in (one, two) for what in ("parts", "key")}) == 4


def vectors() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads((generate.HERE / "repair.json").read_text())
    return made


@pytest.mark.parametrize("case", vectors(), ids=lambda case: case["name"])
def test_vectors__repair__are_what_this_code_makes(case: dict[str, Any]) -> None:
    told, expected = case["input"], case["expected"]
    members = tuple(ParticipantId(from_hex(member)) for member in told["members"])
    leaf = LeafHash(from_hex(told["leaf"]))
    session = Session(
        told["chainId"],
        told["custodianSet"],
        members[told["lost"]],
        ParticipantId(from_hex(told["sourceId"])),
        Root(from_hex(told["root"])),
        tuple(members[place] for place in told["helpers"]),
        leaf if told["single"] else None,
    )
    own = [from_hex(key) for key in told["encryptionKeys"]]
    helping = [Helping(session, helper, key, members) for helper, key in zip(session.helpers, own, strict=True)]
    keys = {helper: side.key for helper, side in zip(session.helpers, helping, strict=True)}
    assert hex32(session.id) == expected["session"]
    assert [hex32(side.key) for side in helping] == expected["keys"]
    for name, bond in expected["bonds"].items():
        one, other = (told["helpers"].index(int(place)) for place in name.split(" to "))
        assert hex32(helping[one].bond(session.helpers[other], hpke.public_key(own[other]))) == bond
    parts = [
        side.parts({leaf: from_hex(share, 33)}, keys)[leaf] for side, share in zip(helping, told["shares"], strict=True)
    ]
    assert [hex32(part) for part in parts] == expected["parts"]
    assert "0x" + joined(told["lost"], parts).hex() == expected["share"]
