from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.core import hpke
from salus.core.errors import EnvelopeError, InputError
from salus.core.ids import LeafHash, ParticipantId, Root, hex32
from salus.core.leaf import Leaf
from salus.core.leaf_row import MAX_NOTE
from salus.core.recall import (
    MAX_PAGE,
    PAGE,
    RecallAnswer,
    RecallBody,
    RecalledVersion,
    decode_versions,
    encode_versions,
)
from tests.unit.core.strategies import leaves
from tests.vectors.samples import leaf, raw32

SOURCE, ROOT, KEY = ParticipantId(raw32("source")), Root(raw32("root")), raw32("session")
AFTER = LeafHash(raw32("after"))
versions = st.builds(RecalledVersion, leaves, st.binary(max_size=60) | st.just(bytes(MAX_NOTE)))
ROW: list[Any] = msgspec.msgpack.decode(encode_versions([RecalledVersion(leaf(), b"note")]))[0]


@settings(max_examples=50)
@given(st.lists(versions, max_size=4))
def test_versions__any__decode_to_them(told: list[RecalledVersion]) -> None:
    assert decode_versions(encode_versions(told)) == told


def test_versions__row__is_the_leaf_in_order_and_the_note() -> None:
    made = leaf()
    assert [*(getattr(made, name) for name in Leaf.__dataclass_fields__), b"note"] == ROW


@pytest.mark.parametrize("at", range(15))
@pytest.mark.parametrize(
    "value", [None, -1, 2**64 - 1, "text", bytes(31), bytes(MAX_NOTE + 1), [], 1.5, True], ids=repr
)
def test_decode__field_of_another_type_or_size__refused(at: int, value: Any) -> None:
    fits = (at == 14 and value == bytes(31)) or (at == 6 and value == 2**64 - 1)  # a note; every category bit
    row = [*ROW[:at], "text" if fits else value, *ROW[at + 1 :]]
    with pytest.raises(InputError):
        decode_versions(msgspec.msgpack.encode([row]))


@pytest.mark.parametrize("row", [ROW[:-1], [*ROW, b""], [], None, {"record_id": b""}, 5], ids=range(6))
def test_decode__row_of_another_shape__refused(row: Any) -> None:
    with pytest.raises(InputError):
        decode_versions(msgspec.msgpack.encode([row]))


@given(st.binary(max_size=100))
def test_decode__any_bytes__no_other_error(payload: bytes) -> None:
    for candidate in (payload, b"\x91\x9f" + payload):
        try:
            decode_versions(candidate)
        except InputError:
            continue


@pytest.mark.parametrize("body", [RecallBody(SOURCE, ROOT, KEY), RecallBody(SOURCE, ROOT, KEY, AFTER, MAX_PAGE)])
def test_body__json__is_read_back(body: RecallBody) -> None:
    assert RecallBody.from_json(body.to_json()) == body


def test_body__as_usual__has_no_more_members_than_needed() -> None:
    value = RecallBody(SOURCE, ROOT, KEY).to_json()
    assert value == {"sourceId": hex32(SOURCE), "root": hex32(ROOT), "sessionKey": hex32(KEY)}
    assert RecallBody.from_json(value).limit == PAGE


@pytest.mark.parametrize(
    "changed",
    [
        {"limit": 0},
        {"limit": MAX_PAGE + 1},
        {"limit": True},
        {"limit": "5"},
        {"after": "0x00"},
        {"after": None},
        {"sessionKey": "0x" + "00" * 31},
        {"sessionKey": 5},
        {"root": None},
        {"sourceId": []},
    ],
    ids=repr,
)
def test_body__malformed__refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        RecallBody.from_json(RecallBody(SOURCE, ROOT, KEY).to_json() | changed)


@pytest.mark.parametrize("missing", ["sourceId", "root", "sessionKey"])
def test_body__member_missing__refused(missing: str) -> None:
    value = RecallBody(SOURCE, ROOT, KEY).to_json()
    del value[missing]
    with pytest.raises(InputError):
        RecallBody.from_json(value)


def test_answer__json__is_read_back() -> None:
    answer = RecallAnswer(7, 600, b"sealed", more=True)
    assert RecallAnswer.from_json(answer.to_json()) == answer


@pytest.mark.parametrize(
    "changed", [{"more": 1}, {"count": -1}, {"custodianSet": "1"}, {"sealed": "aa"}, {"sealed": None}], ids=repr
)
def test_answer__malformed__refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        RecallAnswer.from_json(RecallAnswer(7, 600, b"sealed", more=True).to_json() | changed)


def test_info__each_part_changed__seals_for_something_else() -> None:
    parts = (31337, SOURCE, ROOT, raw32("custodian"), AFTER)
    sealed = hpke.seal(b"page", hpke.public_key(KEY), hpke.recall_info(*parts))
    assert hpke.open_sealed(sealed, KEY, hpke.recall_info(*parts)) == b"page"
    others = (31338, raw32("o"), raw32("p"), raw32("q"), raw32("r"))
    for at, other in enumerate(others):
        changed: Any = (*parts[:at], other, *parts[at + 1 :])
        with pytest.raises(EnvelopeError):
            hpke.open_sealed(sealed, KEY, hpke.recall_info(*changed))
