"""A custodian that lies is named, and the records still open."""

from collections.abc import Callable
from secrets import token_bytes
from typing import Any

import pytest

from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.envelope import header_for, seal
from salus.core.errors import IntegrityError, RefusedError, ShareError, SignatureError, UnavailableError
from salus.core.hashing import sha256
from salus.core.ids import hex32
from salus.core.leaf import content_commitment
from salus.core.shares import split
from salus.flows.open import open_with_consent
from tests.unit.flows.world import TREATMENT, Bend, Patient, World, resealed, texts


def _released(change: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]) -> Bend:
    """Bends every share of a release: call and share, to another share."""

    def bend(verb: str, call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if verb != "release":
            return answer
        return answer | {"shares": [change(call, item) for item in answer["shares"]]}

    return bend


def _made_up(world: World, position: int, index: int) -> Bend:
    custodian = world.custodians[position]
    share = bytes([index]) + b"\x5a" * 32
    return _released(lambda call, item: item | {"sealed": resealed(world, custodian, call, item["leaf"], share)})


LIES: dict[str, Callable[[World, int], Bend]] = {
    "a made-up share": lambda world, position: _made_up(world, position, position + 1),
    "a share that blames another": lambda world, position: _made_up(world, position, (position + 1) % 3 + 1),
    "a share without an index": lambda world, position: _made_up(world, position, 0),
    "a share beyond the set": lambda world, position: _made_up(world, position, 200),
    "bytes that don't open": lambda _world, _position: _released(
        lambda _call, item: item | {"sealed": "0x" + "5a" * 81}
    ),
    "no bytes at all": lambda _world, _position: _released(lambda _call, item: item | {"sealed": "0x"}),
    "no hex": lambda _world, _position: _released(lambda _call, item: item | {"sealed": "soon"}),
    "an empty share": lambda world, position: _released(
        lambda call, item: item | {"sealed": resealed(world, world.custodians[position], call, item["leaf"], b"")}
    ),
}


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("lie", LIES)
def test_open__one_custodian_lies__named_and_the_records_still_open(
    world: World, patient: Patient, lie: str, position: int
) -> None:
    world.publish(world.seal(patient, "glucose"), world.seal(patient, "ultrasound"))
    world.bend(world.custodians[position], LIES[lie](world, position))
    opened = world.open(world.consent(patient))
    assert texts(opened) == {"glucose", "ultrasound"}
    assert opened.liars == (world.custodians[position],)
    assert (opened.refused, opened.failed) == ({}, {})


def test_open__shares_of_two_records_swapped__named(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"), world.seal(patient, "ultrasound"))

    def swap(verb: str, _call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if verb != "release":
            return answer
        one, other = answer["shares"]
        return answer | {"shares": [one | {"sealed": other["sealed"]}, other | {"sealed": one["sealed"]}]}

    world.bend(world.custodians[1], swap)
    opened = world.open(world.consent(patient))
    assert texts(opened) == {"glucose", "ultrasound"}
    assert opened.liars == (world.custodians[1],)


def test_open__share_of_an_earlier_session_replayed__named(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    kept: list[dict[str, Any]] = []

    def replay(verb: str, _call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if verb == "release":
            kept.append(answer)
            return answer | {"shares": kept[0]["shares"]}
        return answer

    world.bend(world.custodians[0], replay)
    package = world.consent(patient)
    assert world.open(package).liars == ()
    again = world.open(package)
    assert texts(again) == {"glucose"}
    assert again.liars == (world.custodians[0],)


def test_open__two_custodians_lie__fails_and_the_third_alone_opens_nothing(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    for position in (0, 2):
        world.bend(world.custodians[position], _made_up(world, position, position + 1))
    with pytest.raises(ShareError):
        world.open(world.consent(patient))


def test_open__level_5_inner_share_a_lie__named_and_the_others_open(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "psychiatry", level=5), world.seal(patient, "glucose"))
    custodian, share = world.custodians[2], b"\x03" + b"\x5a" * 32

    def lie(call: dict[str, Any], item: dict[str, Any]) -> dict[str, Any]:
        if "inner" not in item:
            return item
        return item | {"inner": resealed(world, custodian, call, item["leaf"], share, inner=True)}

    world.bend(custodian, _released(lie))
    opened = world.open(world.consent(patient, max_level=5))
    assert texts(opened) == {"glucose"}
    assert opened.liars == (custodian,)
    assert isinstance(opened.failed[leaves[0]], ShareError)


def test_open__outer_share_shown_as_inner__named(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "psychiatry", level=5), world.seal(patient, "glucose"))
    custodian = world.custodians[0]
    world.bend(custodian, _released(lambda _call, item: item | ({"inner": item["sealed"]} if "inner" in item else {})))
    opened = world.open(world.consent(patient, max_level=5))
    assert texts(opened) == {"glucose"}
    assert opened.liars == (custodian,)


def test_open__custodian_keeps_shares_back_without_a_code__the_others_are_enough(
    world: World, patient: Patient
) -> None:
    world.publish(world.seal(patient, "glucose"))
    world.bend(world.custodians[0], lambda verb, _, answer: answer | {"shares": []} if verb == "release" else answer)
    opened = world.open(world.consent(patient))
    assert texts(opened) == {"glucose"}
    assert opened.liars == ()


def test_open__custodian_refuses_what_others_release__still_opens(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "glucose"))
    refusal = {"shares": [], "refused": [{"leaf": hex32(leaves[0]), "code": int(Code.RECORD_UNKNOWN)}]}
    world.bend(world.custodians[1], lambda verb, _, answer: answer | refusal if verb == "release" else answer)
    opened = world.open(world.consent(patient))
    assert texts(opened) == {"glucose"}
    assert opened.refused == {}


def test_open__two_custodians_refuse_one_record__its_code(world: World, patient: Patient) -> None:
    leaves = world.publish(world.seal(patient, "glucose"), world.seal(patient, "ultrasound"))

    def refuse(verb: str, _call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if verb != "release":
            return answer
        kept = [item for item in answer["shares"] if item["leaf"] != hex32(leaves[0])]
        return answer | {"shares": kept, "refused": [{"leaf": hex32(leaves[0]), "code": 150}]}

    for custodian in world.custodians[:2]:
        world.bend(custodian, refuse)
    opened = world.open(world.consent(patient))
    assert texts(opened) == {"ultrasound"}
    assert opened.refused == {leaves[0]: Code.RECORD_INVALID}


def _mislabelled(member: str) -> Bend:
    def bend(verb: str, _call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if verb != "list":
            return answer
        wrong = 1 if member in ("level", "firstDay") else "0x" + "5a" * 32
        return answer | {"items": [item | {member: wrong} for item in answer["items"]]}

    return bend


MEMBERS = ["envelopeDigest", "contentCommitment", "recordId", "level", "firstDay"]


@pytest.mark.parametrize("member", MEMBERS)
def test_list__one_custodian_says_other_things_of_a_record__outvoted(
    world: World, patient: Patient, member: str
) -> None:
    world.publish(world.seal(patient, "glucose"))
    world.bend(world.custodians[2], _mislabelled(member))
    assert texts(world.open(world.consent(patient))) == {"glucose"}


@pytest.mark.parametrize("member", MEMBERS)
def test_list__two_custodians_left_that_disagree__integrity_error(world: World, patient: Patient, member: str) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    world.bend(world.custodians[2], _mislabelled(member))
    world.client.stop(world.custodians[0])
    with pytest.raises(IntegrityError):
        world.open(package)


@pytest.mark.parametrize("verb", ["list", "release"])
@pytest.mark.parametrize("answer", [{}, {"items": 5, "shares": 5}, {"items": [{}], "shares": [{}]}], ids=repr)
def test_open__custodian_answers_in_another_form__the_others_are_enough(
    world: World, patient: Patient, verb: str, answer: dict[str, Any]
) -> None:
    world.publish(world.seal(patient, "glucose"))
    world.bend(world.custodians[1], lambda asked, _, honest: answer if asked == verb else honest)
    assert texts(world.open(world.consent(patient))) == {"glucose"}


def test_list__custodian_hides_a_record__the_others_list_it(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    world.bend(world.custodians[0], lambda verb, _, answer: answer | {"items": []} if verb == "list" else answer)
    assert texts(world.open(world.consent(patient))) == {"glucose"}


def test_call__not_signed_by_an_operator__every_custodian_refuses(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    with pytest.raises((RefusedError, SignatureError)):
        open_with_consent(package, TREATMENT, world.reader, world.reading("nobody"))


def _inventing(world: World, position: int, envelope_bytes: bytes, share: bytes, **labels: int) -> Bend:
    """A custodian that lists, and alone releases, a record nobody anchored; nothing else."""
    custodian = world.custodians[position]
    record_id = b"\x01" * 32

    def bend(verb: str, call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if verb == "list":
            made_up = answer["items"][0] | {
                "leaf": INVENTED,
                "recordId": hex32(record_id),
                "version": 1,
                "envelopeDigest": hex32(sha256(envelope_bytes)),
                "contentCommitment": hex32(content_commitment(bytes(16), b'{"valueString":"forged"}')),
            }
            return answer | {"items": [*answer["items"], made_up | labels]}
        sealed = resealed(world, custodian, call, INVENTED, share)
        return answer | {"shares": [*answer["shares"], {"leaf": INVENTED, "sealed": sealed}], "refused": []}

    return bend


INVENTED = "0x" + "0e" * 32
FORGED = {
    "content": {"valueString": "forged"},
    "contentSalt": "0x" + "00" * 16,
    "leaf": {"recordId": "0x" + "01" * 32, "version": 1},
    "topics": 0,
    "topicsSalt": "0x" + "00" * 16,
}


def _forged() -> tuple[bytes, bytes]:
    """An envelope that one share alone opens, and that share."""
    key = b"\x07" * 32
    dealt = split(key, 1, 1, token_bytes)
    return seal(canonical(FORGED), key, bytes(12), header_for(1, dealt)), dealt[0]


def test_open__one_custodian_invents_a_record__only_the_true_ones_open(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    raw, share = _forged()
    world.content.put(raw)
    world.bend(world.custodians[2], _inventing(world, 2, raw, share))
    assert texts(world.open(world.consent(patient))) == {"glucose"}


def test_open__one_custodian_lists_a_record_above_the_consent__the_request_is_not_widened(
    world: World, patient: Patient
) -> None:
    world.publish(world.seal(patient, "glucose"))
    raw, share = _forged()
    world.bend(world.custodians[0], _inventing(world, 0, raw, share, level=5))
    assert world.open(world.consent(patient)).access.level < 5


def test_open__only_the_inventing_custodian_is_left__its_record_does_not_open(world: World, patient: Patient) -> None:
    world.publish(world.seal(patient, "glucose"))
    package = world.consent(patient)
    raw, share = _forged()
    world.content.put(raw)
    world.bend(world.custodians[2], _inventing(world, 2, raw, share))
    for away in world.custodians[:2]:
        world.client.stop(away)
    with pytest.raises((IntegrityError, ShareError)):
        world.open(package)


def test_open__two_custodians_see_the_revocation_first__its_code_and_not_a_share_too_few(
    world: World, patient: Patient
) -> None:
    world.publish(world.seal(patient, "glucose"))

    def refuse(verb: str, _call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if verb == "release":
            raise RefusedError(Code.CONSENT_REVOKED)
        return answer

    for custodian in world.custodians[:2]:
        world.bend(custodian, refuse)
    with pytest.raises(RefusedError) as refusal:
        world.open(world.consent(patient))
    assert refusal.value.code is Code.CONSENT_REVOKED


def test_open__two_custodians_are_gone_at_the_release__is_unavailable_and_not_damaged(
    world: World, patient: Patient
) -> None:
    """They die between the list and the release: asking again later opens the record."""
    world.publish(world.seal(patient, "glucose"))

    def die(verb: str, _call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if verb == "release":
            raise UnavailableError("gone")
        return answer

    for custodian in world.custodians[:2]:
        world.bend(custodian, die)
    with pytest.raises(UnavailableError, match="2 shares are needed, 1 are here"):
        world.open(world.consent(patient))
