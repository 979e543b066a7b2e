"""Patients sign in by signature."""

from salus.adapters.memory import MemorySigner
from salus.core.ids import hex32
from tests.unit.api.world import HOSPITAL, ApiWorld, sign_typed


def challenge(world: ApiWorld, signer: MemorySigner) -> dict[str, object]:
    answer = world.client.post("/v1/patients/challenge", json={"address": signer.address.lower()})
    assert answer.status_code == 200
    typed: dict[str, object] = answer.json()["challenge"]
    return typed


def sign_in(world: ApiWorld, signer: MemorySigner, signature: str) -> int:
    body = {"address": signer.address, "signature": signature}
    return world.client.post("/v1/patients/token", json=body).status_code


def test_sign_in__wallet_signs_challenge__gives_token_of_that_account(world: ApiWorld) -> None:
    typed = challenge(world, world.controller)
    assert typed["message"]["participantId"] == hex32(HOSPITAL)  # type: ignore[index] # JSON of typed data
    assert sign_in(world, world.controller, sign_typed(world.controller, typed)) == 200


def test_sign_in__same_signature_twice__is_refused(world: ApiWorld) -> None:
    signature = sign_typed(world.holder, challenge(world, world.holder))
    assert sign_in(world, world.holder, signature) == 200
    assert sign_in(world, world.holder, signature) == 401


def test_sign_in__challenge_asked_twice__either_may_be_signed(world: ApiWorld) -> None:
    first, second = challenge(world, world.holder), challenge(world, world.holder)
    assert sign_in(world, world.holder, sign_typed(world.holder, second)) == 200
    assert sign_in(world, world.holder, sign_typed(world.holder, first)) == 200


def test_sign_in__others_ask_for_many_challenges__the_patient_s_own_stays_open(world: ApiWorld) -> None:
    signature = sign_typed(world.holder, challenge(world, world.holder))
    for _ in range(20):
        challenge(world, world.holder)
    assert sign_in(world, world.holder, signature) == 200


def test_sign_in__as_many_challenges_as_are_kept__the_next_one_asked_for_may_be_signed(world: ApiWorld) -> None:
    for _ in range(20):
        challenge(world, world.holder)
    assert sign_in(world, world.holder, sign_typed(world.holder, challenge(world, world.holder))) == 200


def test_sign_in__signed_by_another_account__is_refused(world: ApiWorld) -> None:
    typed = challenge(world, world.holder)
    assert sign_in(world, world.holder, sign_typed(world.controller, typed)) == 401


def test_sign_in__too_late__is_refused(world: ApiWorld) -> None:
    signature = sign_typed(world.holder, challenge(world, world.holder))
    world.clock.tick(121)
    assert sign_in(world, world.holder, signature) == 401


def test_sign_in__malformed_address__is_a_problem_without_the_input(world: ApiWorld) -> None:
    answer = world.client.post("/v1/patients/challenge", json={"address": "0xsecret"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


def test_patient_token__at_staff_route__is_forbidden(world: ApiWorld) -> None:
    answer = world.client.get("/v1/packages", headers=world.patient())
    assert (answer.status_code, answer.json()["name"]) == (403, "FORBIDDEN")


def test_staff_token__at_patient_route__is_forbidden(world: ApiWorld) -> None:
    assert world.client.get("/v1/log", headers=world.staff()).status_code == 403
