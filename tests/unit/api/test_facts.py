"""Public facts, DIDs, the log, and how errors are told."""

from typing import Any

import pytest

from api.problems import PROBLEMS, problem_of
from salus.core import errors
from salus.core.audit import EntryKind
from salus.core.codes import Code
from salus.core.hashing import sha256
from salus.core.ids import ZERO_ADDRESS, chain_key, hex32
from salus.core.index_rows import AccessRow, EntryRow, seq_of
from tests.unit.api.world import CUSTODIANS, HOSPITAL, SOURCE, SUBJECT, ApiWorld

ACCESS = sha256(b"access")


def add_log(world: ApiWorld, count: int = 3) -> None:
    """Granted, denied and subject entries on the holder's and the subject's chain."""
    now, holder = world.clock.now(), chain_key(world.holder.address)
    common: dict[str, Any] = {"emitter": ZERO_ADDRESS, "head": bytes(26), "key_head": bytes(26), "tx": sha256(b"tx")}
    rows: list[Any] = []
    for i in range(count):
        seq = seq_of(100 + i)
        denied = i == 1
        rows.append(
            EntryRow(
                seq=seq,
                position=i + 1,
                key=SUBJECT if i == 2 else holder,
                key_position=1 if i == 2 else i + 1,
                kind=int(
                    EntryKind.SUBJECT_FROZEN
                    if i == 2
                    else EntryKind.ACCESS_DENIED
                    if denied
                    else EntryKind.ACCESS_GRANTED
                ),
                code=0 if i == 2 else (20 if denied else 1),
                reference=ACCESS if i == 0 else sha256(b"%d" % i),
                at=now + i,
                participant=None if i == 2 else HOSPITAL,
                **common,
            )
        )
    rows.append(
        AccessRow(
            seq=seq_of(100),
            access=ACCESS,
            participant=HOSPITAL,
            operator=world.operator.address,
            kind=1,
            reference=sha256(b"consent"),
            key=holder,
            purpose=1,
            categories=1 << 20,
            actions=2,
            level=3,
            confidentiality=3,
            form=0,
            from_day=20_000,
            to_day=20_100,
            role=1,
            record_count=3,
            records_root=sha256(b"root"),
            user_digest=sha256(b"user"),
            code=1,
            expiry=now + 3600,
            at=now,
            tx=sha256(b"tx"),
        )
    )
    world.index.write(seq_of(100) >> 20, rows)


def test_deployment__asked_by_anybody__tells_a_wallet_what_it_needs(world: ApiWorld) -> None:
    facts = world.client.get("/v1/deployment").json()
    assert facts["chainId"] == 31337
    assert facts["domains"]["Council"]["name"] == "Salus"
    assert facts["domains"]["AccessGateway"]["verifyingContract"] == facts["contracts"]["AccessGateway"]
    (one_set,) = facts["custodianSets"]
    assert [member["participantId"] for member in one_set["members"]] == [hex32(id_) for id_ in CUSTODIANS]
    assert all(member["active"] for member in one_set["members"])
    assert facts["head"]["number"] >= facts["final"]["number"]


def test_participant__known_and_unknown__is_told_or_not_found(world: ApiWorld) -> None:
    fact = world.client.get(f"/v1/participants/{hex32(HOSPITAL)}").json()
    assert (fact["kind"], fact["roles"], fact["status"]) == ("HOSPITAL", ["CARE", "EMERGENCY"], "ACTIVE")
    assert fact["operators"] == [world.operator.address]
    assert world.client.get(f"/v1/participants/{hex32(sha256(b'x'))}").status_code == 404
    assert len(world.client.get("/v1/participants").json()["items"]) == 5


def test_subject__asked_by_its_controller_only__is_shown(world: ApiWorld) -> None:
    path = f"/v1/subjects/{hex32(SUBJECT)}"
    fact = world.client.get(path, headers=world.patient(world.controller)).json()
    assert (fact["sourceId"], fact["nonce"], fact["frozen"]) == (hex32(SOURCE), 0, False)
    assert world.client.get(path, headers=world.patient()).status_code == 403
    assert world.client.get(path, headers=world.staff()).status_code == 403
    unknown = f"/v1/subjects/{hex32(sha256(b'x'))}"
    assert world.client.get(unknown, headers=world.patient()).status_code == 403


def test_did__participant__lists_its_operators(world: ApiWorld) -> None:
    did = f"did:salus:31337:participant:{HOSPITAL.hex()}"
    answer = world.client.get(f"/v1/dids/{did}", headers=world.staff()).json()
    (method,) = answer["didDocument"]["verificationMethod"]
    assert method["blockchainAccountId"] == f"eip155:31337:{world.operator.address}"
    assert answer["didDocumentMetadata"]["deactivated"] is False


def test_did__subject__is_for_its_controller_and_staff(world: ApiWorld) -> None:
    path = f"/v1/dids/did:salus:31337:subject:{SUBJECT.hex()}"
    assert world.client.get(path, headers=world.patient(world.controller)).status_code == 200
    assert world.client.get(path, headers=world.staff()).status_code == 200
    assert world.client.get(path, headers=world.patient()).status_code == 403


@pytest.mark.parametrize(
    ("did", "status"),
    [
        (f"did:salus:1:participant:{HOSPITAL.hex()}", 422),
        ("did:example:123", 422),
        (f"did:salus:31337:participant:{sha256(b'x').hex()}", 404),
        (f"did:salus:31337:subject:{sha256(b'x').hex()}", 404),
        (f"did:salus:31337:record:{sha256(b'x').hex()}", 404),
    ],
)
def test_did__other_chain_or_unknown__is_refused(world: ApiWorld, did: str, status: int) -> None:
    assert world.client.get(f"/v1/dids/{did}", headers=world.staff()).status_code == status


def test_audit__filters_and_pages__give_entries_in_order(world: ApiWorld) -> None:
    add_log(world)
    headers = world.staff("audit:read")
    first = world.client.get("/v1/audit?limit=2", headers=headers).json()
    rest = world.client.get(f"/v1/audit?after={first['next']}", headers=headers).json()
    assert [item["name"] for item in first["items"] + rest["items"]] == [
        "ACCESS_GRANTED",
        "ACCESS_DENIED",
        "SUBJECT_FROZEN",
    ]
    denied = world.client.get("/v1/audit?code=20", headers=headers).json()["items"]
    assert [item["codeName"] for item in denied] == ["CONSENT_REVOKED"]
    mine = world.client.get(f"/v1/audit?participant={hex32(HOSPITAL)}&kind=1", headers=headers).json()["items"]
    assert mine[0]["access"]["categories"] == ["CHECKUP"]
    late = world.client.get(f"/v1/audit?from={world.clock.now() + 2}", headers=headers).json()["items"]
    assert [item["position"] for item in late] == [3]
    assert world.client.get("/v1/audit?limit=0", headers=headers).status_code == 422


def test_audit_summary__counts_granted_and_denied(world: ApiWorld) -> None:
    add_log(world)
    summary = world.client.get("/v1/audit/summary", headers=world.staff("audit:read")).json()
    assert (summary["granted"], summary["denied"]) == (1, 0)
    assert summary["counts"][0]["purpose"] == "TREAT"


def test_log__of_holder_and_of_controller__shows_each_its_own_chains(world: ApiWorld) -> None:
    add_log(world)
    holders = world.client.get("/v1/log", headers=world.patient()).json()["items"]
    controllers = world.client.get("/v1/log", headers=world.patient(world.controller)).json()["items"]
    assert [item["name"] for item in holders] == ["ACCESS_GRANTED", "ACCESS_DENIED"]
    assert "a physician of" in holders[0]["sentences"]["en"]
    assert "为治疗目的获准打开您的3份" in holders[0]["sentences"]["zh"]
    assert [item["name"] for item in controllers] == ["SUBJECT_FROZEN"]


def test_accesses__of_this_institution__are_listed_and_found(world: ApiWorld) -> None:
    add_log(world)
    headers = world.staff("records:open")
    (item,) = world.client.get("/v1/accesses", headers=headers).json()["items"]
    assert (item["accessId"], item["name"], item["role"]) == (hex32(ACCESS), "GRANTED", "PHYSICIAN")
    assert world.client.get(f"/v1/accesses/{hex32(ACCESS)}", headers=headers).json() == item
    assert world.client.get(f"/v1/accesses/{hex32(sha256(b'x'))}", headers=headers).status_code == 404


def test_problems__every_error_class__has_a_row() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SalusError)]
    assert len(kinds) > 10
    for kind in kinds:
        assert any(issubclass(kind, row[0]) for row in PROBLEMS)


@pytest.mark.parametrize("code", list(Code))
def test_problems__every_code__has_name_status_and_advice(code: Code) -> None:
    problem = problem_of(errors.RefusedError(code))
    assert (problem["code"], problem["name"]) == (int(code), code.name)
    assert problem["status"] >= 400
    assert problem["advice"]


def test_problem__unknown_route_and_method__are_problems(world: ApiWorld) -> None:
    missing = world.client.get("/v1/nothing")
    assert (missing.status_code, missing.json()["name"]) == (404, "NOT_FOUND")
    assert world.client.delete("/v1/deployment").json()["name"] == "METHOD_NOT_ALLOWED"


def test_problem__body_too_long__is_refused_before_it_is_read(world: ApiWorld) -> None:
    answer = world.client.post("/v1/consents", content=b"x" * (4 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["name"]) == (413, "TOO_LARGE")

    def chunks() -> Any:
        for _ in range(5):
            yield b"x" * 1024 * 1024

    assert world.client.post("/v1/packages", content=chunks(), headers=world.patient()).status_code == 413


def test_request_id__given__comes_back(world: ApiWorld) -> None:
    answer = world.client.get("/health", headers={"x-request-id": "abcdef-12345678"})
    assert answer.headers["x-request-id"] == "abcdef-12345678"
    assert world.client.get("/v1/nothing").json()["requestId"]
    forged = world.client.get("/health", headers={"x-request-id": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


def test_openapi__every_route__is_described(world: ApiWorld) -> None:
    document = world.client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), (path, method)
    assert document["components"]["schemas"]["Wish"]["examples"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/audit?kind=256",
        "/v1/audit?code=65536",
        f"/v1/audit?from={1 << 63}",
        f"/v1/audit?to={1 << 63}",
        f"/v1/audit?after={1 << 63}",
        f"/v1/audit/summary?from={10**30}",
        f"/v1/accesses?code={10**30}",
        f"/v1/packages?after={10**30}",
    ],
)
def test_query__number_no_column_holds__is_refused_before_the_database(world: ApiWorld, path: str) -> None:
    assert world.client.get(path, headers=world.staff()).status_code == 422
