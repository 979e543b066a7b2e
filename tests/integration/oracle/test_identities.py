"""Merges, moves and wrong-patient corrections on a real chain: what the registries say, and what the patient sees."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from cli.mllp_client import outcome_of
from oracle import runtime
from oracle.subjects import subject_hash
from salus.adapters.database.oracle_records import DatabaseRecords
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.ids import ZERO32, SubjectRef, from_hex, hex32
from salus.core.state import RecordStatus, SubjectState
from salus.flows.custody import Caller
from salus.flows.link import LinkWords, sign_link
from tests.integration.oracle.stack import PROFILE, Stack, SystemClock, patiently, started, until
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import identity, results, stay

SODIUM, GLUCOSE = "2951-2", "2345-7"


@pytest.fixture(scope="module")
def stack(chain: ChainWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with started(chain, tmp_path_factory.mktemp("identities")) as stack:
        yield stack


def _send(stack: Stack, *raws: bytes) -> None:
    sender = stack.sender
    for raw in raws:
        assert outcome_of(sender.once(raw))[0] == "AA"
    sender.close()


def _subject(stack: Stack, number: str) -> SubjectRef:
    with runtime.opened_journal(stack.journal) as kept:
        name = subject_hash(kept.site, f"{PROFILE.authority}|{number}")
        return DatabaseRecords(kept.database).subjects([name])[name].subject


def _on_chain(stack: Stack, number: str) -> SubjectState:
    reader = stack.world.reader
    return reader.subject(_subject(stack, number), reader.head())


def _kinds(stack: Stack, subject: SubjectRef) -> list[str]:
    """Events of the chain that name a subject."""
    events = stack.world.reader.events(stack.first_block, stack.world.reader.head().number)
    return [event.name for event in events if subject in event.args.values()]


def test_merge__of_unclaimed_patients__is_on_chain_and_undone_by_unlinking(stack: Stack) -> None:
    _send(stack, stay("A1", "A01", patient="A-2", visit="A-V"), identity("A2", "A40", "A-2", "A-1"))
    stack.await_idle()
    assert _on_chain(stack, "A-2").survivor == _subject(stack, "A-1")
    _send(stack, identity("A3", "A37", "A-2", "A-1", said="20261103090000"))
    stack.await_idle()
    assert _on_chain(stack, "A-2").survivor == ZERO32
    assert [name for name in _kinds(stack, _subject(stack, "A-2")) if "link" in name.lower()] == [
        "SubjectLinked",
        "SubjectUnlinked",
    ]


def test_merge__chain_of_three__ends_at_one_survivor(stack: Stack) -> None:
    _send(stack, identity("B1", "A40", "B-3", "B-2"), identity("B2", "A40", "B-2", "B-1", said="20261103090000"))
    stack.await_idle()
    root = _subject(stack, "B-1")
    assert [_on_chain(stack, number).survivor for number in ("B-3", "B-2", "B-1")] == [root, root, ZERO32]


def test_wrong_patient__one_result__is_invalid_on_chain_and_its_patient_sees_both(stack: Stack) -> None:
    _send(
        stack,
        results("D1", (GLUCOSE, "5.43", "F"), (SODIUM, "140", "F"), order="D-L", patient="D-1"),
        results("D2", (GLUCOSE, "5.43", "W"), order="D-L", patient="D-1", said="20261101093000"),
    )
    stack.await_idle()
    patient = stack.claim("D-1")
    opened = patiently(lambda: stack.open_own(patient))
    assert list(opened.refused.values()) == [Code.RECORD_INVALID]
    (item,) = opened.items
    assert "5.43" not in str(item.record.content)
    assert "entered-in-error" in str(item.record.content)
    reader = stack.world.reader
    states = [reader.record_state(stack.source, leaf, reader.head()) for leaf in (*opened.refused, item.listed.leaf)]
    assert [state.status for state in states] == [RecordStatus.INVALID, RecordStatus.VALID]
    assert "RecordInvalidated" in _kinds(stack, patient.subject)


def test_move__of_an_account__takes_the_stay_from_one_patient_to_the_other(stack: Stack) -> None:
    _send(
        stack,
        stay("E1", "A01", patient="E-1", visit="E-V", account="E-ACC"),
        identity("E2", "A44", prior="E-1", survivor="E-2", account="E-ACC"),
    )
    stack.await_idle()
    patient = stack.claim("E-2")
    opened = patiently(lambda: stack.open_own(patient))
    moved = [item for item in opened.items if "Encounter" in str(item.record.content)]
    assert [item.record.version for item in moved] == [2]
    assert "RecordInvalidated" in _kinds(stack, _subject(stack, "E-1"))


def test_merge__of_a_claimed_patient__never_happens_without_their_signature(stack: Stack) -> None:
    _send(stack, stay("C1", "A01", patient="C-2", visit="C-V"))
    stack.await_idle()
    patient = stack.claim("C-2")
    before = stack.opened_by([patient])
    _send(stack, identity("C2", "A40", "C-2", "C-1"), results("C3", (GLUCOSE, "5.4", "F"), order="C-L", patient="C-1"))
    until(lambda: (found := stack.oracle.get("/ready")) is not None and found["openLinks"] == 1)
    until(lambda: _subject(stack, "C-1") is not None)
    assert _on_chain(stack, "C-2").survivor == ZERO32
    assert stack.opened_by([patient]) == before
    caller = Caller(patient.controller, stack.world.reader.domain("Council"), SystemClock(), secrets.token_bytes)
    status, found = _post(stack, "/v1/links/waiting", caller.call("links", stack.source, {}))
    ((key, message),) = [(one["key"], one["typedData"]["message"]) for one in found["links"]]
    domain, survivor = stack.world.reader.domain("SubjectRegistry"), SubjectRef(from_hex(message["survivor"]))
    nonce, deadline = int(message["nonce"]), int(message["deadline"])
    assert (status, survivor) == (200, _subject(stack, "C-1"))
    signature = sign_link(patient.controller, LinkWords(patient.subject, survivor, nonce, deadline), domain)
    body = {"key": key, "deadline": deadline, "signature": hex32(signature)}
    assert _post(stack, "/v1/links", caller.call("agree", stack.source, body)) == (200, {"agreed": key})
    stack.await_idle()
    assert _on_chain(stack, "C-2").survivor == survivor
    assert stack.opened_by([patient]) == before


def test_unlink__of_two_claimed_patients__the_survivor_parts_them_alone(stack: Stack) -> None:
    _send(stack, stay("G1", "A01", patient="G-2", visit="G-V"), identity("G2", "A40", "G-2", "G-1"))
    stack.await_idle()
    stack.claim("G-2")
    patient = stack.claim("G-1")
    _send(stack, identity("G3", "A37", "G-2", "G-1", said="20261103090000"))
    until(lambda: (found := stack.oracle.get("/ready")) is not None and found["openLinks"] == 1)
    caller = Caller(patient.controller, stack.world.reader.domain("Council"), SystemClock(), secrets.token_bytes)
    _, found = _post(stack, "/v1/links/waiting", caller.call("links", stack.source, {}))
    ((key, message),) = [(one["key"], one["typedData"]["message"]) for one in found["links"]]
    sides = [SubjectRef(from_hex(message[name])) for name in ("subjectRef", "survivor", "by")]
    assert sides == [_subject(stack, "G-2"), patient.subject, patient.subject]
    nonces = _on_chain(stack, "G-2").nonce, _on_chain(stack, "G-1").nonce
    words = LinkWords(sides[0], sides[1], int(message["nonce"]), int(message["deadline"]), sides[2])
    signature = sign_link(patient.controller, words, stack.world.reader.domain("SubjectRegistry"))
    body = {"key": key, "deadline": words.deadline, "signature": hex32(signature)}
    assert _post(stack, "/v1/links", caller.call("agree", stack.source, body)) == (200, {"agreed": key})
    stack.await_idle()
    assert _on_chain(stack, "G-2").survivor == ZERO32
    assert (_on_chain(stack, "G-2").nonce, _on_chain(stack, "G-1").nonce) == (nonces[0], nonces[1] + 1)


def _post(stack: Stack, path: str, value: dict[str, Any]) -> tuple[int, Any]:
    status, answer = stack.oracle.ask("POST", path, canonical(value), {"content-type": "application/json"})
    return status, json.loads(answer)
