"""The wallet against a source that lies about what is due."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.patient import retention
from cli.patient.session import PatientSession, WalletFile
from cli.patient.wallet import OwnSubject
from cli.retention_desk import read_within
from salus.adapters.api_client import ApiClient
from salus.adapters.keys.hd import DerivedAccounts
from salus.core import signatures
from salus.core.destruction import destruction_digest
from salus.core.eip712 import Domain
from salus.core.errors import InputError, IntegrityError
from salus.core.ids import Address, ParticipantId, RecordId, SubjectRef, from_hex, hex32
from salus.core.retention import AGREEMENT_SECONDS, due_at

CLINIC = ParticipantId(b"\x01" * 32)
SUBJECT = SubjectRef(b"\x05" * 32)
RECORD = RecordId(b"\x09" * 32)
ANCHORED, AS_OF = 1_700_000_000, 1_900_000_000
REGISTRY = "0x" + "ab" * 20
DOMAINS = {
    name: {"name": name, "chainId": 31337, "verifyingContract": REGISTRY}
    for name in ("Council", "RecordRegistry", "SubjectRegistry")
}


@pytest.fixture
def told() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def session(tmp_path: Path, told: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> PatientSession:
    """A wallet with one subject, of which the chain says two years."""
    file = WalletFile(tmp_path / "patient.wallet", "passphrase")
    file.write(file.create().with_subject(OwnSubject(CLINIC, SUBJECT, 0)))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/deployment":
            return httpx.Response(200, json={"participantId": hex32(CLINIC), "domains": DOMAINS})
        if request.method == "POST":
            told.append((request.url.path, json.loads(request.content)))
            return httpx.Response(200, json={"txHash": hex32(bytes(32)), "block": 1})
        return httpx.Response(200, json={"retentionYears": 2, "hold": False, "nonce": 4})

    monkeypatch.setattr(ApiClient, "sign_in", lambda *_: "token")
    return PatientSession(file, ApiClient("http://api.test", transport=httpx.MockTransport(answer)))


def _row(**changes: Any) -> dict[str, Any]:
    return {
        "recordId": hex32(RECORD),
        "subjectRef": hex32(SUBJECT),
        "custodianSet": 1,
        "anchoredAt": ANCHORED,
        "dueAt": due_at(ANCHORED, 2),
        "standing": "due",
        "asOf": AS_OF,
        **changes,
    }


@pytest.fixture
def oracle(told: list[tuple[str, dict[str, Any]]]) -> Callable[..., ApiClient]:
    def made(*rows: dict[str, Any]) -> ApiClient:
        def answer(request: httpx.Request) -> httpx.Response:
            told.append((request.url.path, json.loads(request.content)))
            return httpx.Response(200, json={"records": list(rows)})

        return ApiClient("http://oracle.test", transport=httpx.MockTransport(answer))

    return made


def test_due__honest_source__is_what_it_says(session: PatientSession, oracle: Callable[..., ApiClient]) -> None:
    assert retention.due(session, oracle(_row()), CLINIC) == [_row()]


@pytest.mark.parametrize(
    "lie",
    [
        pytest.param({"subjectRef": hex32(b"\x06" * 32)}, id="another subject"),
        pytest.param({"dueAt": due_at(ANCHORED, 1)}, id="an earlier end"),
        pytest.param({"anchoredAt": ANCHORED - 400 * 86_400}, id="an end that does not follow"),
    ],
)
def test_due__source_that_lies__is_not_believed(
    session: PatientSession, oracle: Callable[..., ApiClient], lie: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError):
        retention.due(session, oracle(_row(**lie)), CLINIC)


def test_agree__due_record__hands_in_a_destruction_signed_for_a_month_of_the_chain(
    session: PatientSession, oracle: Callable[..., ApiClient], told: list[tuple[str, dict[str, Any]]]
) -> None:
    retention.agree(session, oracle(), CLINIC, _row())
    ((path, call),) = told
    assert path == "/v1/retention/agree"
    body = call["body"]
    assert body["deadline"] == AS_OF + AGREEMENT_SECONDS
    domain = Domain("RecordRegistry", 31337, Address(REGISTRY))
    digest = destruction_digest(domain, CLINIC, RECORD, SUBJECT, 1, body["deadline"])
    controller = DerivedAccounts(session.wallet.mnemonic).controller(0).address
    assert signatures.recover(digest, from_hex(body["signature"], 65)) == controller


def test_agree__not_due_yet__signs_nothing(
    session: PatientSession, oracle: Callable[..., ApiClient], told: list[tuple[str, dict[str, Any]]]
) -> None:
    with pytest.raises(InputError):
        retention.agree(session, oracle(), CLINIC, _row(standing="kept"))
    assert told == []


@pytest.mark.parametrize("years", [0, 2, 6])
def test_keep__out_of_range_or_the_same__sends_nothing(
    session: PatientSession, told: list[tuple[str, dict[str, Any]]], years: int
) -> None:
    with pytest.raises(InputError):
        retention.keep(session, CLINIC, years)
    assert told == []


def test_keep__other_years__relays_the_signed_choice(
    session: PatientSession, told: list[tuple[str, dict[str, Any]]]
) -> None:
    retention.keep(session, CLINIC, 5)
    ((_, body),) = told
    assert '"retentionYears": 5' in json.dumps(body)
    assert '"nonce": 4' in json.dumps(body)


@pytest.mark.parametrize(("text", "days"), [("0d", 0), ("90d", 90), ("6m", 186), ("5y", 1830)])
def test_read_within__time_to_come__is_days(text: str, days: int) -> None:
    assert read_within(text) == days


@pytest.mark.parametrize("text", ["", "d", "-1d", "90", "6y", "90w", "1.5y", "٣d"])
def test_read_within__anything_else__is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_within(text)
