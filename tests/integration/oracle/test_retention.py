"""Years pass on a chain: who agreed has no copies any more, who was silent by the Council's word, a hold wins.

The chain is this test's own, because its time runs ahead of everybody's clocks.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from salus.adapters.api_client import ApiClient
from salus.adapters.content.folder import FolderStore
from salus.core.codes import Code
from salus.core.errors import ChainRevert, NotFoundError, RefusedError
from salus.core.ids import ParticipantId, RecordId, hex32, order_id
from salus.core.ports import ContractCall
from salus.core.retention import DAY_SECONDS, GRACE_DAYS, due_at
from salus.core.state import RecordStatus
from salus.flows.bind import retain_call, sign_destruction
from salus.flows.custody import Caller
from tests.integration import command
from tests.integration.oracle.stack import SOURCE, Patient, Stack, SystemClock, prepare, until
from tests.integration.services import Service
from tests.integration.world import ChainWorld, own_world
from tests.unit.oracle.oracle_world import report


@pytest.fixture
def years() -> Iterator[ChainWorld]:
    with own_world(accredited_days=3650) as world:
        yield world


@pytest.fixture
def stack(years: ChainWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    made = prepare(years, tmp_path / "services", RETENTION_HOURS="0")
    for service in (made.oracle, made.custodians[0]):
        for name, value in service.environ.items():
            monkeypatch.setenv(name, value)
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_retention__years_pass__each_patient_gets_what_was_chosen(
    stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("agrees", "silent", "held", "extends")
    raws = {name: report(f"M-{name}", f"L-{name}", patient=name) for name in names}
    for raw in raws.values():
        assert stack.sender.insist(raw) == "AA"
    stack.await_idle()
    records: dict[str, RecordId] = {}
    for name in names:
        (records[name],) = stack.said([raws[name]])
    patients = {name: stack.claim(name) for name in names}
    opened = stack.opened_by(patients.values())
    assert set(opened) == set(records.values())
    envelopes = {name: _envelope(stack, records[name]) for name in names}

    for patient in patients.values():
        retain(stack, patient, 1)
    stack.world.party("regulator").writer.send(_hold(patients["held"], held=True))

    assert run(capsys, "due", "here") == []
    assert {row["recordId"] for row in run(capsys, "due", "here", "--within", "2y")} == _ids(records, "held")
    due = due_at(_now(stack), 1)
    pass_until(stack, due)
    assert {row["standing"] for row in run(capsys, "due", "here")} == {"due"}

    # one agrees; one too, but then has copies kept longer; a stranger learns nothing
    for name in ("agrees", "extends"):
        agree(stack, patients[name], records[name])
    with pytest.raises(NotFoundError):
        ask_due(stack, Patient(patients["agrees"].subject, patients["silent"].controller))
    with pytest.raises(RefusedError) as refused:
        list_as(stack, "hospital-a")
    assert refused.value.code is Code.NOT_OPERATOR
    retain(stack, patients["extends"], 5)
    swept = run(capsys, "sweep", "here")
    assert (swept["filed"], swept["dropped"], swept["open"]) == (1, 1, 1)
    carried_out(stack, capsys, patients["agrees"], records["agrees"])
    assert is_gone(stack, "agrees", envelopes, raws)

    # the silent one is listed and released until the grace has passed, and then by nobody
    assert codes(stack, patients["silent"]) == {hex32(records["silent"]): 0}
    pass_until(stack, due + GRACE_DAYS * DAY_SECONDS)
    assert codes(stack, patients["silent"]) == {hex32(records["silent"]): int(Code.RECORD_RETENTION_OVER)}
    assert codes(stack, patients["extends"]) == {hex32(records["extends"]): 0}
    assert codes(stack, patients["held"]) == {hex32(records["held"]): 0}

    # the Council: one member proposes, a custodian's data is asked, two vote
    place = ("--rpc", stack.world.anvil.url, "--deployment", str(stack.grounds.folder / "deployment.json"))
    first, second = ((*place, *command.votes(tmp_path, number)) for number in range(2))
    proposal = run(capsys, "propose", "here", *first)
    assert proposal["orders"] == 1
    assert run(capsys, "propose", "here", *first) == proposal
    checked = run(capsys, "check", proposal["proposal"], "--custodian", "here", *place)
    assert [(row["recordId"], row["standing"]) for row in checked] == [(hex32(records["silent"]), "over")]
    assert run(capsys, "approve", proposal["proposal"], *first, code=5)["error"] == "UnavailableError"
    assert run(capsys, "approve", proposal["proposal"], *second)["executed"]
    carried_out(stack, capsys, patients["silent"], records["silent"])
    assert is_gone(stack, "silent", envelopes, raws)
    assert run(capsys, "check", proposal["proposal"], "--custodian", "here", *place, code=7)

    # what is held and what is kept longer stands as it was, and the contract refuses an order for the held one
    for name in ("held", "extends"):
        assert not is_gone(stack, name, envelopes, raws)
    with pytest.raises(ChainRevert, match="RecordRegistryHeld"):
        order(stack, patients["held"], records["held"])
    stack.world.party("regulator").writer.send(_hold(patients["held"], held=False))
    until(
        lambda: _ids(records, "silent", "agrees", "extends") == {row["recordId"] for row in run(capsys, "due", "here")}
    )


# commands


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """JSON answer of `salus retention …`."""
    return command.run(capsys, "retention", *words, code=code)


# time and patients


def _now(stack: Stack) -> int:
    return stack.world.reader.head().timestamp


def pass_until(stack: Stack, at: int) -> None:
    """Have the chain's next block be of that time or later."""
    seconds = at - _now(stack)
    body = {"jsonrpc": "2.0", "id": 1, "method": "evm_increaseTime", "params": [seconds]}
    assert "error" not in httpx.post(stack.world.anvil.url, json=body, trust_env=False).json()
    until(lambda: stack.world.reader.final().timestamp >= at)


def retain(stack: Stack, patient: Patient, chosen: int) -> None:
    """The patient's choice, sent by a relay."""
    state = stack.world.reader.subject(patient.subject, stack.world.reader.head())
    domain = stack.world.reader.domain("SubjectRegistry")
    deadline = _now(stack) + 600
    stack.world.relay.send(retain_call(patient.controller, patient.subject, chosen, state.nonce, deadline, domain))


def _hold(patient: Patient, *, held: bool) -> ContractCall:
    return ContractCall("SubjectRegistry", "hold", (patient.subject, held))


def _called(stack: Stack, patient: Patient, verb: str, to: ParticipantId, body: dict[str, Any]) -> dict[str, Any]:
    domain = stack.world.reader.domain("Council")
    return Caller(patient.controller, domain, SystemClock(), os.urandom).call(verb, to, body)


def ask_due(stack: Stack, patient: Patient) -> list[dict[str, Any]]:
    """What is due of a patient, by the oracle."""
    call = _called(stack, patient, "retention.due", stack.source, {"subjectRef": hex32(patient.subject)})
    with closing(ApiClient(stack.oracle.url)) as oracle:
        found: list[dict[str, Any]] = oracle.post("/v1/retention/due", call)["records"]
    return found


def list_as(stack: Stack, party: str) -> None:
    """Ask for everything that is due as an operator of some institution."""
    caller = Caller(stack.world.party(party).operator, stack.world.reader.domain("Council"), SystemClock(), os.urandom)
    with closing(ApiClient(stack.oracle.url)) as oracle:
        oracle.post("/v1/retention/list", caller.call("retention.list", stack.source, {}))


def agree(stack: Stack, patient: Patient, record: RecordId) -> None:
    """Sign the destruction of what is due and hand it to the oracle."""
    (one,) = ask_due(stack, patient)
    assert one["recordId"] == hex32(record)
    deadline = int(one["asOf"]) + 30 * DAY_SECONDS
    agreed = (stack.source, record, patient.subject, int(one["custodianSet"]), deadline)
    signature = sign_destruction(patient.controller, *agreed, stack.world.reader.domain("RecordRegistry"))
    body = {
        "recordId": hex32(record),
        "subjectRef": hex32(patient.subject),
        "custodianSet": agreed[3],
        "deadline": deadline,
        "signature": hex32(signature),
    }
    with closing(ApiClient(stack.oracle.url)) as oracle:
        oracle.post("/v1/retention/agree", _called(stack, patient, "retention.agree", stack.source, body))


def order(stack: Stack, patient: Patient, record: RecordId) -> None:
    """An order by the source with the patient, past the oracle."""
    deadline = _now(stack) + 600
    agreed = (stack.source, record, patient.subject, stack.world.custodian_set, deadline)
    signature = sign_destruction(patient.controller, *agreed, stack.world.reader.domain("RecordRegistry"))
    stack.world.party(SOURCE).writer.send(ContractCall("RecordRegistry", "order", (agreed, signature)))


def codes(stack: Stack, patient: Patient) -> dict[str, int]:
    """What the first custodian tells the patient of each record, history too: 0, or why it would not be released."""
    custodian, service = stack.members[0], stack.custodians[0]
    body = {"subject": hex32(patient.subject), "history": True}
    call = _called(stack, patient, "list", custodian, body)
    answer = httpx.post(f"{service.url}/v1/lists", json=call, trust_env=False).json()
    return {item["recordId"]: item["code"] for item in answer["items"]}


# what is left


def carried_out(stack: Stack, capsys: pytest.CaptureFixture[str], patient: Patient, record: RecordId) -> None:
    """Sweep until the order is carried out."""

    def done() -> bool:
        return int(run(capsys, "sweep", "here")["open"]) == 0

    until(done, 1.0)
    reader = stack.world.reader
    state = reader.record_state(stack.source, order_id(record, patient.subject), reader.final())
    assert state.status is RecordStatus.DESTROYED


def is_gone(stack: Stack, name: str, envelopes: dict[str, bytes], raws: dict[str, bytes]) -> bool:
    """Whether content, message and every custodian's share of a patient's record are gone; all of them, or none."""
    try:
        FolderStore(stack.grounds.content).get(envelopes[name])
        content = False
    except NotFoundError:
        content = True
    (record,) = stack.said([raws[name]])
    shares = [_count(one, "custody_record", "record_id", record) == 0 for one in stack.custodians]
    found = {content, *shares, not _has_message(stack.oracle, record)}
    assert len(found) == 1, (content, shares)
    return found.pop()


def _has_message(oracle: Service, record: RecordId) -> bool:
    query = (
        "SELECT count(*) FROM oracle_raw JOIN oracle_record_version ON oracle_record_version.message = "
        "oracle_raw.message JOIN oracle_record ON oracle_record.key = oracle_record_version.record "
        "WHERE oracle_record.record_id = ?"
    )
    return _ask(oracle, query, record) > 0


def _count(service: Service, table: str, column: str, value: bytes) -> int:
    return _ask(service, f"SELECT count(*) FROM {table} WHERE {column} = ?", value)


def _ask(service: Service, query: str, value: bytes) -> int:
    file = service.settings["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return int(connection.execute(query, (bytes(value),)).fetchone()[0])


def _envelope(stack: Stack, record: RecordId) -> bytes:
    file = stack.custodians[0].settings["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        query = "SELECT envelope_digest FROM custody_record WHERE record_id = ?"
        return bytes(connection.execute(query, (bytes(record),)).fetchone()[0])


def _ids(records: dict[str, RecordId], *but: str) -> set[str]:
    return {hex32(record) for name, record in records.items() if name not in but}
