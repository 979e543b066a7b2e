"""The wallet against a source that lies, and its accounts."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from cli.patient.session import PatientSession, WalletFile
from cli.patient.wallet import OwnSubject, Wallet
from salus.adapters.api_client import ApiClient
from salus.core.errors import InputError
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
