"""Consents: prepared, relayed, revoked; packages handed in and kept sealed."""

import pytest

from salus.adapters.memory import MemorySigner
from salus.core.codes import Code
from salus.core.consent import Consent, TermField, TermOpening
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, ConsentId, ParticipantId, from_hex, hex32
from salus.core.policy import ConsentStatus
from salus.core.ports import ContractCall
from salus.flows.grant import SignedConsent, grant_call, revoke_all_call, revoke_call
from tests.unit.api.world import HOSPITAL, ApiWorld, sign_typed

WISH = {
    "granteeId": hex32(HOSPITAL),
    "purposes": ["TREAT"],
    "categories": ["CHECKUP", "LAB"],
    "actions": ["ACCESS", "USE"],
    "windowMonths": 3,
    "validDays": 90,
}


def grant_body(call: ContractCall) -> dict[str, object]:
    (holder, epoch, max_uses, deadline, replaces), scope_hash, signature = call.args
    head = {"holder": holder, "epoch": epoch, "maxUses": max_uses, "deadline": deadline, "replaces": hex32(replaces)}
    return {"head": head, "scopeHash": hex32(scope_hash), "signature": hex32(signature)}


def status(world: ApiWorld, signed: SignedConsent) -> ConsentStatus:
    return world.chain.consent(world.holder.address, signed.consent_id, world.chain.head()).status


def test_prepare__wish_in_names__gives_typed_data_a_wallet_can_sign(world: ApiWorld) -> None:
    answer = world.client.post("/v1/consents/prepare", json={**WISH, "holder": world.holder.address, "topics": ["STD"]})
    assert answer.status_code == 200, answer.text
    prepared = answer.json()
    consent = Consent.from_json(prepared["consent"])
    assert hex32(consent.consent_id(world.chain.domain("ConsentRegistry"))) == prepared["consentId"]
    for opening in prepared["openings"]:
        TermOpening.from_json(opening).check(consent.terms)
    assert [opening["field"] for opening in prepared["openings"]] == [int(field) for field in TermField]
    signature = sign_typed(world.holder, prepared["typedData"])
    head = prepared["consent"]["head"]
    sent = world.client.post(
        "/v1/consents", json={"head": head, "scopeHash": prepared["scopeHash"], "signature": signature}
    )
    assert sent.json()["consentId"] == prepared["consentId"]


@pytest.mark.parametrize(
    "change",
    [
        {"purposes": ["FUN"]},
        {"purposes": []},
        {"minForm": "NAKED"},
        {"windowMonths": 3, "fromDate": "2026-01-01", "toDate": "2026-02-01"},
        {"windowMonths": 0},
        {"windowMonths": 0, "fromDate": "2026-02-01", "toDate": "2026-01-01"},
        {"validDays": 0},
        {"validUntil": 1},
        {"maxLevel": 6},
        {"surprise": 1},
        {"granteeId": "0x12"},
    ],
)
def test_prepare__contradictory_wish__is_refused(world: ApiWorld, change: dict[str, object]) -> None:
    answer = world.client.post("/v1/consents/prepare", json={**WISH, "holder": world.holder.address, **change})
    assert (answer.status_code, answer.json()["name"]) == (422, "INPUT")


def test_grant__signed_by_holder__is_on_chain(world: ApiWorld) -> None:
    signed = world.sign_consent()
    answer = world.client.post("/v1/consents", json=grant_body(grant_call(signed)))
    assert answer.json()["consentId"] == hex32(signed.consent_id)
    assert status(world, signed) is ConsentStatus.LIVE
    fact = world.client.get(f"/v1/consents/{world.holder.address}/{hex32(signed.consent_id)}").json()
    assert (fact["status"], fact["void"], fact["usesLeft"]) == ("LIVE", False, None)


def test_grant__signed_by_another__is_not_sent(world: ApiWorld) -> None:
    signed = world.sign_consent()
    body = grant_body(grant_call(signed)) | {"signature": hex32(world.controller.sign(signed.consent_id))}
    answer = world.client.post("/v1/consents", json=body)
    assert (answer.status_code, answer.json()["name"]) == (422, "SIGNATURE")
    assert world.writer.sent == []


def test_grant__contract_refuses__names_its_error(world: ApiWorld) -> None:
    world.writer._functions.pop(("ConsentRegistry", "grant"))
    answer = world.client.post("/v1/consents", json=grant_body(grant_call(world.sign_consent())))
    assert answer.status_code == 409
    assert answer.json()["revert"]["error"] == "UnknownFunction"


def test_revocation__signed_by_holder__is_on_chain(world: ApiWorld) -> None:
    signed = world.hand_in()
    call = revoke_call(world.holder, signed.consent_id, world.chain.domain("ConsentRegistry"))
    body = {"holder": call.args[0], "consentId": hex32(call.args[1]), "signature": hex32(call.args[2])}
    assert world.client.post("/v1/consents/revocations", json=body).status_code == 200
    assert status(world, signed) is ConsentStatus.REVOKED


def test_revocation_of_all__signed_by_holder__raises_epoch(world: ApiWorld) -> None:
    call = revoke_all_call(world.holder, 0, world.chain.domain("ConsentRegistry"))
    body = {"holder": call.args[0], "epoch": 0, "signature": hex32(call.args[2])}
    assert world.client.post("/v1/consents/revocations-of-all", json=body).status_code == 200
    assert world.client.get(f"/v1/holders/{world.holder.address}").json()["epoch"] == 1


def test_relay__one_account_too_often__must_wait(world: ApiWorld) -> None:
    call = revoke_all_call(world.holder, 0, world.chain.domain("ConsentRegistry"))
    body = {"holder": call.args[0], "epoch": 0, "signature": hex32(call.args[2])}
    answers = [world.client.post("/v1/consents/revocations-of-all", json=body) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.mark.parametrize("path", ["/v1/consents", "/v1/consents/revocations", "/v1/consents/revocations-of-all"])
def test_relay__stranger_sends_calls_in_anothers_name__patient_may_still_revoke(world: ApiWorld, path: str) -> None:
    wrong = hex32(world.controller.sign(bytes(32)))
    bodies: dict[str, dict[str, object]] = {
        "/v1/consents": grant_body(grant_call(world.sign_consent())),
        "/v1/consents/revocations": {"holder": world.holder.address, "consentId": "0x" + "11" * 32},
        "/v1/consents/revocations-of-all": _of_all(world),
    }
    body = {**bodies[path], "signature": wrong}
    assert {world.client.post(path, json=body).status_code for _ in range(25)} == {422}
    assert world.client.post("/v1/consents/revocations-of-all", json=_of_all(world)).status_code == 200


def test_relay__stranger_repeats_what_stands_on_chain__patient_may_still_revoke(world: ApiWorld) -> None:
    old = _of_all(world)
    assert [world.client.post("/v1/consents/revocations-of-all", json=old).status_code for _ in range(25)][-1] == 429
    signed = world.sign_consent()
    call = revoke_call(world.holder, signed.consent_id, world.chain.domain("ConsentRegistry"))
    body = {"holder": call.args[0], "consentId": hex32(call.args[1]), "signature": hex32(call.args[2])}
    assert world.client.post("/v1/consents/revocations", json=body).status_code == 200


def _of_all(world: ApiWorld) -> dict[str, object]:
    call = revoke_all_call(world.holder, 0, world.chain.domain("ConsentRegistry"))
    return {"holder": call.args[0], "epoch": 0, "signature": hex32(call.args[2])}


def test_package__handed_in_by_holder__is_listed_and_sealed_at_rest(world: ApiWorld) -> None:
    signed = world.hand_in()
    (item,) = world.client.get("/v1/packages", headers=world.staff("consents:read")).json()["items"]
    assert (item["consentId"], item["status"], item["purposes"]) == (hex32(signed.consent_id), "LIVE", ["TREAT"])
    assert item["categories"] == ["LAB", "CHECKUP"]
    (stored,) = world.packages.list(0, 10)
    assert world.holder.address.encode() not in stored.sealed


def test_package__by_another_account__is_forbidden(world: ApiWorld) -> None:
    signed = world.sign_consent()
    world.chain.grant(world.holder.address, signed.consent_id)
    body = world.package_of(signed).to_json()
    answer = world.client.post("/v1/packages", json=body, headers=world.patient(world.controller))
    assert (answer.status_code, answer.json()["name"]) == (403, "FORBIDDEN")


def test_package__consent_not_on_chain__is_not_found(world: ApiWorld) -> None:
    body = world.package_of(world.sign_consent()).to_json()
    assert world.client.post("/v1/packages", json=body, headers=world.patient()).status_code == 404


def test_package__for_another_grantee__is_refused_with_code(world: ApiWorld) -> None:
    signed = world.sign_consent(grantee=ParticipantId(sha256(b"other")))
    world.chain.grant(world.holder.address, signed.consent_id)
    answer = world.client.post("/v1/packages", json=world.package_of(signed).to_json(), headers=world.patient())
    assert (answer.status_code, answer.json()["code"]) == (403, Code.GRANTEE_MISMATCH)


def test_package__revoked_consent__is_refused_with_code(world: ApiWorld) -> None:
    signed = world.sign_consent()
    world.chain.revoke(world.holder.address, signed.consent_id)
    answer = world.client.post("/v1/packages", json=world.package_of(signed).to_json(), headers=world.patient())
    assert answer.json()["name"] == "CONSENT_REVOKED"


@pytest.mark.parametrize("change", [{"links": {}}, {"openings": []}])
def test_package__lacks_links_or_openings__is_refused(world: ApiWorld, change: dict[str, object]) -> None:
    signed = world.sign_consent()
    world.chain.grant(world.holder.address, signed.consent_id)
    body = {**world.package_of(signed).to_json(), **change}
    assert world.client.post("/v1/packages", json=body, headers=world.patient()).status_code == 403


def test_package__id_of_another_consent__is_malformed(world: ApiWorld) -> None:
    body = {**world.package_of(world.sign_consent()).to_json(), "consentId": hex32(sha256(b"other"))}
    assert world.client.post("/v1/packages", json=body, headers=world.patient()).status_code == 422


def test_package__discarded_by_its_holder__is_gone(world: ApiWorld) -> None:
    signed = world.hand_in()
    path = f"/v1/packages/{hex32(signed.consent_id)}"
    stranger = MemorySigner.named("stranger")
    assert world.client.delete(path, headers=world.patient(stranger)).status_code == 404
    assert world.client.delete(path, headers=world.staff("records:open")).status_code == 403
    assert world.client.delete(path, headers=world.patient()).status_code == 204
    assert world.client.delete(path, headers=world.staff("consents:read")).status_code == 404


def test_packages__more_than_a_page__are_paged(world: ApiWorld) -> None:
    ids = [hex32(world.hand_in().consent_id) for _ in range(3)]
    headers = world.staff("consents:read")
    first = world.client.get("/v1/packages?limit=2", headers=headers).json()
    second = world.client.get(f"/v1/packages?limit=2&after={first['next']}", headers=headers).json()
    assert [item["consentId"] for item in first["items"] + second["items"]] == ids
    assert second["next"] is None


def test_consent__unknown__is_unknown(world: ApiWorld) -> None:
    fact = world.client.get(f"/v1/consents/{world.holder.address}/{hex32(ConsentId(ZERO32))}").json()
    assert fact["status"] == "UNKNOWN"
    assert from_hex(fact["block"]["hash"]) == world.chain.head().hash
