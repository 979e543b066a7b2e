"""QBFT on the headers of a real chain, each changed in each field, and on chains committed to here."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import rlp as pyrlp

from salus.core.consensus import Qbft, Snapshot, Vote
from salus.core.consensus.qbft import Extra, quorum
from salus.core.errors import IntegrityError
from salus.core.hashing import keccak
from salus.core.header import Header
from tests.unit.core.chains import (
    QBFT_MIX,
    Key,
    encoded,
    keys,
    plain,
    qbft_extra,
    qbft_hash,
    qbft_sealed,
    recorded,
    turned,
)

ENGINE = Qbft()
REAL = range(1, len(recorded().headers))
BLOCKS = [recorded().headers[number] for number in REAL]


@cache
def _snapshots() -> tuple[Snapshot, ...]:
    """After each recorded block."""
    made = [ENGINE.genesis(recorded().headers[0])]
    for header in BLOCKS:
        made.append(ENGINE.follow(made[-1], header))
    return tuple(made)


def test_follow__recorded_chain__every_block_and_its_hash() -> None:
    assert [snapshot.hash for snapshot in _snapshots()] == list(recorded().hashes)
    assert [snapshot.number for snapshot in _snapshots()] == list(range(len(recorded().headers)))
    assert _snapshots()[-1].state_root == recorded().headers[-1].state_root


def test_follow__recorded_votes__validators_as_the_node_and_the_next_header_say() -> None:
    assert [snapshot.validators for snapshot in _snapshots()] == list(recorded().validators)
    for snapshot, child in zip(_snapshots(), BLOCKS, strict=False):
        assert tuple(sorted(Extra.of(child).validators)) == snapshot.validators
    assert {len(snapshot.validators) for snapshot in _snapshots()} == {4, 5}


def test_recorded_chain__what_the_tests_need__is_in_it() -> None:
    assert max(Extra.of(header).round for header in BLOCKS) >= 1
    assert {Extra.of(header).vote[1] for header in BLOCKS if Extra.of(header).vote} == {b"\xff", b""}


def test_hash__of_any_round_and_seals__the_same() -> None:
    header = BLOCKS[0]
    extra = Extra.of(header)
    other = pyrlp.encode([extra.vanity, extra.validators, extra.vote, 9, extra.seals[:1]])
    assert ENGINE.hash(replace(header, extra_data=other)) == recorded().hashes[1]
    assert ENGINE.seal_hash(replace(header, extra_data=other)) != ENGINE.seal_hash(header)


def _flipped(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]


CHANGES: dict[str, Any] = {
    "parent_hash": _flipped,
    "uncles_hash": _flipped,
    "miner": _flipped,
    "state_root": _flipped,
    "transactions_root": _flipped,
    "receipts_root": _flipped,
    "logs_bloom": _flipped,
    "difficulty": lambda value: value + 1,
    "number": lambda value: value + 1,
    "gas_limit": lambda value: value + 1,
    "gas_used": lambda value: value + 1,
    "timestamp": lambda value: value + 1,
    "mix_hash": _flipped,
    "nonce": _flipped,
    "base_fee": lambda _: 0,
    "extra_data": lambda extra: extra[:-1] + bytes([extra[-1] ^ 1]),
}


def test_changes__cover__every_field() -> None:
    assert set(CHANGES) == set(Header.__dataclass_fields__)


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_follow__any_field_of_any_block_changed__refused(name: str) -> None:
    for parent, header in zip(_snapshots(), BLOCKS, strict=False):
        changed = replace(header, **{name: CHANGES[name](getattr(header, name))})
        with pytest.raises(IntegrityError):
            ENGINE.follow(parent, changed)


@pytest.mark.parametrize("name", ["vanity", "validators", "order", "vote", "round", "seal", "seals", "miner"])
def test_follow__any_part_of_extra_data_changed__refused(name: str) -> None:
    for parent, header in zip(_snapshots(), BLOCKS, strict=False):
        extra, miner = Extra.of(header), header.miner
        match name:
            case "vanity":
                extra = replace(extra, vanity=_flipped(extra.vanity))
            case "validators":
                extra = replace(extra, validators=[_flipped(extra.validators[0]), *extra.validators[1:]])
            case "order":
                extra = replace(extra, validators=extra.validators[::-1])
            case "vote":
                extra = replace(extra, vote=[] if extra.vote else [miner, b"\xff"])
            case "round":
                extra = replace(extra, round=extra.round + 1)
            case "seal":
                extra = replace(extra, seals=[_flipped(extra.seals[0]), *extra.seals[1:]])
            case "seals":
                extra = replace(extra, seals=extra.seals[: quorum(len(parent.validators)) - 1])
            case "miner":
                miner = next(each for each in parent.validators if each != miner)
        parts = [extra.vanity, extra.validators, extra.vote, extra.round, extra.seals]
        with pytest.raises(IntegrityError):
            ENGINE.follow(parent, replace(header, miner=miner, extra_data=pyrlp.encode(parts)))


def test_follow__block_skipped_or_repeated__refused() -> None:
    for number in range(1, len(BLOCKS)):
        with pytest.raises(IntegrityError, match="no child"):
            ENGINE.follow(_snapshots()[number - 1], BLOCKS[number])
        with pytest.raises(IntegrityError, match="no child"):
            ENGINE.follow(_snapshots()[number], BLOCKS[number - 1])


@pytest.mark.parametrize("number", range(1, len(recorded().headers), 7))
def test_follow__seals_of_another_block__refused(number: int) -> None:
    mine, other = Extra.of(recorded().headers[number]), Extra.of(BLOCKS[number % len(BLOCKS)])
    parts = [mine.vanity, mine.validators, mine.vote, mine.round, other.seals]
    with pytest.raises(IntegrityError, match="no validator"):
        ENGINE.follow(_snapshots()[number - 1], replace(recorded().headers[number], extra_data=pyrlp.encode(parts)))


# Chains committed to here.

FOUR = keys(4)
ACCOUNTS = tuple(key.account for key in FOUR)
STRANGER = Key(b"\x77" * 32)
NEW = Key(b"\x78" * 32).account


def _genesis(*validators: bytes) -> Snapshot:
    listed = validators or ACCOUNTS
    return ENGINE.genesis(plain(mix_hash=QBFT_MIX, extra_data=qbft_extra(listed)))


def _child(parent: Snapshot, proposer: Key = FOUR[0], **changed: Any) -> Header:
    """The next header, without extraData."""
    fixed = {"parent_hash": parent.hash, "miner": proposer.account, "mix_hash": QBFT_MIX}
    return plain(parent.number + 1, **{**fixed, **changed})


def _voted(engine: Qbft, parent: Snapshot, proposer: Key, *vote: bytes) -> Snapshot:
    """After a block of a proposer that carries a vote; with no vote, without."""
    by = [key for key in keys(9) if key.account in parent.validators]
    return engine.follow(parent, qbft_sealed(_child(parent, proposer), by, parent.validators, list(vote)))


def test_genesis__validators__sorted_and_out_of_extra_data() -> None:
    header = plain(mix_hash=QBFT_MIX, extra_data=qbft_extra(ACCOUNTS[::-1]))
    made = ENGINE.genesis(header)
    assert made == Snapshot(0, qbft_hash(header, ACCOUNTS[::-1]), header.timestamp, header.state_root, ACCOUNTS)


@pytest.mark.parametrize(
    "header",
    [
        plain(1, extra_data=qbft_extra(ACCOUNTS)),
        plain(extra_data=qbft_extra([])),
        plain(extra_data=qbft_extra([ACCOUNTS[0], ACCOUNTS[0]])),
        plain(extra_data=b""),
        plain(extra_data=bytes(32)),
    ],
)
def test_genesis__no_genesis_block__refused(header: Header) -> None:
    with pytest.raises(IntegrityError):
        ENGINE.genesis(header)


@pytest.mark.parametrize(("validators", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (9, 6)])
def test_quorum__of_validators__two_thirds_rounded_up(validators: int, needed: int) -> None:
    assert quorum(validators) == needed


@pytest.mark.parametrize("number", [0, 1, 2**32 - 1])
def test_follow__three_of_four_in_any_round__followed(number: int) -> None:
    parent = _genesis()
    header = qbft_sealed(_child(parent), FOUR[1:], ACCOUNTS, number=number)
    after = ENGINE.follow(parent, header)
    assert after.hash == qbft_hash(header, ACCOUNTS)
    assert (after.number, after.state_root, after.validators) == (1, header.state_root, ACCOUNTS)


@pytest.mark.parametrize("base_fee", [0, 7])
def test_follow__header_with_a_base_fee__followed(base_fee: int) -> None:
    parent = _genesis()
    header = qbft_sealed(_child(parent, base_fee=base_fee), FOUR, ACCOUNTS)
    assert ENGINE.follow(parent, header).hash == qbft_hash(header, ACCOUNTS)


@pytest.mark.parametrize(
    ("committers", "why"),
    [
        ([], "has 0 seals of the 3"),
        (FOUR[:2], "has 2 seals of the 3"),
        ([FOUR[0], FOUR[1], FOUR[1]], "two seals by one"),
        ([*FOUR[:3], FOUR[0]], "two seals by one"),
        ([*FOUR[:3], STRANGER], "no validator"),
        ([*FOUR[:2], STRANGER], "no validator"),
        ([*FOUR, FOUR[0]], "more seals"),
    ],
)
def test_follow__seals_too_few_twice_or_of_strangers__refused(committers: list[Key], why: str) -> None:
    parent = _genesis()
    with pytest.raises(IntegrityError, match=why):
        ENGINE.follow(parent, qbft_sealed(_child(parent), committers, ACCOUNTS))


def test_follow__seal_in_its_other_form__counts_as_the_same_account() -> None:
    parent, header = _genesis(), _child(_genesis())
    digest = keccak(encoded(header, qbft_extra(ACCOUNTS)))
    seals = [key.seal(digest) for key in FOUR[:3]]
    followed = ENGINE.follow(
        parent, replace(header, extra_data=qbft_extra(ACCOUNTS, seals=[*seals[:2], turned(seals[2])]))
    )
    assert followed.hash == qbft_hash(header, ACCOUNTS)
    with pytest.raises(IntegrityError, match="two seals by one"):
        ENGINE.follow(parent, replace(header, extra_data=qbft_extra(ACCOUNTS, seals=[*seals[:2], turned(seals[1])])))


@pytest.mark.parametrize("listed", [(*ACCOUNTS, NEW), ACCOUNTS[:3], (*ACCOUNTS[:3], NEW), (*ACCOUNTS, ACCOUNTS[0]), ()])
def test_follow__list_that_no_vote_made__refused_though_all_committed(listed: tuple[bytes, ...]) -> None:
    parent = _genesis()
    with pytest.raises(IntegrityError, match="other validators"):
        ENGINE.follow(parent, qbft_sealed(_child(parent), FOUR, listed))


def test_follow__chain_of_strangers_on_the_trusted_block__refused() -> None:
    parent, strangers = _genesis(), keys(4, first=60)
    listed = tuple(key.account for key in strangers)
    header = qbft_sealed(_child(parent, strangers[0]), strangers, listed)
    assert ENGINE.follow(replace(parent, validators=listed), header)
    with pytest.raises(IntegrityError):
        ENGINE.follow(parent, header)
    with pytest.raises(IntegrityError, match="no validator"):
        ENGINE.follow(parent, qbft_sealed(_child(parent), strangers, ACCOUNTS))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"miner": STRANGER.account}, "proposed"),
        ({"miner": bytes(20)}, "proposed"),
        ({"mix_hash": bytes(32)}, "mix hash"),
        ({"difficulty": 2}, "difficulty"),
        ({"difficulty": 0}, "difficulty"),
        ({"nonce": b"\xff" * 8}, "nonce"),
        ({"timestamp": 1_800_000_000}, "not later"),
        ({"number": 2}, "follows"),
        ({"uncles_hash": bytes(32)}, "uncles"),
        ({"gas_used": 30_000_001}, "gas"),
    ],
)
def test_follow__field_out_of_form__refused_though_all_committed(changed: dict[str, Any], why: str) -> None:
    parent = _genesis()
    with pytest.raises(IntegrityError, match=why):
        ENGINE.follow(parent, qbft_sealed(_child(parent, **changed), FOUR, ACCOUNTS))


@pytest.mark.parametrize(
    "parts",
    [
        [bytes(31), list(ACCOUNTS), [], 0, []],
        [bytes(32), list(ACCOUNTS), b"", 0, []],
        [bytes(32), b"", [], 0, []],
        [bytes(32), [b"\1" * 19], [], 0, []],
        [bytes(32), list(ACCOUNTS), [NEW], 0, []],
        [bytes(32), list(ACCOUNTS), [NEW, b"\1"], 0, []],
        [bytes(32), list(ACCOUNTS), [NEW[:19], b"\xff"], 0, []],
        [bytes(32), list(ACCOUNTS), [NEW, b"\xff", b""], 0, []],
        [bytes(32), list(ACCOUNTS), [NEW, []], 0, []],
        [bytes(32), list(ACCOUNTS), [[], []], 0, []],
        [bytes(32), list(ACCOUNTS), [], b"\0", []],
        [bytes(32), list(ACCOUNTS), [], 2**32, []],
        [bytes(32), list(ACCOUNTS), [], [], []],
        [bytes(32), list(ACCOUNTS), [], 0, b""],
        [bytes(32), list(ACCOUNTS), [], 0, [bytes(64)]],
        [bytes(32), list(ACCOUNTS), [], 0],
        [bytes(32), list(ACCOUNTS), [], 0, [], b""],
    ],
)
def test_extra__malformed__refused(parts: list[Any]) -> None:
    with pytest.raises(IntegrityError):
        Extra.of(plain(1, extra_data=pyrlp.encode(parts)))


@pytest.mark.parametrize("drop", [b"\0", b""], ids=["early GoQuorum", "GoQuorum and Besu"])
def test_follow__three_vote_one_out_in_either_form__out(drop: bytes) -> None:
    at = _genesis()
    for voter in FOUR[:3]:
        assert at.validators == ACCOUNTS
        at = _voted(ENGINE, at, voter, ACCOUNTS[3], drop)
    assert at.validators == ACCOUNTS[:3]
    assert at.votes == ()
    with pytest.raises(IntegrityError, match="no validator"):
        ENGINE.follow(at, qbft_sealed(_child(at), [*FOUR[:2], FOUR[3]], at.validators))


def test_follow__three_vote_one_in__needs_four_of_five_from_the_next_block() -> None:
    at = _genesis()
    for voter in FOUR[:3]:
        at = _voted(ENGINE, at, voter, NEW, b"\xff")
    assert at.validators == tuple(sorted((*ACCOUNTS, NEW)))
    with pytest.raises(IntegrityError, match="has 3 seals of the 4"):
        ENGINE.follow(at, qbft_sealed(_child(at), FOUR[:3], at.validators))
    assert ENGINE.follow(at, qbft_sealed(_child(at), FOUR, at.validators)).number == 4


def test_follow__snapshot_kept_and_read_between_votes__goes_on() -> None:
    at = _genesis()
    for voter in FOUR[:3]:
        at = Snapshot.from_json(_voted(ENGINE, at, voter, NEW, b"\xff").to_json())
    assert NEW in at.validators


@pytest.mark.parametrize(("besu", "votes"), [(False, (Vote(ACCOUNTS[2], NEW, authorise=True),)), (True, ())])
def test_follow__epoch_block_with_a_vote__counted_by_goquorum_only(besu: bool, votes: tuple[Vote, ...]) -> None:
    engine = Qbft(epoch=3, besu=besu)
    at = _genesis()
    for voter in FOUR[:2]:
        at = _voted(engine, at, voter, NEW, b"\xff")
    assert len(at.votes) == 2
    at = _voted(engine, at, FOUR[2], NEW, b"\xff")
    assert (at.number, at.validators, at.votes) == (3, ACCOUNTS, votes)


def test_follow__vote_for_what_is_so__kept_by_besu_only() -> None:
    at = _genesis()
    assert _voted(Qbft(), at, FOUR[0], NEW, b"").votes == ()
    assert _voted(Qbft(besu=True), at, FOUR[0], NEW, b"").votes == (Vote(ACCOUNTS[0], NEW, authorise=False),)


def test_final__any_trail__its_last() -> None:
    assert ENGINE.final(_snapshots(), [header.miner for header in recorded().headers]) == len(_snapshots()) - 1
    assert ENGINE.final(_snapshots()[:1], [bytes(20)]) == 0


def test_sealer__of_a_block__its_proposer() -> None:
    assert {ENGINE.sealer(header) for header in BLOCKS} <= set(recorded().validators[0])


def test_equivocation__two_blocks_of_one_height__and_nothing_else() -> None:
    parent = _genesis()
    one = qbft_sealed(_child(parent), FOUR[:3], ACCOUNTS)
    assert ENGINE.equivocation(one, qbft_sealed(_child(parent, gas_used=0), FOUR[1:], ACCOUNTS))
    assert not ENGINE.equivocation(one, qbft_sealed(_child(parent), FOUR[1:], ACCOUNTS, number=2))
    after = ENGINE.follow(parent, one)
    assert not ENGINE.equivocation(one, qbft_sealed(_child(after), FOUR, ACCOUNTS))
