from typing import Any

import pytest

from salus.core.calls import read_call
from salus.core.codes import Code
from salus.core.errors import InputError, NotFoundError, RefusedError, SalusError, UnavailableError
from salus.core.ids import LeafHash, ParticipantId, RecordId, hex32
from salus.flows import custody
from salus.flows.custody import Answers, ListedRecord, Released, ask_all, list_records
from tests.unit.flows.world import Patient, World

ONE, TWO, THREE = (ParticipantId(bytes([number]) * 32) for number in (1, 2, 3))


def _refused(code: Code) -> RefusedError:
    return RefusedError(code)


def test_ask_all__one_fails__the_others_answer() -> None:
    def ask(custodian: ParticipantId) -> dict[str, Any]:
        if custodian == TWO:
            raise UnavailableError("away")
        return {"from": custodian}

    answers = ask_all([ONE, TWO, THREE], ask)
    assert set(answers.given) == {ONE, THREE}
    assert isinstance(answers.failed[TWO], UnavailableError)


def test_ask_all__nobody_to_ask__nobody_answers() -> None:
    answers: Answers[dict[str, Any]] = ask_all([], lambda _: {})
    with pytest.raises(UnavailableError):
        answers.require()


def test_ask_all__error_that_is_none_of_salus__is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        ask_all([ONE], lambda _: {"x": 1 // 0})


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([_refused(Code.NODE_STALE), _refused(Code.CONSENT_REVOKED)], Code.CONSENT_REVOKED),
        ([_refused(Code.ACCESS_NOT_FINAL), UnavailableError("away")], Code.ACCESS_NOT_FINAL),
        ([UnavailableError("away"), _refused(Code.SUBJECT_FROZEN)], Code.SUBJECT_FROZEN),
        ([_refused(Code.CALL_STALE), _refused(Code.NODE_STALE)], Code.CALL_STALE),
    ],
)
def test_require__refusals__the_weightiest_code(failures: list[SalusError], code: Code) -> None:
    answers: Answers[dict[str, Any]] = Answers({}, dict(zip((ONE, TWO), failures, strict=True)))
    with pytest.raises(RefusedError) as caught:
        answers.require()
    assert caught.value.code is code


def test_require__enough_answers__whatever_failed() -> None:
    Answers({ONE: {}, TWO: {}}, {THREE: _refused(Code.NODE_STALE)}).require(2)


def test_require__too_few_and_one_away__unavailable() -> None:
    with pytest.raises(UnavailableError):
        Answers({ONE: {}}, {TWO: NotFoundError("gone"), THREE: UnavailableError("away")}).require(2)


def test_require__too_few_and_all_say_why__their_reason() -> None:
    with pytest.raises(NotFoundError):
        Answers({ONE: {}}, {TWO: NotFoundError("gone"), THREE: NotFoundError("gone")}).require(2)


def test_caller__call__signed_for_one_custodian_with_a_fresh_nonce(world: World) -> None:
    caller = world.caller("reader")
    one, other = (caller.call("list", world.custodians[0], {"limit": 1}) for _ in range(2))
    read = read_call(one, world.chain.domain("Council"))
    assert (read.call.verb, read.call.recipient) == ("list", world.custodians[0])
    assert read.signer == caller.signer.address
    assert one["call"]["nonce"] != other["call"]["nonce"]


def test_list__more_than_a_page__all_of_them_once(
    world: World, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custody, "PAGE", 3)
    leaves = world.publish(*(world.seal(patient, f"result {number}") for number in range(8)))
    package = world.consent(patient)
    listed = list_records(
        world.caller("reader"), world.client, world.custodians, {"package": package.to_json(), "history": False}
    )
    assert sorted(record.leaf for record in listed) == sorted(leaves)


def test_list__any_order_of_deposit__oldest_day_first(world: World, patient: Patient) -> None:
    world.publish(*(world.seal(patient, f"{days}", days_ago=days) for days in (3, 30, 1, 12)))
    package = world.consent(patient)
    listed = list_records(world.caller("reader"), world.client, world.custodians, {"package": package.to_json()})
    assert [world.today - record.first_day for record in listed] == [30, 12, 3, 1]


def test_list__by_the_grantee__never_names_the_subject(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    answer = world.client.list(
        world.custodians[0], world.caller("reader").call("list", world.custodians[0], {"package": package.to_json()})
    )
    assert patient.subject.hex() not in repr(answer)
    assert "previousLeaf" not in answer["items"][0]


def test_list__without_end__counts_as_no_answer(
    world: World, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custody, "MAX_PAGES", 5)
    leaves = world.publish(world.seal(patient, "glucose"))
    pages: list[Any] = []

    def endless(_verb: str, _call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        pages.append(answer["items"])
        return answer | {"items": pages[0], "more": True}

    world.bend(world.custodians[0], endless)
    package = world.consent(patient)
    listed = list_records(world.caller("reader"), world.client, world.custodians, {"package": package.to_json()})
    assert [record.leaf for record in listed] == leaves
    assert len(pages) == 5


RELEASED: dict[str, Any] = {
    "accessId": hex32(ONE),
    "shares": [{"leaf": hex32(ONE), "sealed": "0xab", "inner": "0xcd"}, {"leaf": hex32(TWO), "sealed": "0x"}],
    "refused": [{"leaf": hex32(THREE), "code": 150}],
}


def test_released__json__read() -> None:
    released = Released.from_json(RELEASED)
    assert released.shares == {LeafHash(ONE): (b"\xab", b"\xcd"), LeafHash(TWO): (b"", None)}
    assert released.refused == {LeafHash(THREE): Code.RECORD_INVALID}


@pytest.mark.parametrize(
    "change",
    [
        {"shares": None},
        {"shares": [{}]},
        {"shares": ["x"]},
        {"shares": [{"leaf": "0x", "sealed": "0x"}]},
        {"shares": [{"leaf": hex32(ONE)}]},
        {"refused": None},
        {"refused": [{"leaf": hex32(ONE), "code": 9999}]},
        {"refused": [{"leaf": hex32(ONE), "code": "150"}]},
        {"refused": [{"code": 150}]},
    ],
    ids=repr,
)
def test_released__malformed__refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Released.from_json(RELEASED | change)
    for name in ("shares", "refused"):
        with pytest.raises(InputError):
            Released.from_json({key: value for key, value in RELEASED.items() if key != name})


def test_released__share_that_is_no_hex__an_empty_one_of_a_liar() -> None:
    assert Released.from_json(RELEASED | {"shares": [{"leaf": hex32(ONE), "sealed": 5}]}).shares == {
        LeafHash(ONE): (b"", None)
    }


ITEM: dict[str, Any] = {
    "leaf": hex32(ONE),
    "recordId": hex32(TWO),
    "version": 1,
    "envelopeDigest": hex32(ONE),
    "contentCommitment": hex32(ONE),
    "categories": 1,
    "level": 3,
    "confidentiality": 3,
    "form": 0,
    "firstDay": 1,
    "lastDay": 1,
    "custodianSet": 1,
}


def test_listed_record__json__read() -> None:
    record = ListedRecord.from_json(ITEM | {"cid": "ignored", "sourceId": hex32(ONE)})
    assert (record.leaf, record.record_id, record.level) == (LeafHash(ONE), RecordId(TWO), 3)
    assert record.cid.startswith("bafkrei")


@pytest.mark.parametrize("name", ITEM)
@pytest.mark.parametrize("value", [None, "x", -1, 2**70, 1.5, [], True], ids=repr)
def test_listed_record__member_malformed__refused(name: str, value: Any) -> None:
    with pytest.raises(InputError):
        ListedRecord.from_json(ITEM | {name: value})
    with pytest.raises(InputError):
        ListedRecord.from_json({key: member for key, member in ITEM.items() if key != name})
