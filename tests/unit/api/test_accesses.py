"""Listings, accesses, sessions, emergencies: the READ path for staff."""

import json
from decimal import Decimal

import pytest

from api.schemas.accesses import STANDING_EN, STANDING_ZH, OpenedAccess
from salus.core.codes import Code
from salus.core.errors import UnavailableError
from salus.core.hashing import sha256
from salus.core.ids import ConsentId, LeafHash, from_hex, hex32
from salus.core.sealing import SealedRecord
from tests.unit.api.world import SUBJECT, ApiWorld

GLUCOSE = {"resourceType": "Observation", "valueQuantity": {"value": Decimal("5.40"), "unit": "mmol/L"}}
REPORT = {"resourceType": "DiagnosticReport", "conclusion": "未见异常"}


def leaf_of(world: ApiWorld, sealed: SealedRecord) -> LeafHash:
    return sealed.leaf.hash(world.chain.chain_id)


def ask(consent: ConsentId, **more: object) -> dict[str, object]:
    return {"consentId": hex32(consent), "purpose": "TREAT", "actions": ["ACCESS", "USE"], **more}


def test_listing__inside_consent__names_items_and_says_the_standing_sentence(world: ApiWorld) -> None:
    sealed = world.add_record("glucose", GLUCOSE)
    body = {"consentId": hex32(world.hand_in().consent_id)}
    answer = world.client.post("/v1/listings", json=body, headers=world.staff())
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["items"]
    assert item["leaf"] == hex32(leaf_of(world, sealed))
    assert item["did"] == f"did:salus:31337:record:{sealed.leaf.record_id.hex()}"
    assert item["labels"]["categories"] == ["LAB", "CHECKUP"]
    assert item["labels"]["firstDate"] == "2026-02-16"
    assert answer.json()["notice"] == {"en": STANDING_EN, "zh": STANDING_ZH}


def test_listing__nothing_inside__says_the_standing_sentence_too(world: ApiWorld) -> None:
    body = {"consentId": hex32(world.hand_in().consent_id)}
    answer = world.client.post("/v1/listings", json=body, headers=world.staff()).json()
    assert (answer["items"], answer["notice"]["zh"]) == ([], STANDING_ZH)


def test_listing__consent_custodians_see_a_moment_later__waits_for_them(world: ApiWorld) -> None:
    sealed = world.add_record("glucose", GLUCOSE)
    for custodian in world.custodians:
        custodian.behind = 3
    answer = world.client.post(
        "/v1/listings", json={"consentId": hex32(world.hand_in().consent_id)}, headers=world.staff()
    )
    assert answer.status_code == 200, answer.text
    assert [item["leaf"] for item in answer.json()["items"]] == [hex32(leaf_of(world, sealed))]
    assert [custodian.asked for custodian in world.custodians] == [["list"] * 4] * len(world.custodians)


@pytest.mark.parametrize(("code", "asked"), [(Code.CONSENT_NOT_YET_VALID, 13), (Code.CONSENT_REVOKED, 1)], ids=str)
def test_listing__consent_that_does_not_become_valid__is_refused_after_the_same_patience_as_an_opening(
    world: ApiWorld, code: Code, asked: int
) -> None:
    world.add_record("glucose", GLUCOSE)
    consent = world.hand_in().consent_id
    for custodian in world.custodians:
        custodian.refuses = code
    listing = world.client.post("/v1/listings", json={"consentId": hex32(consent)}, headers=world.staff())
    assert (listing.status_code, listing.json()["code"]) == (403, int(code))
    counts = [len(custodian.asked) for custodian in world.custodians]
    assert counts == [asked] * len(world.custodians)  # once, and again each quarter of a second for three
    opening = world.client.post("/v1/accesses", json=ask(consent), headers=world.staff())
    assert (opening.status_code, opening.json()["code"]) == (403, int(code))
    assert [len(custodian.asked) for custodian in world.custodians] == [2 * count for count in counts]


def test_access__all_listed__opens_fhir_with_decimals_as_written(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    world.add_record("report", REPORT)
    answer = world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff())
    assert answer.status_code == 201, answer.text
    assert '"value":5.40' in answer.text
    opened = OpenedAccess.model_validate_json(answer.text)
    assert {record.content["resourceType"] for record in opened.records} == {"Observation", "DiagnosticReport"}
    assert (opened.refused, opened.liars) == ([], [])
    assert set(opened.milliseconds) == {"list", "chain", "shares", "decrypt"}
    state = world.chain.access(from_hex(opened.access_id), world.chain.final())  # type: ignore[arg-type] # an AccessId
    assert state.code == Code.GRANTED


def test_access__some_leaves__opens_those(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    wanted = leaf_of(world, world.add_record("report", REPORT))
    body = ask(world.hand_in().consent_id, leaves=[hex32(wanted)])
    records = world.client.post("/v1/accesses", json=body, headers=world.staff()).json()["records"]
    assert [record["leaf"] for record in records] == [hex32(wanted)]


def test_access__denied_on_chain__is_a_problem_with_code_and_access_id(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    consent = world.hand_in().consent_id
    world.next_code = Code.CONSENT_REVOKED
    answer = world.client.post("/v1/accesses", json=ask(consent), headers=world.staff())
    problem = answer.json()
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["name"]) == (20, "CONSENT_REVOKED")
    assert world.chain.access(from_hex(problem["accessId"]), world.chain.head()).code == 20  # type: ignore[arg-type]
    assert all("release" not in custodian.asked for custodian in world.custodians)


def test_access__one_record_refused__opens_the_rest_and_names_the_code(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    refused = leaf_of(world, world.add_record("report", REPORT))
    for custodian in world.custodians:
        custodian.refusals[refused] = Code.RECORD_INVALID
    body = ask(world.hand_in().consent_id)
    answer = world.client.post("/v1/accesses", json=body, headers=world.staff()).json()
    assert len(answer["records"]) == 1
    assert [(item["leaf"], item["name"]) for item in answer["refused"]] == [(hex32(refused), "RECORD_INVALID")]


def test_access__custodians_refuse_the_call__is_a_problem_with_their_code(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    consent = world.hand_in().consent_id
    for custodian in world.custodians:
        custodian.refuses = Code.NODE_STALE
    answer = world.client.post("/v1/accesses", json=ask(consent), headers=world.staff())
    assert (answer.status_code, answer.json()["name"]) == (503, "NODE_STALE")


def test_access__one_envelope_damaged__is_told_and_the_other_record_opens(world: ApiWorld) -> None:
    sealed = world.add_record("glucose", GLUCOSE)
    world.add_record("report", REPORT)
    world.content.damage(sealed.leaf.envelope_digest)
    answer = world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff()).json()
    assert len(answer["records"]) == 1
    assert [item["leaf"] for item in answer["failed"]] == [hex32(leaf_of(world, sealed))]


def test_access__lying_custodian__is_named_and_the_record_opens(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    world.custodians[0].lies = True
    answer = world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff()).json()
    assert len(answer["records"]) == 1
    assert answer["liars"] == [hex32(world.custodians[0].id)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"purpose": "FUN"}, 422),
        ({"actions": []}, 422),
        ({"actions": ["PEEK"]}, 422),
        ({"leaves": []}, 422),
        ({"leaves": ["0x12"]}, 422),
        ({"form": "NAKED"}, 422),
        ({"level": 6}, 422),
        ({"days": {"from": "2026-13-01", "to": "2026-12-31"}}, 422),
        ({"consentId": hex32(sha256(b"unknown"))}, 404),
    ],
)
def test_access__malformed_or_unknown__is_refused_before_the_chain(
    world: ApiWorld, change: dict[str, object], status: int
) -> None:
    world.add_record("glucose", GLUCOSE)
    body = {**ask(world.hand_in().consent_id), **change}
    sent = len(world.writer.sent)
    assert world.client.post("/v1/accesses", json=body, headers=world.staff()).status_code == status
    assert len(world.writer.sent) == sent


def test_access__nothing_listed__is_not_found(world: ApiWorld) -> None:
    answer = world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff())
    assert answer.status_code == 404


def test_access__without_token_or_by_patient__is_refused(world: ApiWorld) -> None:
    consent = world.hand_in().consent_id
    assert world.client.post("/v1/accesses", json=ask(consent)).status_code == 401
    assert world.client.post("/v1/accesses", json=ask(consent), headers=world.patient()).status_code == 403


def test_session__same_person__opens_again_without_a_new_request(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    first = world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff()).json()
    sent = len(world.writer.sent)
    again = world.client.post(f"/v1/accesses/{first['accessId']}/releases", headers=world.staff())
    assert again.status_code == 200
    assert again.json()["records"] == json.loads(json.dumps(first["records"]))
    assert len(world.writer.sent) == sent


def test_session__custodians_refuse_by_now__is_a_problem_with_their_code(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    first = world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff()).json()
    for custodian in world.custodians:
        custodian.refuses = Code.CONSENT_REVOKED
    again = world.client.post(f"/v1/accesses/{first['accessId']}/releases", headers=world.staff())
    assert (again.status_code, again.json()["name"]) == (403, "CONSENT_REVOKED")


def test_session__another_person_or_too_late__is_not_found(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    first = world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff()).json()
    path = f"/v1/accesses/{first['accessId']}/releases"
    assert world.client.post(path, headers=world.staff(person="dr-wang")).status_code == 404
    world.clock.tick(3601)
    assert world.client.post(path, headers=world.staff()).status_code == 404


def test_emergency__two_people__opens_with_two_operators_signatures(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    witness = world.token(person="dr-wang").json()["access_token"]
    body = {"subjectRef": hex32(SUBJECT), "witnessToken": witness}
    answer = world.client.post("/v1/emergencies", json=body, headers=world.staff())
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["records"]) == 1
    (call,) = (call for call in world.writer.sent if call.function == "requestEmergency")
    assert len(call.args) == 3


def test_emergency__same_person_twice__is_forbidden(world: ApiWorld) -> None:
    witness = world.token().json()["access_token"]
    body = {"subjectRef": hex32(SUBJECT), "witnessToken": witness}
    answer = world.client.post("/v1/emergencies", json=body, headers=world.staff())
    assert (answer.status_code, answer.json()["name"]) == (403, "FORBIDDEN")
    assert world.writer.sent == []


def test_record__listed_here__shows_versions_and_state(world: ApiWorld) -> None:
    sealed = world.add_record("glucose", GLUCOSE)
    world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff())
    did = f"did:salus:31337:record:{sealed.leaf.record_id.hex()}"
    fact = world.client.get(f"/v1/records/{did}", headers=world.staff()).json()
    assert (fact["status"], [version["version"] for version in fact["versions"]]) == ("VALID", [1])
    document = world.client.get(f"/v1/dids/{did}", headers=world.staff()).json()["didDocument"]
    assert document["id"] == did


def test_record__asked_by_a_signed_in_account__tells_not_whether_it_was_listed_here(world: ApiWorld) -> None:
    sealed = world.add_record("glucose", GLUCOSE)
    world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff())
    did = f"did:salus:31337:record:{sealed.leaf.record_id.hex()}"
    assert world.client.get(f"/v1/records/{did}", headers=world.patient()).json()["versions"] == []
    assert world.client.get(f"/v1/dids/{did}", headers=world.patient()).status_code == 404


def test_content__ciphertext__is_served_to_signed_in_callers_only(world: ApiWorld) -> None:
    sealed = world.add_record("glucose", GLUCOSE)
    cid = world.client.post(
        "/v1/listings", json={"consentId": hex32(world.hand_in().consent_id)}, headers=world.staff()
    ).json()["items"][0]["cid"]
    assert world.client.get(f"/v1/content/{cid}").status_code == 401
    assert world.client.get(f"/v1/content/{cid}", headers=world.patient()).content == sealed.envelope
    assert world.client.get("/v1/content/nonsense", headers=world.patient()).status_code == 422


def test_ready__part_away__says_which(world: ApiWorld) -> None:
    assert world.client.get("/ready").json() == {"parts": {"chain": "ready"}, "ready": True}
    world.ready["chain"] = UnavailableError("the node does not answer")
    answer = world.client.get("/ready")
    assert (answer.status_code, answer.json()["parts"]["chain"]) == (503, "the node does not answer")


def test_metrics__after_an_access__count_it_by_code(world: ApiWorld) -> None:
    world.add_record("glucose", GLUCOSE)
    world.client.post("/v1/accesses", json=ask(world.hand_in().consent_id), headers=world.staff())
    text = world.client.get("/metrics").text
    assert 'salus_api_accesses_total{code="GRANTED"} 1.0' in text
    assert 'route="/v1/accesses"' in text
