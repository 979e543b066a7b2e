"""An institution's API as a process: the READ path over real sockets, custodians and chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from salus.adapters.api_client import ApiClient, RelayedContent, RelayedCustodians, RelayedLedger
from salus.core.access import AccessKind
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.errors import NotFoundError, RefusedError
from salus.core.ids import RecordId, hex32
from salus.core.labels import Action, Purpose, Role
from salus.core.outcome import AccessDeniedError
from salus.core.receipt import Trust, verify_receipt
from salus.core.receipt_bodies import AccessBody
from salus.flows.bind import sign_destruction
from salus.flows.custody import Caller
from salus.flows.grant import grant_call, revoke_call
from salus.flows.open import NO_PARTICIPANT, Ask, Person, Reading, open_without_consent
from tests.custody_stage import Case, Draft
from tests.integration.api.conftest import ApiSite, ApiStage


class Shared(Case):
    """A case whose envelopes lie in the content folder, and whose package the hospital's API holds."""

    def __init__(self, site: ApiStage, *drafts: Draft, **offer: Any) -> None:
        super().__init__(site.custody, *drafts, **offer)
        self.site = site
        site.content.put_many([record.envelope for record in self.records])
        client = site.hospital.client
        client.hand_in(self.package, client.sign_in(self.patient.holder))

    @property
    def ask(self) -> dict[str, Any]:
        return {"consentId": hex32(self.signed.consent_id), "purpose": "TREAT", "actions": ["ACCESS", "USE"]}

    def revoke(self) -> None:
        client = self.site.hospital.client
        client.relay(revoke_call(self.patient.holder, self.signed.consent_id, client.domain("ConsentRegistry")))


def test_access__under_a_consent__opens_and_is_seen_by_patient_and_auditor(site: ApiStage) -> None:
    case, client = Shared(site, Draft(), Draft(level=5)), site.hospital.client
    token = site.hospital.staff()
    listed = client.post("/v1/listings", {"consentId": hex32(case.signed.consent_id)}, token)
    assert [item["leaf"] for item in listed["items"]] == [hex32(case.leaves[0])]
    opened = client.post("/v1/accesses", case.ask, token)
    assert [record["content"]["resourceType"] for record in opened["records"]] == ["Observation"]
    fact = site.await_indexed(opened["accessId"], token)
    assert (fact["name"], fact["recordCount"]) == ("GRANTED", 1)
    log = client.get("/v1/log", client.sign_in(case.patient.holder))["items"]
    assert [entry["name"] for entry in log] == ["CONSENT_GRANTED", "ACCESS_GRANTED"]
    assert log[1]["sentences"]["zh"]
    audit = client.get("/v1/audit", token, reference=opened["accessId"])["items"]
    assert [entry["codeName"] for entry in audit] == ["GRANTED"]


def test_revocation__after_an_access__refuses_release_and_next_access(site: ApiStage) -> None:
    case, client = Shared(site), site.hospital.client
    token = site.hospital.staff()
    opened = client.post("/v1/accesses", case.ask, token)
    path = f"/v1/accesses/{opened['accessId']}/releases"
    assert client.post(path, {}, token)["records"] == opened["records"]
    case.revoke()
    with pytest.raises(RefusedError) as refused:
        client.post(path, {}, token)
    assert refused.value.code is Code.CONSENT_REVOKED
    with pytest.raises(RefusedError) as refused:
        client.post("/v1/accesses", case.ask, token)
    assert refused.value.code is Code.CONSENT_REVOKED


def test_denial__on_chain__has_an_entry_and_a_receipt(site: ApiStage) -> None:
    case, client = Shared(site), site.hospital.client
    token = site.hospital.staff()
    with pytest.raises(AccessDeniedError) as denied:
        client.post("/v1/accesses", {**case.ask, "level": 5}, token)
    assert denied.value.code is Code.LEVEL_TOO_HIGH
    access_id = hex32(denied.value.access_id)
    assert site.await_indexed(access_id, token)["code"] == Code.LEVEL_TOO_HIGH
    receipt = verify_receipt(client.raw(f"/v1/receipts/accesses/{access_id}", token), trust(site))
    assert isinstance(receipt.body, AccessBody)
    assert receipt.body.code == Code.LEVEL_TOO_HIGH


def test_receipt__of_an_access__holds_offline(site: ApiStage) -> None:
    case, client = Shared(site), site.hospital.client
    token = site.hospital.staff()
    access_id = client.post("/v1/accesses", case.ask, token)["accessId"]
    site.await_indexed(access_id, token)
    receipt = verify_receipt(client.raw(f"/v1/receipts/accesses/{access_id}", token), trust(site))
    assert isinstance(receipt.body, AccessBody)
    assert receipt.body.leaves == tuple(case.leaves)


def trust(site: ApiStage) -> Trust:
    stage = site.custody
    operators = {institution.operator.address: institution.id for institution in (stage.reader, stage.source)}
    return Trust(stage.chain.chain_id, stage.chain.address_of("Council"), operators)


def test_own_records__through_any_api__open_and_are_logged(site: ApiStage) -> None:
    case = Shared(site, Draft(), Draft(level=5))
    opened = open_own(site, site.source.client, case)
    assert {item.listed.leaf for item in opened.items} == set(case.leaves)


def open_own(site: ApiStage, client: ApiClient, case: Case) -> Any:
    stage, controller = site.custody, case.patient.controller
    caller = Caller(controller, client.domain("Council"), stage.clock, stage.random)
    content = RelayedContent(client, client.sign_in(controller))
    reading = Reading(RelayedLedger(client, controller), RelayedCustodians(client), content, caller)
    ask = Ask(Purpose.PATRQT, Action.ACCESS, Person("self", Role.PATIENT))
    subject = case.patient.subject
    return open_without_consent(AccessKind.OWN, NO_PARTICIPANT, subject, stage.custodians, ask, reading)


def test_emergency__two_people_and_operators__opens_without_a_consent(site: ApiStage) -> None:
    case, client = Shared(site, Draft(level=5)), site.hospital.client
    body = {
        "subjectRef": hex32(case.patient.subject),
        "witnessToken": site.hospital.staff("dr-wang"),
        "custodianSet": site.custody.custodian_set,
    }
    opened = client.post("/v1/emergencies", body, site.hospital.staff())
    assert [record["leaf"] for record in opened["records"]] == [hex32(case.leaves[0])]
    token = site.hospital.staff()
    site.await_indexed(opened["accessId"], token)
    kinds = [mark["mark"] for mark in client.get(f"/v1/accesses/{opened['accessId']}", token)["marks"]]
    assert kinds == ["EMERGENCY"]


def test_api__killed_and_started_again__keeps_packages_and_used_assertions(site: ApiStage) -> None:
    case = Shared(site)
    assertion = site.hospital.assertion()
    token = site.hospital.ask_token(assertion).json()["access_token"]
    site.hospital.restart()
    assert site.hospital.ask_token(assertion).status_code == 401
    opened = site.hospital.client.post("/v1/accesses", case.ask, token)
    assert len(opened["records"]) == 1


def test_accesses__several_at_once__all_open(site: ApiStage) -> None:
    cases = [Shared(site) for _ in range(4)]
    token = site.hospital.staff()
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = list(pool.map(lambda case: site.hospital.client.post("/v1/accesses", case.ask, token), cases))
    assert [answer["records"][0]["leaf"] for answer in answers] == [hex32(case.leaves[0]) for case in cases]


def test_record__destroyed_by_its_source__has_a_receipt_and_opens_no_more(site: ApiStage) -> None:
    case, client = Shared(site), site.source.client
    stage, record = site.custody, case.records[0]
    deadline = stage.clock.now() + 600
    domain = stage.chain.domain("RecordRegistry")
    record_id = RecordId(record.leaf.record_id)
    subject = case.patient.subject
    signature = sign_destruction(
        case.patient.controller, stage.source.id, record_id, subject, stage.custodian_set, deadline, domain
    )
    client_token = site.source.staff()
    cid = site.hospital.client.post(
        "/v1/listings", {"consentId": hex32(case.signed.consent_id)}, site.hospital.staff()
    )["items"][0]["cid"]
    body = {
        "recordId": hex32(record_id),
        "subjectRef": hex32(subject),
        "deadline": deadline,
        "custodianSet": stage.custodian_set,
        "signature": hex32(signature),
        "cids": [cid],
    }
    first = client.post("/v1/destructions", body, client_token)
    assert first["status"] == "ORDERED"
    stage.end_cooling_off()
    done = client.post("/v1/destructions", body, client_token)
    assert (done["status"], done["removed"]) == ("DESTROYED", [cid])
    receipt = destruction_receipt(site, body, done)
    assert receipt.kind == "destruction"
    with pytest.raises(NotFoundError):
        client.raw(f"/v1/content/{cid}", client_token)
    fact = site.source.client.get(f"/v1/records/did:salus:31337:record:{record_id.hex()}", client_token)
    assert fact["status"] == "DESTROYED"
    with pytest.raises((NotFoundError, RefusedError)):
        site.hospital.client.post("/v1/accesses", case.ask, site.hospital.staff())


def destruction_receipt(site: ApiStage, body: dict[str, Any], done: dict[str, Any]) -> Any:
    import time

    request = {
        "recordId": body["recordId"],
        "subjectRef": body["subjectRef"],
        "agreement": {"deadline": body["deadline"], "signature": body["signature"]},
        "attestations": done["attestations"],
        "removed": done["removed"],
    }
    while True:
        headers = {"authorization": f"Bearer {site.source.staff()}", "content-type": "application/json"}
        url = f"{site.source.url}/v1/receipts/destructions"
        answer = httpx.post(url, content=canonical(request), headers=headers, timeout=30)
        if answer.status_code == 200:
            return verify_receipt(answer.content, trust(site))
        assert answer.status_code in (404, 409), answer.text
        time.sleep(0.2)


def test_relay__replaced_consent__is_refused_afterwards(site: ApiStage) -> None:
    case, client = Shared(site), site.hospital.client
    narrower = case.compose(replaces=case.signed.consent_id, max_level=2)
    client.relay(grant_call(narrower))
    fact = client.get(f"/v1/consents/{case.patient.holder.address}/{hex32(case.signed.consent_id)}")
    assert fact["status"] == "REPLACED"
    with pytest.raises(RefusedError) as refused:
        client.post("/v1/accesses", case.ask, site.hospital.staff())
    assert refused.value.code is Code.CONSENT_REPLACED


def test_logs__after_everything__hold_no_person_token_or_subject(site: ApiStage) -> None:
    case = Shared(site)
    site.hospital.client.post("/v1/accesses", case.ask, site.hospital.staff())
    site_log(site.hospital, "dr-li", case.patient.subject.hex(), case.signed.consent_id.hex(), "eyJ")


def site_log(site: ApiSite, *forbidden: str) -> None:
    log = site.process.log()
    assert "answered" in log
    for word in forbidden:
        assert word not in log
