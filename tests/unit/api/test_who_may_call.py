"""Who may call what: every route of the API against every kind of caller, and patients and staff with others' ids.

The API knows two kinds of caller, staff with scopes and patients; auditors and regulators are staff whose token has
`audit:read`. Another institution's staff are whoever holds a token of that institution's API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from starlette.routing import Route

from api.model import Caller, Patient, Scope, Staff
from api.security.tokens import LIFE_SECONDS, Tokens
from salus.adapters.memory import FixedClock, MemorySigner, SeededRandomness
from salus.core.did import Did, DidKind
from salus.core.hashing import sha256
from salus.core.ids import AccessId, ParticipantId, hex32
from salus.core.index_rows import seq_of
from salus.core.labels import Role
from tests.unit.api.test_facts import ACCESS, add_log
from tests.unit.api.world import ALL_SCOPES, HOSPITAL, SOURCE, SUBJECT, ApiWorld

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text()
ID = hex32(sha256(b"of nobody"))
ACCOUNT = MemorySigner.named("nobody").address
RECORD = f"did:salus:31337:record:{ID[2:]}"

NOBODY, ANY, PATIENT, HOLDER_OR_STAFF = "none", "any", "patient", "patient or `consents:read`"


@dataclass(frozen=True, slots=True)
class Rule:
    """`token` a route needs (a scope's name: staff's with it), and what it answers an allowed caller to the call made
    here: with ids of nobody and an empty body."""

    token: str
    answers: frozenset[int]


def rule(token: str, *answers: int) -> Rule:
    return Rule(token, frozenset(answers))


TABLE = {
    "GET /openapi.json": rule(NOBODY, 200),
    "POST /oauth/token": rule(NOBODY, 400, 401),
    "POST /v1/patients/challenge": rule(NOBODY, 422),
    "POST /v1/patients/token": rule(NOBODY, 422),
    "GET /v1/deployment": rule(NOBODY, 200),
    "GET /v1/participants": rule(NOBODY, 200),
    "GET /v1/participants/{participant_id}": rule(NOBODY, 404),
    "GET /v1/holders/{address}": rule(NOBODY, 200),
    "GET /v1/consents/{holder}/{consent_id}": rule(NOBODY, 200),
    "GET /v1/subjects/{subject_ref}": rule(PATIENT, 403),
    "GET /v1/records/{did}": rule(ANY, 200, 404),
    "GET /v1/dids/{did}": rule(ANY, 404),
    "POST /v1/consents/prepare": rule(NOBODY, 422),
    "POST /v1/consents": rule(NOBODY, 422),
    "POST /v1/consents/revocations": rule(NOBODY, 422),
    "POST /v1/consents/revocations-of-all": rule(NOBODY, 422),
    "POST /v1/packages": rule(PATIENT, 422),
    "GET /v1/packages": rule(Scope.CONSENTS_READ, 200),
    "DELETE /v1/packages/{consent_id}": rule(HOLDER_OR_STAFF, 404),
    "POST /v1/relay/subject-calls": rule(NOBODY, 422),
    "POST /v1/relay/own-accesses": rule(NOBODY, 422),
    "POST /v1/relay/custodians/{participant_id}/{verb}": rule(NOBODY, 422),
    "GET /v1/content/{cid}": rule(ANY, 404, 422),
    "POST /v1/listings": rule(Scope.RECORDS_OPEN, 422),
    "POST /v1/accesses": rule(Scope.RECORDS_OPEN, 422),
    "POST /v1/accesses/{access_id}/releases": rule(Scope.RECORDS_OPEN, 404),
    "GET /v1/accesses": rule(Scope.RECORDS_OPEN, 200),
    "GET /v1/accesses/{access_id}": rule(Scope.RECORDS_OPEN, 404),
    "POST /v1/emergencies": rule(Scope.RECORDS_OPEN, 422),
    "POST /v1/destructions": rule(Scope.DESTROY, 422),
    "GET /v1/audit": rule(Scope.AUDIT_READ, 200),
    "GET /v1/audit/summary": rule(Scope.AUDIT_READ, 200),
    "POST /v1/audit/withheld": rule(Scope.AUDIT_READ, 422),
    "GET /v1/log": rule(PATIENT, 200),
    "GET /v1/receipts/accesses/{access_id}": rule(Scope.RECORDS_OPEN, 404),
    "POST /v1/receipts/records": rule(ANY, 422),
    "POST /v1/receipts/destructions": rule(Scope.DESTROY, 422),
    "GET /health": rule(NOBODY, 200),
    "GET /ready": rule(NOBODY, 200),
    "GET /metrics": rule(NOBODY, 200),
}

STAFF = Staff("his", "dr-li", Role.PHYSICIAN, frozenset(Scope))


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def forged(world: ApiWorld, caller: Caller, issuer: Did | None = None) -> dict[str, str]:
    """Token of another API: its own key, in this institution's name or in another's."""
    name = str(issuer or Did(world.chain.chain_id, DidKind.PARTICIPANT, HOSPITAL))
    return bearer(Tokens(Ed25519PrivateKey.generate(), name, world.clock, SeededRandomness("other")).give(caller))


def same_key(world: ApiWorld, chain: int, participant: ParticipantId) -> dict[str, str]:
    """Token of another API that was given, by mistake, the same key file."""
    issuer = str(Did(chain, DidKind.PARTICIPANT, participant))
    return bearer(Tokens(world.token_key, issuer, world.clock, SeededRandomness("copy")).give(STAFF))


def expired(world: ApiWorld) -> dict[str, str]:
    issuer = str(Did(world.chain.chain_id, DidKind.PARTICIPANT, HOSPITAL))
    then = FixedClock(world.clock.now() - LIFE_SECONDS)
    return bearer(Tokens(world.token_key, issuer, then, SeededRandomness("past")).give(STAFF))


STRANGERS: dict[str, Callable[[ApiWorld], dict[str, str]]] = {
    "no token": lambda _: {},
    "garbage": lambda _: bearer("a.b.c"),
    "empty": lambda _: {"authorization": "Bearer "},
    "another scheme": lambda _: {"authorization": "Basic YTpi"},
    "not ascii": lambda _: {"authorization": "Bearer \xff\xfe"},
    "very long": lambda _: bearer("a" * 60_000),
    "expired": expired,
    "client's assertion as a token": lambda world: bearer(world.key.assertion(world.clock.now(), "as-token")),
    "staff by another key": lambda world: forged(world, STAFF),
    "patient by another key": lambda world: forged(world, Patient(world.holder.address)),
    "staff of another institution": lambda world: same_key(
        world, world.chain.chain_id, ParticipantId(sha256(b"hospital-b"))
    ),
    "staff on another chain": lambda world: same_key(world, world.chain.chain_id + 1, HOSPITAL),
}
KNOWN: dict[str, Callable[[ApiWorld], dict[str, str]]] = {
    "patient": lambda world: world.patient(),
    "another patient": lambda world: world.patient(MemorySigner.named("another patient")),
    **{f"staff {scope}": lambda world, scope=scope: world.staff(scope) for scope in ALL_SCOPES},  # type: ignore[misc]
}


def routes(world: ApiWorld) -> Iterator[tuple[str, str]]:
    """Method and path template of every route the application has, the undocumented ones too."""
    listed: list[Any] = list(world.app.routes)
    while listed:
        route = listed.pop()
        inner = getattr(route, "original_router", None)  # how FastAPI keeps an included router
        if inner is not None:
            listed += inner.routes
            continue
        assert isinstance(route, Route), route  # a mount or a web socket has to be thought about first
        for method in route.methods or ():
            if method != "HEAD":
                yield method, route.path


def call(client: TestClient, name: str, headers: Any) -> Any:
    method, path = name.split(" ")
    for member, value in {
        "{participant_id}": ID,
        "{address}": ACCOUNT,
        "{holder}": ACCOUNT,
        "{consent_id}": ID,
        "{access_id}": ID,
        "{subject_ref}": ID,
        "{did}": RECORD,
        "{cid}": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
        "{verb}": "list",
    }.items():
        path = path.replace(member, value)
    if path == "/oauth/token":
        return client.post(path, data={"grant_type": "client_credentials"}, headers=headers)
    return client.request(method, path, headers=headers, json={} if method == "POST" else None)


def allowed(token: str, caller: str) -> bool:
    if token in (NOBODY, ANY):
        return True
    if token == HOLDER_OR_STAFF:
        return "patient" in caller or caller == f"staff {Scope.CONSENTS_READ}"
    return "patient" in caller if token == PATIENT else caller == f"staff {token}"


def test_table__routes_of_the_application__are_those_of_the_table(world: ApiWorld) -> None:
    assert {f"{method} {path}" for method, path in routes(world)} == set(TABLE)


@pytest.mark.parametrize("caller", STRANGERS)
def test_stranger__every_route__opens_only_what_needs_no_token(world: ApiWorld, caller: str) -> None:
    headers = {name: value.encode("latin-1") for name, value in STRANGERS[caller](world).items()}
    got = {name: call(world.client, name, headers).status_code for name in TABLE}
    wrong = {
        name: status
        for name, status in got.items()
        if status not in (TABLE[name].answers if TABLE[name].token == NOBODY else {401})
    }
    assert wrong == {}


@pytest.mark.parametrize("caller", KNOWN)
def test_caller__every_route__opens_what_the_table_says(world: ApiWorld, caller: str) -> None:
    headers = KNOWN[caller](world)
    got = {name: call(world.client, name, headers).status_code for name in TABLE}
    wrong = {
        name: status
        for name, status in got.items()
        if status not in (TABLE[name].answers if allowed(TABLE[name].token, caller) else {403})
    }
    assert wrong == {}
    assert world.writer.sent == []


def test_two_authorizations__patient_s_and_staff_s__are_never_more_than_one_caller(world: ApiWorld) -> None:
    """Proxy and application must not be able to read two callers out of one request."""
    patient, staff = world.patient()["authorization"], world.staff("audit:read")["authorization"]
    for pair in ((patient, staff), (staff, patient)):
        headers = [("authorization", value) for value in pair]
        both = [world.client.get(path, headers=headers).status_code for path in ("/v1/log", "/v1/audit")]
        assert both.count(200) <= 1
        assert set(both) <= {200, 401, 403}


def test_package__of_another_patient__is_neither_discarded_nor_told(world: ApiWorld) -> None:
    kept, other = hex32(world.hand_in().consent_id), world.patient(MemorySigner.named("another patient"))
    there = world.client.delete(f"/v1/packages/{kept}", headers=other)
    absent = world.client.delete(f"/v1/packages/{ID}", headers=other)
    assert (there.status_code, absent.status_code) == (404, 404)
    assert {**there.json(), "requestId": ""} == {**absent.json(), "requestId": ""}
    listed = world.client.get("/v1/packages", headers=world.staff()).json()["items"]
    assert [item["consentId"] for item in listed] == [kept]


def test_subject__of_another_patient__is_refused_as_one_that_does_not_exist(world: ApiWorld) -> None:
    other = world.patient(MemorySigner.named("another patient"))
    answers = [world.client.get(f"/v1/subjects/{ref}", headers=other) for ref in (hex32(SUBJECT), ID)]
    assert [answer.status_code for answer in answers] == [403, 403]
    first, second = ({**answer.json(), "requestId": ""} for answer in answers)
    assert first == second


@pytest.mark.parametrize(
    "path",
    [
        "/v1/accesses/..%2faudit",
        "/v1/accesses/%2e%2e/audit",
        "/v1/packages/%00",
        "/v1/subjects/0x" + "٣" * 64,
        "/v1/subjects/" + "a" * 20_000,
        "/v1/participants/0X" + "ab" * 32,
        "/v1/records/did:salus:٣:record:" + "ab" * 32,
        "/v1/content/..%2f..%2fetc",
        "/v1//audit",
        "/V1/audit",
        "/v1/log?after=1&after=-1",
        "/v1/log?limit=1&limit=0",
        "/v1/log?after=٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣٣",
    ],
    ids=lambda path: path[:30].encode("unicode-escape").decode(),
)
def test_path__tricks__open_nothing_and_break_nothing(world: ApiWorld, path: str) -> None:
    for headers in ({}, world.patient()):
        assert world.client.get(path, headers=headers).status_code in {401, 403, 404, 405, 422}


def rows() -> Iterator[str]:
    """The table of docs/api.md, as it must be: the rules above by the token they need."""
    for token in (NOBODY, ANY, PATIENT, HOLDER_OR_STAFF, *Scope):
        named = [name for name, made in TABLE.items() if made.token == token and name != "GET /openapi.json"]
        said = f"`{token}`" if token in list(Scope) else token
        yield f"| {said} | {' · '.join(f'`{name}`' for name in named)} |"


def test_docs__tokens_by_route__are_those_of_the_table() -> None:
    section = PAGE.partition("### The token a route needs\n")[2].partition("\n#")[0]
    assert [line for line in section.splitlines() if line.startswith("| ")][2:] == list(rows())


def test_access__of_another_institution__is_answered_as_one_that_does_not_exist(world: ApiWorld) -> None:
    add_log(world)
    row = world.index.access(ACCESS)
    assert row is not None
    theirs = sha256(b"access of hospital b")
    there = replace(row, seq=seq_of(200), access=AccessId(theirs), participant=ParticipantId(sha256(b"hospital-b")))
    world.index.write(200, [there])
    staff = world.staff()
    for template in ("/v1/accesses/{}", "/v1/accesses/{}/releases", "/v1/receipts/accesses/{}"):
        method = "POST" if template.endswith("releases") else "GET"
        known, unknown = (
            world.client.request(method, template.format(id_), headers=staff) for id_ in (hex32(theirs), ID)
        )
        assert (known.status_code, unknown.status_code) == (404, 404), template
        assert {**known.json(), "requestId": ""} == {**unknown.json(), "requestId": ""}
    listed = world.client.get("/v1/accesses", headers=staff).json()["items"]
    assert [item["accessId"] for item in listed] == [hex32(ACCESS)]


@pytest.mark.parametrize("newest", ["false", "true"])
def test_log__cursor_of_another_caller__shows_own_chains_only(world: ApiWorld, newest: str) -> None:
    """A cursor is a place in the index, no right to it: auditors' and holders' cursors in a controller's hands."""
    add_log(world)
    audited = world.client.get(f"/v1/audit?limit=1&newest={newest}", headers=world.staff("audit:read")).json()["next"]
    held = world.client.get(f"/v1/log?limit=1&newest={newest}", headers=world.patient()).json()["next"]
    assert held is not None
    own = {item["seq"] for item in world.client.get("/v1/log", headers=world.patient(world.controller)).json()["items"]}
    assert own
    for cursor in (audited, held, 0, (1 << 63) - 1):
        for signer in (world.controller, MemorySigner.named("another patient")):
            path = f"/v1/log?after={cursor}&newest={newest}"
            answer = world.client.get(path, headers=world.patient(signer))
            assert answer.status_code == 200, answer.text
            assert {item["seq"] for item in answer.json()["items"]} <= (own if signer is world.controller else set())


def test_subject__of_a_previous_controller__is_shown_to_the_present_one_only(world: ApiWorld) -> None:
    add_log(world)
    heir = MemorySigner.named("new controller")
    (row,) = world.index.subjects_of(world.controller.address)
    world.chain.set_subject(SUBJECT, SOURCE, heir.address)
    world.index.write(300, [replace(row, seq=seq_of(300), controller=heir.address)])
    shown: dict[str, tuple[int, list[str]]] = {}
    for signer in (world.controller, heir):
        headers = world.patient(signer)
        shown[signer.address] = (
            world.client.get(f"/v1/subjects/{hex32(SUBJECT)}", headers=headers).status_code,
            [item["name"] for item in world.client.get("/v1/log", headers=headers).json()["items"]],
        )
    assert shown == {world.controller.address: (403, []), heir.address: (200, ["SUBJECT_FROZEN"])}
