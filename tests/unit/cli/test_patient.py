"""The wallet against a source that lies, and its accounts."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from cli.patient.session import PatientSession, WalletFile
from cli.patient.wallet import OwnSubject, Wallet
from salus.adapters.api_client import ApiClient
from salus.core.errors import ConflictError, InputError
from salus.core.ids import ParticipantId, SubjectRef, hex32

CLINIC, OTHER = ParticipantId(b"\x01" * 32), ParticipantId(b"\x02" * 32)
SUBJECT = SubjectRef(b"\x05" * 32)


def oracle_of(claimed_source: ParticipantId, posted: list[str]) -> ApiClient:
    """An oracle that asks to bind a subject of any source, and says that all went well."""

    def answer(request: httpx.Request) -> httpx.Response:
        posted.append(request.url.path)
        asked = json.loads(request.content)
        message = {
            "subjectRef": hex32(SUBJECT),
            "sourceId": hex32(claimed_source),
            "controller": asked["controller"],
            "deadline": 1_790_000_000,
        }
        return httpx.Response(200, json={"typedData": {"message": message}})

    return ApiClient("http://oracle.test", transport=httpx.MockTransport(answer))


@pytest.fixture
def file(tmp_path: Path) -> WalletFile:
    made = WalletFile(tmp_path / "patient.wallet", "passphrase")
    made.create()
    return made


def test_claim__oracle_names_another_source__not_signed_and_nothing_kept(file: WalletFile) -> None:
    posted: list[str] = []
    session = PatientSession(file, ApiClient("http://api.test"))
    with pytest.raises(InputError, match="another source"):
        session.claim(oracle_of(OTHER, posted), "CODE", CLINIC)
    assert posted == ["/v1/claims/prepare"]
    assert file.read().subjects == ()


def test_next_controller__subject_claimed_anew__no_account_for_two_sources() -> None:
    wallet = Wallet("words")
    for source in (CLINIC, CLINIC, OTHER, CLINIC):
        wallet = wallet.with_subject(OwnSubject(source, SUBJECT, wallet.next_controller()))
    assert len({own.index for own in wallet.subjects}) == len(wallet.subjects) == 2


def api_of(keys: dict[ParticipantId, bytes]) -> ApiClient:
    """An API that names these keys for the custodians of set 1."""
    members = [{"participantId": hex32(c), "encryptionKey": hex32(key)} for c, key in keys.items()]
    facts = {"custodianSets": [{"number": 1, "threshold": 2, "members": members}]}
    return ApiClient("http://api.test", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=facts)))


def test_custodian_keys__api_names_others_later__are_refused_until_the_patient_trusts_them(file: WalletFile) -> None:
    first, second = {CLINIC: b"\x0a" * 32, OTHER: b"\x0b" * 32}, {CLINIC: b"\x0a" * 32, OTHER: b"\x0c" * 32}
    assert PatientSession(file, api_of(first)).custodian_keys() == first
    assert file.read().custodians == first
    lied_to = PatientSession(file, api_of(second))
    with pytest.raises(ConflictError, match="salus patient trust"):
        lied_to.custodian_keys()
    assert file.read().custodians == first
    assert lied_to.custodian_keys(trust=True) == second
    assert PatientSession(file, api_of(second)).custodian_keys() == second
