"""A receipt holds as it was issued, and not with anything in it changed, added or taken away."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.access import AccessKind
from salus.core.audit import LogHead
from salus.core.canonical import canonical, parse
from salus.core.errors import ReceiptError
from salus.core.ids import ParticipantId, Root, hex32
from salus.core.receipt import (
    MAX_BYTES,
    STATEMENTS,
    Trust,
    UnsignedReceipt,
    access_receipt,
    destruction_receipt,
    record_receipt,
    verify_receipt,
)
from salus.core.receipt_bodies import RecordBody
from salus.core.receipt_destruction import UNPROVABLE
from salus.core.receipt_log import segment_of
from salus.core.state import RecordStatus
from tests.unit.core.receipts import (
    CHAIN_ID,
    DEPLOYMENT,
    FRAME,
    ISSUER,
    KINDS,
    MEMBERS,
    NOW,
    OPERATOR,
    access_body,
    destruction_body,
    erasure,
    own_access_body,
    record_body,
    signed,
    signer,
    unsigned,
    word,
)

Path = tuple[str | int, ...]


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every member and item, with its path."""
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in pairs:
        yield (*path, name), member
        yield from walk(member, (*path, name))


def at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def others(value: Any) -> list[Any]:
    """Values one could put in place of another."""
    if isinstance(value, bool):
        return [not value, int(value), None]
    if isinstance(value, int):
        return [value + 1, value - 1, str(value), True, None]
    if isinstance(value, str) and value.startswith("0x"):
        last = "1" if value[-1] != "1" else "2"
        return [value[:-1] + last, value.upper(), value.swapcase(), value + "00", value[2:], "0x", "", 7, None]
    if isinstance(value, str):
        return [value + " ", value.upper() + ".", "", 1, None]
    if isinstance(value, list):
        return [[*value, word("more").hex()], [*value, *value[-1:]], None, {}]
    if isinstance(value, dict):
        return [{**value, "more": 1}, [], None]
    return [0, "", {}, [], True]


@pytest.mark.parametrize("kind", KINDS)
def test_verify__honest_receipt__holds(kind: str) -> None:
    verified = verify_receipt(signed(kind))
    assert verified.body == unsigned(kind).body
    assert verified.frame == FRAME
    assert verified.operator == OPERATOR.address
    assert verify_receipt(canonical(signed(kind))) == verified


@pytest.mark.parametrize("kind", KINDS)
def test_verify__dev_chain__says_that_finality_is_unproven(kind: str) -> None:
    verified = verify_receipt(signed(kind))
    assert verified.finality_proven is False
    assert STATEMENTS["dev"] in verified.statements
    assert signed(kind)["finality"] == {"rule": "dev", "proven": False, "statement": STATEMENTS["dev"]}
    assert signed(kind)["proofs"] is None


def test_verify__destruction__says_what_cannot_be_proven() -> None:
    assert UNPROVABLE in verify_receipt(signed("destruction")).statements


def test_verify__more_bytes_than_any_receipt_has__is_refused_unread() -> None:
    with pytest.raises(ReceiptError, match="more than"):
        verify_receipt(b"[" * (MAX_BYTES + 1))


def test_verify__agreement_by_anybody__is_called_the_issuers_word() -> None:
    """The chain keeps no signature: an issuer may show a stranger's beside an order of the Council."""
    assert any("issuer's word" in said for said in verify_receipt(signed("destruction")).statements)
    verified = verify_receipt(UnsignedReceipt(FRAME, destruction_body(agreement=None)).sign(OPERATOR))
    assert not any("agreed to the destruction" in said for said in verified.statements)


@pytest.mark.parametrize("kind", KINDS)
def test_verify__any_single_member_changed__is_refused(kind: str) -> None:
    honest = signed(kind)
    for path, value in walk(honest):
        for other in others(value):
            if canonical(other) == canonical(value):
                continue
            forged = copy.deepcopy(honest)
            at(forged, path[:-1])[path[-1]] = other
            with pytest.raises(ReceiptError) as caught:
                verify_receipt(forged)
            assert caught.value.field, path


@pytest.mark.parametrize("kind", KINDS)
def test_verify__any_single_member_removed__is_refused(kind: str) -> None:
    honest = signed(kind)
    for path, _ in walk(honest):
        forged = copy.deepcopy(honest)
        del at(forged, path[:-1])[path[-1]]
        with pytest.raises(ReceiptError):
            verify_receipt(forged)


@pytest.mark.parametrize("kind", KINDS)
def test_verify__member_added_anywhere__is_refused(kind: str) -> None:
    honest = signed(kind)
    places = [(), *(path for path, value in walk(honest) if isinstance(value, dict))]
    for path in places:
        forged = copy.deepcopy(honest)
        at(forged, path)["note"] = "x"
        with pytest.raises(ReceiptError) as caught:
            verify_receipt(forged)
        assert caught.value.field.endswith("note") or path


@pytest.mark.parametrize("kind", ["record", "access", "destruction"])
def test_verify__items_of_a_list_swapped__is_refused(kind: str) -> None:
    honest = signed(kind)
    for path, value in walk(honest):
        if isinstance(value, list) and len(value) > 1:
            forged = copy.deepcopy(honest)
            items = at(forged, path)
            items[0], items[-1] = items[-1], items[0]
            with pytest.raises(ReceiptError):
                verify_receipt(forged)


@pytest.mark.parametrize("kind", ["record", "access", "destruction"])
def test_verify__every_byte_changed__is_refused(kind: str) -> None:
    honest = canonical(signed(kind))
    for position in range(len(honest)):
        forged = bytearray(honest)
        forged[position] ^= 1
        with pytest.raises(ReceiptError):
            verify_receipt(bytes(forged))


@given(st.sampled_from(["record", "access", "destruction"]), st.data())
def test_verify__bytes_spliced__are_refused(kind: str, data: st.DataObject) -> None:
    honest = canonical(signed(kind))
    start = data.draw(st.integers(0, len(honest)))
    end = data.draw(st.integers(start, min(len(honest), start + 40)))
    forged = honest[:start] + data.draw(st.binary(max_size=40)) + honest[end:]
    if forged != honest:
        with pytest.raises(ReceiptError):
            verify_receipt(forged)


@pytest.mark.parametrize("tail", [b"\n", b" ", b"{}"])
def test_verify__bytes_after_the_receipt__are_refused(tail: bytes) -> None:
    with pytest.raises(ReceiptError):
        verify_receipt(canonical(signed("record")) + tail)


def test_verify__pretty_printed__is_refused() -> None:
    with pytest.raises(ReceiptError, match="canonical"):
        verify_receipt(json.dumps(signed("record"), indent=1).encode())


@pytest.mark.parametrize("value", [None, [], "receipt", 7, {}])
def test_verify__no_receipt_at_all__is_refused(value: Any) -> None:
    with pytest.raises(ReceiptError):
        verify_receipt(value)


# signed by an issuer, and still not true: what follows from something else is checked


RECORD_LIES = {
    "body.leafHash": {"leaf_hash": word("other")},
    "body.proof": {"proof": (word("a"), word("b"))},
    "body.anchor.count": {"count": 2},
    "body.anchor.anchoredAt": {"anchored_at": NOW + 1, "log": ()},
    "body.state.reason": {"reason": 3},
    "body.log[0].entries": {"anchored_at": NOW - 499},
}
ACCESS_LIES = {
    "body.accessId": {"access_id": word("other")},
    "body.code": {"code": 140},
    "body.expiresAt": {"expires_at": NOW + 1},
    "body.consent": {"consent": replace(access_body().consent, salt=word("x"))},  # type: ignore[type-var] # it has one
    "body.key": {"key": bytes(12) + word("other")[12:]},
    "body.leaves": {"leaves": access_body(2).leaves},
    "body.recordedAt": {"recorded_at": NOW + 1, "expires_at": NOW + 3601},
    "body.log": {"log": access_body().log[1:]},
    "body.log[0].entries": {"log": (replace(access_body().log[0], entries=access_body().log[0].entries[:1]),)},
}
DESTRUCTION_LIES = {
    "body.order": {"erasable_from": NOW + 5},
    "body.custodians": {"threshold": 4},
    "body.attestations": {"erasures": destruction_body().erasures[:1]},
    "body.attestations[0].signature": {
        "erasures": (replace(destruction_body().erasures[0], erased=99), destruction_body().erasures[1])
    },
    "body.agreement.signature": {"agreement": replace(destruction_body().agreement, deadline=NOW + 1)},  # type: ignore[type-var] # it has one
    "body.log[0].entries": {"subject": destruction_body().subject, "ordered_at": NOW - 401},
}


@pytest.mark.parametrize(
    ("field", "body"),
    [
        *((field, (record_body(), lie)) for field, lie in RECORD_LIES.items()),
        *((field, (access_body(), lie)) for field, lie in ACCESS_LIES.items()),
        *((field, (destruction_body(), lie)) for field, lie in DESTRUCTION_LIES.items()),
    ],
)
def test_verify__issuer_signs_a_contradiction__is_refused(field: str, body: tuple[Any, dict[str, Any]]) -> None:
    lie = UnsignedReceipt(FRAME, replace(body[0], **body[1])).sign(OPERATOR)
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(lie)
    assert caught.value.field in {field, field.replace("body.log[0].entries", "body.log[0].after")}


def test_verify__heads_that_do_not_follow__are_refused() -> None:
    first, whole = access_body().log
    forged = replace(first, after=LogHead(1, first.after.count))
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(UnsignedReceipt(FRAME, access_body(log=(forged, whole))).sign(OPERATOR))
    assert caught.value.field == "body.log[0].after"


def test_verify__stretch_of_another_chain__is_refused() -> None:
    entry = replace(access_body().log[0].entries[0], key=word("stranger"))
    stranger = segment_of(word("stranger"), LogHead(), [entry], CHAIN_ID)
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(UnsignedReceipt(FRAME, access_body(log=(*access_body().log, stranger))).sign(OPERATOR))
    assert caught.value.field == "body.log[2].key"


def test_verify__destruction_log_that_stops_early__is_refused() -> None:
    (log,) = destruction_body().log
    short = segment_of(log.key, log.before, log.entries[:2], CHAIN_ID)
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(UnsignedReceipt(FRAME, destruction_body(log=(short,))).sign(OPERATOR))
    assert caught.value.field == "body.log[0].entries"


def test_verify__one_custodian_attests_twice__is_refused() -> None:
    body = destruction_body()
    twice = replace(body, erasures=(erasure(0, body.record_id), erasure(0, body.record_id, 3)))
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(UnsignedReceipt(FRAME, twice).sign(OPERATOR))
    assert caught.value.field == "body.attestations"


def test_verify__own_access_with_another_session_length__is_refused() -> None:
    for kind, seconds in ((AccessKind.OWN, 4 * 3600), (AccessKind.EMERGENCY, 3600)):
        with pytest.raises(ReceiptError) as caught:
            verify_receipt(UnsignedReceipt(FRAME, own_access_body(kind, seconds)).sign(OPERATOR))
        assert caught.value.field == "body.expiresAt"


def test_verify__issued_before_its_block__is_refused() -> None:
    frame = replace(FRAME, issued_at=NOW - 60)
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(UnsignedReceipt(frame, record_body()).sign(OPERATOR))
    assert caught.value.field == "issuedAt"


# whom it is from


def trust(**changes: Any) -> Trust:
    base = Trust(CHAIN_ID, DEPLOYMENT.council, {OPERATOR.address: ISSUER}, DEPLOYMENT.contracts)
    return replace(base, **changes)


def test_verify__issuer_that_is_trusted__is_known() -> None:
    assert verify_receipt(signed("access"), trust()).issuer_known is True
    assert verify_receipt(signed("access")).issuer_known is False


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("deployment.chainId", {"chain_id": 1}),
        ("deployment.council", {"council": signer("x").address}),
        ("deployment.contracts.AuditLog", {"contracts": {"AuditLog": signer("x").address}}),
        ("issuer", {"operators": {}}),
        ("issuer", {"operators": {OPERATOR.address: ParticipantId(word("another"))}}),
    ],
)
def test_verify__other_deployment_or_issuer_than_trusted__is_refused(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ReceiptError) as caught:
        verify_receipt(signed("access"), trust(**changes))
    assert caught.value.field == field


def test_verify__signed_again_by_a_stranger__is_refused_under_trust() -> None:
    stranger = unsigned("record").sign(signer("stranger"))
    assert verify_receipt(stranger).issuer_known is False
    with pytest.raises(ReceiptError):
        verify_receipt(stranger, trust())


# what builders refuse


@pytest.mark.parametrize(
    ("build", "body"),
    [
        (record_receipt, record_body(count=5, root=Root(word("other")))),
        (access_receipt, access_body(expires_at=7)),
        (destruction_receipt, destruction_body(erasures=())),
    ],
)
def test_builders__facts_that_contradict__are_refused(build: Any, body: Any) -> None:
    with pytest.raises(ReceiptError):
        build(FRAME, body)


def test_builders__unknown_finality_rule__is_refused() -> None:
    with pytest.raises(ReceiptError, match="finality"):
        record_receipt(replace(FRAME, finality="hope"), record_body())


def test_positions__access__are_those_of_both_chains() -> None:
    positions = access_body().positions(DEPLOYMENT.contracts["AccessGateway"])
    assert positions == {access_body().key: 8, None: 1003}


def test_record_body__destroyed_and_invalid__may_be_told() -> None:
    for status in (RecordStatus.INVALID, RecordStatus.ORDERED, RecordStatus.DESTROYED):
        body = record_body(status=status, reason=2)
        verified = verify_receipt(UnsignedReceipt(FRAME, body).sign(OPERATOR))
        assert isinstance(verified.body, RecordBody)
        assert verified.body.status is status


def test_signed__canonical_bytes__do_not_depend_on_member_order() -> None:
    honest = signed("access")
    shuffled = dict(reversed(honest.items()))
    assert canonical(honest) == canonical(shuffled)
    assert parse(canonical(honest)) == honest
    assert hex32(ISSUER) in canonical(honest).decode()
    assert len(MEMBERS) == 3
