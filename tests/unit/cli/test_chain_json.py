"""`salus explain` of what a node says: logs, receipts, transactions and JSON-RPC answers, and what is none of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from cli import output
from cli.app import run
from cli.commands.explain import meanings
from cli.meaning import Meaning
from salus.adapters.chain.abi import abi_of
from salus.adapters.chain.lexicon import contracts
from salus.core.audit import EntryKind
from salus.core.codes import Code
from salus.core.errors import InputError
from salus.core.hashing import keccak
from salus.core.policy import ParticipantRole
from salus.core.refusals import Refusal
from tests.vectors.samples import access

ADDRESS = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
CHECKSUMMED = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
TX = "0x" + "77" * 32


def log(contract: str, event: str, *values: Any, **more: Any) -> dict[str, Any]:
    """A log as a node tells it."""
    [found] = [one for one in abi_of(contract).events.values() if one.name == event]
    args = dict(zip(found.names, values, strict=True))
    topics = ["0x" + found.topic.hex(), *("0x" + encode([kind], [args[name]]).hex() for name, kind in found.indexed)]
    data = encode([kind for _, kind in found.data], [args[name] for name, _ in found.data])
    place = {"address": ADDRESS, "blockNumber": "0x10", "logIndex": "0x2", "transactionHash": TX, "removed": False}
    return {**place, "topics": topics, "data": "0x" + data.hex(), **more}


def granted(**more: Any) -> dict[str, Any]:
    return log("ConsentRegistry", "ConsentGranted", ADDRESS, b"\x11" * 32, 3, 5, **more)


def denied() -> dict[str, Any]:
    asked = access()
    scope = asked.to_words()[2]
    of = (b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, b"\x04" * 32, ADDRESS, scope, b"\x05" * 32, b"\x06" * 32)
    return log("AccessGateway", "AccessDenied", *of, int(Code.PURPOSE_NOT_ALLOWED))


def told(value: Any) -> list[Meaning]:
    return meanings(value if isinstance(value, str) else json.dumps(value))


def test_log__of_ours__is_told_with_its_place_and_arguments() -> None:
    [meaning] = told(granted())
    assert meaning.says == f"event ConsentGranted of ConsentRegistry (at {CHECKSUMMED}, block 16, log 2)"
    assert meaning.details["args"] == {"holder": CHECKSUMMED, "consentId": b"\x11" * 32, "epoch": 3, "maxUses": 5}
    shown = meaning.shown()
    assert (shown["kind"], shown["contract"], shown["event"]) == ("event", "ConsentRegistry", "ConsentGranted")
    assert (shown["address"], shown["blockNumber"], shown["transactionHash"]) == (CHECKSUMMED, 16, TX)
    assert f"  holder: {CHECKSUMMED}" in list(meaning.lines())


def test_log__with_topics_and_data_alone__is_enough() -> None:
    whole = granted()
    [meaning] = told({"topics": whole["topics"], "data": whole["data"]})
    assert meaning.says == "event ConsentGranted of ConsentRegistry"


def test_log__quantities_in_decimal_as_explorers_write_them__are_read() -> None:
    [meaning] = told(granted(blockNumber=16, logIndex="2"))
    assert meaning.says.endswith("block 16, log 2)")


def test_log__taken_back__says_so() -> None:
    [meaning] = told(granted(removed=True))
    assert "no longer on the chain" in meaning.says


def test_log__denied_access__has_the_codes_words_and_the_scope_by_name() -> None:
    args = told(denied())[0].details["args"]
    asked = access()
    assert args["codeSays"].startswith("code 30, PURPOSE_NOT_ALLOWED: ")
    assert args["scopeSays"]["recordCount"] == asked.record_count
    assert args["scopeSays"]["fromDay"] == asked.from_day


def test_log__entry_of_the_audit_log__its_code_is_an_outcome_for_accesses_only() -> None:
    def entry(kind: EntryKind, code: int) -> dict[str, Any]:
        values = (b"\x01" * 32, int(kind), b"\x02" * 32, code, ADDRESS, 1, 2, 1_800_000_000)
        names = next(one.names for one in abi_of("AuditLog").events.values() if one.name == "Appended")
        given = dict(
            zip(
                ("key", "kind", "referenceId", "code", "emitter", "globalCount", "keyCount", "time"),
                values,
                strict=True,
            )
        )
        args: dict[str, Any] = told(log("AuditLog", "Appended", *(given[name] for name in names)))[0].details["args"]
        return args

    refused = entry(EntryKind.ACCESS_DENIED, 20)
    assert refused["codeSays"].startswith("code 20, CONSENT_REVOKED: ")
    assert refused["kindSays"].startswith("log entry of kind 2, ACCESS_DENIED; ")
    assert refused["timeSays"].endswith("+08:00")
    assert "codeSays" not in entry(EntryKind.RETENTION_SET, 20)


def test_log__roles_kinds_and_refusals__are_named() -> None:
    roles = int(ParticipantRole.SOURCE | ParticipantRole.CARE)
    admitted = told(log("ParticipantRegistry", "ParticipantAdmitted", b"\x01" * 32, roles, 1_800_000_000, 7))[0]
    assert admitted.details["args"]["rolesSays"] == "SOURCE | CARE"
    applied = told(log("ParticipantRegistry", "ParticipantApplied", b"\x01" * 32, ADDRESS, 1, bytes(32)))[0]
    assert applied.details["args"]["kindSays"] == "HOSPITAL"
    skipped = told(log("AccessGateway", "RequestSkipped", 0, b"\x01" * 32, int(Refusal.NOT_OPERATOR)))[0]
    assert skipped.details["args"]["refusalSays"].startswith(f"refusal {int(Refusal.NOT_OPERATOR)}, NOT_OPERATOR: ")


def test_log__call_of_a_proposal__says_what_it_does() -> None:
    data = abi_of("Council").function("setThreshold").encode([3])
    [meaning] = told(log("Council", "CallProposed", b"\x01" * 32, 0, ADDRESS, data))
    [call] = meaning.details["args"]["callDataSays"]
    assert (call["function"], call["args"]) == ("setThreshold", {"newThreshold": 3})


@pytest.mark.parametrize("contract", contracts())
def test_log__of_every_event__is_recognised(contract: str) -> None:
    for event in abi_of(contract).events.values():
        kinds = dict(event.indexed) | dict(event.data)
        zeros = {"address": "0x" + "00" * 20, "bytes32": bytes(32), "bytes": b"", "bool": False, "bytes32[]": []}
        [meaning] = told(log(contract, event.name, *(zeros.get(kinds[name], 0) for name in event.names)))
        assert (meaning.details["contract"], meaning.details["event"]) == (contract, event.name)
        assert set(event.names) <= meaning.details["args"].keys()


def test_logs__a_list_with_foreign_ones__all_are_told() -> None:
    foreign = {"address": ADDRESS, "topics": ["0x" + "ab" * 32], "data": "0x"}
    found = told([granted(), foreign, denied()])
    assert [meaning.kind for meaning in found] == ["event", "foreign log", "event"]
    assert "no event of our contracts" in found[1].says


def receipt(*logs: Any, status: Any = "0x1") -> dict[str, Any]:
    return {"transactionHash": TX, "blockNumber": "0x10", "status": status, "logs": list(logs), "gasUsed": "0x1"}


def test_receipt__of_an_answer__is_told_before_its_logs() -> None:
    answer = {"jsonrpc": "2.0", "id": 1, "result": receipt(granted(), denied())}
    found = told(answer)
    assert [meaning.kind for meaning in found] == ["receipt", "event", "event"]
    assert found[0].says == f"receipt of transaction {TX} in block 16: 2 logs"
    assert [meaning.shown() for meaning in told(answer["result"])] == [meaning.shown() for meaning in found]
    assert len(told([answer, answer])) == 6


@pytest.mark.parametrize("status", ["0x0", 0])
def test_receipt__of_a_reverted_transaction__says_so(status: Any) -> None:
    [meaning] = told(receipt(status=status))
    assert "reverted and changed nothing" in meaning.says
    assert meaning.details["reverted"] is True


def test_answer__error_with_revert_data__is_explained() -> None:
    selector = keccak(b"AccessGatewayRefused(bytes32,uint8)")[:4]
    data = "0x" + (selector + encode(["bytes32", "uint8"], [b"\x11" * 32, 5])).hex()
    for shape in (data, {"data": data, "message": "reverted"}):
        answer = {"jsonrpc": "2.0", "id": 1, "error": {"code": 3, "message": "execution reverted", "data": shape}}
        [meaning] = told(answer)
        assert meaning.details["args"]["refusalSays"].startswith("refusal 5, QUOTA_USED_UP: ")


def test_transaction__its_call_is_explained() -> None:
    data = abi_of("AuditLog").function("admitWriter").encode([ADDRESS])
    [meaning] = told({"hash": TX, "input": "0x" + data.hex(), "to": ADDRESS})
    assert meaning.says == "call of AuditLog.admitWriter"


CUT = granted()
CUT["data"] = CUT["data"][:-64]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "is none"),
        ("[1]", "item 1 is no log, receipt or transaction"),
        ("[]", "no logs"),
        ({}, "it has nothing"),
        ({"number": "0x1", "transactions": []}, "it has number, transactions"),
        ({"jsonrpc": "2.0", "result": None}, "knows no such transaction"),
        ({"jsonrpc": "2.0", "error": {"code": -32000, "message": "nonce too low"}}, "nonce too low"),
        ({"jsonrpc": "2.0", "error": {"data": "0xdeadbeef"}}, "of none of our contracts"),
        ({"topics": "0x"}, "no list"),
        ({"topics": [1]}, "no list"),
        ({"topics": ["0x12"]}, "has not 32 bytes"),
        ({"topics": ["0xzz"]}, "hex digits"),
        ({"topics": ["0x" + "ab" * 32], "data": "0x"}, "none of these 1 logs is of our contracts"),
        ({"topics": []}, "without topics"),
        (CUT, "is it cut off"),
        ({**granted(), "topics": granted()["topics"][:2]}, "other topics or data"),
        ({**granted(), "data": "nothing"}, "hex digits"),
        ({**granted(), "blockNumber": "soon"}, "blockNumber is no number"),
        ({**granted(), "blockNumber": 1.5}, "blockNumber is no number"),
        (receipt("log"), "log 1 of the value is not an object"),
        ({"input": "0xdeadbeef"}, "calls no function of our contracts"),
    ],
    ids=str,
)
def test_json__that_is_nothing_of_ours__says_what_is_wrong(value: Any, said: str) -> None:
    with pytest.raises(InputError) as refused:
        told(value)
    assert said in str(refused.value)


def test_command__file_and_standard_input__say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(receipt(denied())))
    assert run(["explain", str(file)]) == 0
    from_file = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(file.read_text()))
    assert run(["explain", "-"]) == 0
    assert capsys.readouterr().out == from_file
    assert "  codeSays: code 30, PURPOSE_NOT_ALLOWED: " in from_file


def test_command__json_and_an_error__are_one_value_each(capsys: pytest.CaptureFixture[str]) -> None:
    output.use_json(on=True)
    try:
        assert run(["explain", json.dumps([granted()])]) == 0
        [value] = json.loads(capsys.readouterr().out)
        assert value["args"]["consentId"] == "0x" + "11" * 32
        assert run(["explain", "AccessRequested"]) == 2
        assert json.loads(capsys.readouterr().out)["error"] == "InputError"
    finally:
        output.use_json(on=False)
