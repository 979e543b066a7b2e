"""What any API carries for patients."""

from collections.abc import Callable
from typing import Any

import pytest

from salus.adapters.memory import MemorySigner
from salus.core import hpke
from salus.core.access import Access, AccessKind
from salus.core.codes import Code
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, ParticipantId, Root, hex32
from salus.core.ports import ContractCall
from salus.flows.bind import FREEZE_TYPE, ROTATION_TYPE, freeze_call
from salus.flows.custody import Caller
from tests.unit.api.world import CUSTODIANS, SUBJECT, ApiWorld


def freeze_body(world: ApiWorld, signer: MemorySigner, **change: Any) -> dict[str, Any]:
    call: ContractCall = freeze_call(
        signer, SUBJECT, 0, 2_000_000_000, world.chain.domain("SubjectRegistry"), frozen=True
    )
    (subject, by, frozen, nonce, deadline), signature = call.args
    message = {"subjectRef": hex32(subject), "by": by, "frozen": frozen, "nonce": nonce, "deadline": deadline, **change}
    return {"function": "freeze", "message": message, "signatures": [hex32(signature)]}


def own_access(world: ApiWorld, **change: Any) -> Access:
    values: dict[str, Any] = {
        "kind": AccessKind.OWN,
        "participant": ParticipantId(ZERO32),
        "reference": SUBJECT,
        "purpose": 1 << 16,
        "categories": 1,
        "actions": 2,
        "level": 3,
        "confidentiality": 3,
        "form": 0,
        "from_day": 20_000,
        "to_day": 20_500,
        "role": 7,
        "record_count": 1,
        "records_root": Root(sha256(b"root")),
        "session_key": hpke.public_key(sha256(b"session")),
        "user_digest": sha256(b"user"),
        "deadline": world.clock.now() + 600,
        "salt": sha256(b"salt"),
        **change,
    }
    return Access(**values)


def test_subject_call__signed_by_controller__is_sent(world: ApiWorld) -> None:
    answer = world.client.post("/v1/relay/subject-calls", json=freeze_body(world, world.controller))
    assert answer.status_code == 200, answer.text
    assert world.chain.subject(SUBJECT, world.chain.head()).frozen


def test_subject_call__signed_by_stranger__is_not_sent(world: ApiWorld) -> None:
    answer = world.client.post("/v1/relay/subject-calls", json=freeze_body(world, MemorySigner.named("stranger")))
    assert (answer.status_code, answer.json()["name"]) == (422, "SIGNATURE")
    assert world.writer.sent == []


def test_freeze__signed_in_anothers_name__is_not_sent(world: ApiWorld) -> None:
    domain, other = world.chain.domain("SubjectRegistry"), MemorySigner.named("other")
    values = {"subjectRef": SUBJECT, "by": other.address, "frozen": True, "nonce": 0, "deadline": 2_000_000_000}
    signature = world.controller.sign(FREEZE_TYPE.digest(domain, values))
    body = {"function": "freeze", "message": {**values, "subjectRef": hex32(SUBJECT)}, "signatures": [hex32(signature)]}
    answer = world.client.post("/v1/relay/subject-calls", json=body)
    assert (answer.status_code, answer.json()["name"]) == (422, "SIGNATURE")
    assert world.writer.sent == []


def test_subject_call__unknown_subject__is_not_found(world: ApiWorld) -> None:
    body = freeze_body(world, world.controller, subjectRef=hex32(sha256(b"other")))
    assert world.client.post("/v1/relay/subject-calls", json=body).status_code == 404


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body["message"].pop("nonce"),
        lambda body: body["message"].update(extra=1),
        lambda body: body["message"].update(frozen="yes"),
        lambda body: body["message"].update(nonce=-1),
        lambda body: body["message"].update(nonce=True),
        lambda body: body["message"].update(subjectRef="0x12"),
        lambda body: body.update(function="link"),
        lambda body: body.update(signatures=[]),
        lambda body: body.update(signatures=body["signatures"] * 2),
    ],
)
def test_subject_call__malformed__is_refused(world: ApiWorld, spoil: Callable[[dict[str, Any]], object]) -> None:
    body = freeze_body(world, world.controller)
    spoil(body)
    answer = world.client.post("/v1/relay/subject-calls", json=body)
    assert (answer.status_code, answer.json()["name"]) == (422, "INPUT")


def test_rotate__signed_by_old_and_new__is_sent(world: ApiWorld) -> None:
    fresh = MemorySigner.named("fresh")
    values = {"subjectRef": SUBJECT, "controller": fresh.address, "nonce": 0, "deadline": 2_000_000_000}
    digest = ROTATION_TYPE.digest(world.chain.domain("SubjectRegistry"), values)
    message = {**values, "subjectRef": hex32(SUBJECT)}
    both = [hex32(world.controller.sign(digest)), hex32(fresh.sign(digest))]
    body = {"function": "rotate", "message": message, "signatures": both}
    swapped = world.client.post("/v1/relay/subject-calls", json={**body, "signatures": both[::-1]})
    assert swapped.status_code == 422
    assert world.client.post("/v1/relay/subject-calls", json=body).status_code == 200
    assert world.chain.subject(SUBJECT, world.chain.head()).controller == fresh.address


def test_own_access__signed_by_controller__waits_until_final(world: ApiWorld) -> None:
    access = own_access(world)
    access_id = access.access_id(world.chain.domain("AccessGateway"))
    body = {"access": access.to_json(), "signature": hex32(world.controller.sign(access_id))}
    answer = world.client.post("/v1/relay/own-accesses", json=body).json()
    assert (answer["accessId"], answer["code"], answer["name"]) == (hex32(access_id), 1, "GRANTED")
    assert answer["block"] == world.chain.final().number


def test_own_access__denied__tells_the_code_without_being_an_error(world: ApiWorld) -> None:
    access = own_access(world)
    signature = world.controller.sign(access.access_id(world.chain.domain("AccessGateway")))
    world.next_code = Code.SUBJECT_FROZEN
    body = {"access": access.to_json(), "signature": hex32(signature)}
    answer = world.client.post("/v1/relay/own-accesses", json=body)
    assert (answer.status_code, answer.json()["name"], answer.json()["expiresAt"]) == (200, "SUBJECT_FROZEN", 0)


def test_own_access__signed_by_another__is_refused_with_code(world: ApiWorld) -> None:
    access = own_access(world)
    signature = world.holder.sign(access.access_id(world.chain.domain("AccessGateway")))
    body = {"access": access.to_json(), "signature": hex32(signature)}
    answer = world.client.post("/v1/relay/own-accesses", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, Code.NOT_CONTROLLER)


def test_own_access__kind_consent__is_malformed(world: ApiWorld) -> None:
    access = own_access(world, kind=AccessKind.CONSENT)
    signature = world.controller.sign(access.access_id(world.chain.domain("AccessGateway")))
    body = {"access": access.to_json(), "signature": hex32(signature)}
    assert world.client.post("/v1/relay/own-accesses", json=body).status_code == 422


def test_own_access__never_final__is_unavailable(world: ApiWorld) -> None:
    access = own_access(world)
    signature = world.controller.sign(access.access_id(world.chain.domain("AccessGateway")))
    world.chain.hold_final()
    body = {"access": access.to_json(), "signature": hex32(signature)}
    assert world.client.post("/v1/relay/own-accesses", json=body).status_code == 503


def signed_call(world: ApiWorld, verb: str = "list", custodian: ParticipantId = CUSTODIANS[0]) -> dict[str, Any]:
    caller = Caller(world.controller, world.chain.domain("Council"), world.clock, world.random)
    return caller.call(verb, custodian, {"subject": hex32(SUBJECT)})


def test_custodian_call__signed__is_passed_through(world: ApiWorld) -> None:
    answer = world.client.post(f"/v1/relay/custodians/{hex32(CUSTODIANS[0])}/list", json=signed_call(world))
    assert answer.json() == {"items": [], "more": False}
    assert world.custodians[0].asked == ["list"]


def test_custodian_call__for_another_custodian_or_verb__is_refused(world: ApiWorld) -> None:
    call = signed_call(world)
    assert world.client.post(f"/v1/relay/custodians/{hex32(CUSTODIANS[1])}/list", json=call).status_code == 422
    assert world.client.post(f"/v1/relay/custodians/{hex32(CUSTODIANS[0])}/release", json=call).status_code == 422
    assert world.client.post(f"/v1/relay/custodians/{hex32(CUSTODIANS[0])}/destroy", json=call).status_code == 422
    assert all(custodian.asked == [] for custodian in world.custodians)


def test_custodian_call__changed_body__is_refused(world: ApiWorld) -> None:
    call = signed_call(world)
    call["body"]["history"] = True
    answer = world.client.post(f"/v1/relay/custodians/{hex32(CUSTODIANS[0])}/list", json=call)
    assert (answer.status_code, answer.json()["name"]) == (422, "SIGNATURE")


def test_custodian_call__custodian_refuses__keeps_its_code(world: ApiWorld) -> None:
    world.custodians[0].refuses = Code.NOT_CONTROLLER
    answer = world.client.post(f"/v1/relay/custodians/{hex32(CUSTODIANS[0])}/list", json=signed_call(world))
    assert (answer.status_code, answer.json()["code"]) == (403, Code.NOT_CONTROLLER)


def test_custodian_call__unknown_custodian__is_unavailable(world: ApiWorld) -> None:
    stranger = ParticipantId(sha256(b"stranger"))
    answer = world.client.post(
        f"/v1/relay/custodians/{hex32(stranger)}/list", json=signed_call(world, custodian=stranger)
    )
    assert answer.status_code == 503
