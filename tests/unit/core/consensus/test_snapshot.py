import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.consensus import Clique, Qbft, Snapshot, Vote, engine_of
from salus.core.consensus.snapshot import check_linked
from salus.core.errors import IntegrityError, SetupError
from tests.unit.core.chains import plain
from tests.unit.core.strategies import bytes32, uint

accounts = st.binary(min_size=20, max_size=20)
snapshots = st.builds(
    Snapshot,
    number=uint(64),
    hash=bytes32,
    timestamp=uint(64),
    state_root=bytes32,
    validators=st.sets(accounts, min_size=1, max_size=7).map(lambda found: tuple(sorted(found))),
    votes=st.lists(st.builds(Vote, accounts, accounts, authorise=st.booleans()), max_size=5).map(tuple),
    recent=st.lists(st.tuples(uint(64), accounts), max_size=4).map(tuple),
)
KEPT = Snapshot(
    7, b"\1" * 32, 9, b"\2" * 32, (b"\3" * 20, b"\4" * 20), (Vote(b"\3" * 20, b"\5" * 20, authorise=True),)
).to_json()


@given(snapshots)
def test_snapshot__to_json_and_back__the_same(snapshot: Snapshot) -> None:
    assert Snapshot.from_json(json.loads(json.dumps(snapshot.to_json()))) == snapshot


@pytest.mark.parametrize("member", sorted(KEPT))
@pytest.mark.parametrize("wrong", [None, -1, True, "0x", "text", {}, [1], ["0x11"], [{}], [{"number": "1"}], 1.5])
def test_from_json__member_malformed__refused(member: str, wrong: Any) -> None:
    with pytest.raises(IntegrityError, match="malformed"):
        Snapshot.from_json({**KEPT, member: wrong})


@pytest.mark.parametrize("member", sorted(KEPT))
def test_from_json__member_missing__refused(member: str) -> None:
    with pytest.raises(IntegrityError, match="malformed"):
        Snapshot.from_json({name: value for name, value in KEPT.items() if name != member})


@pytest.mark.parametrize("validators", [[], ["0x" + "04" * 20, "0x" + "03" * 20], ["0x" + "03" * 20] * 2])
def test_from_json__validators_none_or_not_in_order__refused(validators: list[str]) -> None:
    with pytest.raises(IntegrityError, match="validators"):
        Snapshot.from_json({**KEPT, "validators": validators})


PARENT = Snapshot(4, b"\1" * 32, 1_800_000_004, b"\2" * 32, (b"\3" * 20,))


def test_check_linked__a_child__passes() -> None:
    check_linked(PARENT, plain(5, parent_hash=PARENT.hash, gas_used=30_000_000))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"parent_hash": b"\2" * 32}, "no child"),
        ({"number": 4}, "follows"),
        ({"number": 6}, "follows"),
        ({"timestamp": PARENT.timestamp}, "not later"),
        ({"timestamp": 0}, "not later"),
        ({"uncles_hash": bytes(32)}, "uncles"),
        ({"gas_used": 30_000_001}, "gas"),
    ],
)
def test_check_linked__no_child__refused(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(IntegrityError, match=why):
        check_linked(PARENT, plain(5, **{"parent_hash": PARENT.hash, **changed}))


def test_engine_of__names__their_engines() -> None:
    assert engine_of("clique") == Clique(30_000)
    assert engine_of("qbft", 50) == Qbft(50)
    assert engine_of("qbft-besu") == Qbft(besu=True)
    assert [engine_of(name).name for name in ("clique", "qbft", "qbft-besu")] == ["clique", "qbft", "qbft"]


@pytest.mark.parametrize("name", ["", "dev", "Clique", "clique:4", "ibft"])
def test_engine_of__another_name__refused(name: str) -> None:
    with pytest.raises(SetupError):
        engine_of(name)
