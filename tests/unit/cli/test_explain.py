"""`salus explain`: numbers, names and bytes, and what is none of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from eth_abi import encode

from cli import output
from cli.commands.explain import explain, meanings
from salus.adapters.chain.abi import abi_of
from salus.adapters.chain.artifacts import load, names
from salus.adapters.chain.lexicon import contracts
from salus.core.audit import EntryKind
from salus.core.codes import Code
from salus.core.errors import InputError
from salus.core.hashing import keccak
from salus.core.ids import ZERO32, Address, ParticipantId, role_id
from salus.core.refusals import Refusal
from salus.core.words_for_people import KINDS
from tests.vectors.samples import access, consent

COUNCIL = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
NEW = Address("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512")


def error(signature: str, kinds: list[str], *values: Any) -> str:
    """Revert data of a custom error."""
    return "0x" + (keccak(signature.encode())[:4] + encode(kinds, values)).hex()


def call(contract: str, function: str, *args: Any) -> bytes:
    return abi_of(contract).function(function).encode(args)


def told(what: str) -> list[tuple[str, str]]:
    return [(meaning.kind, meaning.says) for meaning in meanings(what)]


def test_number__of_three_tables__all_are_told() -> None:
    assert [kind for kind, _ in told("10")] == ["code", "entry", "refusal"]
    assert told("30")[0][1].startswith("code 30, PURPOSE_NOT_ALLOWED: ")
    assert told("44") == [
        ("entry", "log entry of kind 44, LOG_ANCHORED; its patient reads: " + KINDS[EntryKind.LOG_ANCHORED].en)
    ]


@pytest.mark.parametrize("member", [*Code, *EntryKind, *Refusal], ids=lambda one: f"{type(one).__name__}.{one.name}")
def test_name__of_every_table__is_explained(member: Any) -> None:
    found = [meaning for meaning in meanings(member.name.lower()) if meaning.details["number"] == member]
    assert found
    assert all(len(meaning.says.split(": ")[1]) > 8 for meaning in found)


def test_name__shared_by_code_and_entry__both_are_told() -> None:
    shared = Code.__members__.keys() & EntryKind.__members__.keys()
    assert shared, "nothing to test any more"
    for name in shared:
        assert {"code", "entry"} <= {kind for kind, _ in told(name)}


def test_name__of_a_custom_error__has_its_contract() -> None:
    assert told("CouncilDelayed")[0][0] == "error"
    assert told("CouncilDelayed")[0][1].endswith(" of Council")


def test_name__of_an_event__has_its_contract_and_parameters() -> None:
    [meaning] = meanings("consentgranted")
    assert (meaning.kind, meaning.details["contract"]) == ("event", "ConsentRegistry")
    assert meaning.says == (
        "event ConsentGranted(address holder, bytes32 consentId, uint64 epoch, uint32 maxUses) of ConsentRegistry"
    )
    assert meaning.details["parameters"]["maxUses"] == "uint32"


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (("AccessDenied", "30"), ["event", "code"]),
        (("AccessGatewayRefused", "5"), ["error", "refusal"]),
        (("AccessGatewayNotGranted", "20", "30"), ["error", "code", "code"]),
        (("Appended", "1"), ["event", "code", "entry"]),
        (("MemberAdded", "10"), ["event", "code", "entry", "refusal"]),
        (("RECORD_RETENTION_OVER", "154"), ["code", "code"]),
        (("AccessGatewayRefused", "44"), ["error", "entry"]),
    ],
)
def test_words__a_number_after_a_name__is_of_a_table_of_its_parameters(
    words: tuple[str, ...], kinds: list[str]
) -> None:
    assert [meaning.kind for meaning in meanings(*words)] == kinds


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("AccessRequested", "near to it: AccessRe"),
        ("ConsentRefused", "near to it: "),
        ("CONSENT_REVOKE", "near to it: CONSENT_REVOKED"),
        ("Qqqqqq", "no code, entry kind, refusal, error or event by name, and no file"),
        ("9999", "the number of no code"),
        ("0x" + "ab" * 32, "give its receipt"),
        ("0xdeadbeef", "another deployment's version"),
    ],
)
def test_word__unknown__is_told_with_what_is_near(word: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        meanings(word, "154")


def test_revert__refusal_of_the_gateway__says_which() -> None:
    data = error("AccessGatewayRefused(bytes32,uint8)", ["bytes32", "uint8"], b"\x11" * 32, 5)
    [meaning] = meanings(data)
    assert meaning.kind == "revert"
    assert meaning.details["args"]["refusalSays"].startswith("refusal 5, QUOTA_USED_UP: ")
    assert any("QUOTA_USED_UP" in line for line in meaning.lines())


def test_revert__missing_role__says_which() -> None:
    data = error("AccessGatewayMissingContract(bytes32)", ["bytes32"], role_id("AuditLog"))
    assert meanings(data)[0].details["args"]["roleSays"] == "directory role of AuditLog"


def test_revert__code_of_a_denied_access__says_which() -> None:
    data = error("AccessGatewayNotGranted(bytes32,uint16)", ["bytes32", "uint16"], b"\x11" * 32, 20)
    assert meanings(data)[0].details["args"]["codeSays"].startswith("code 20, CONSENT_REVOKED: ")


def test_revert__inside_a_proposal__the_cause_is_read_too() -> None:
    inner = error("AuditLogNotWriter(address)", ["address"], NEW)
    data = error(
        "CouncilCallFailed(bytes32,uint256,bytes)",
        ["bytes32", "uint256", "bytes"],
        b"\x11" * 32,
        0,
        bytes.fromhex(inner[2:]),
    )
    assert meanings(data)[0].details["args"]["cause"] == f"AuditLogNotWriter(caller={NEW})"


def test_revert__panic_and_text__are_read() -> None:
    assert "overflow" in told("0x4e487b71" + "11".rjust(64, "0"))[0][1]
    assert "no way" in told(error("Error(string)", ["string"], "no way"))[0][1]


def test_revert__every_error_of_every_contract__is_recognised_by_its_selector() -> None:
    for contract in contracts():
        for selector, found in abi_of(contract).errors.items():
            assert ("error", True) in [(kind, found.name in says) for kind, says in told("0x" + selector.hex())]


def test_call__every_function__is_decoded_to_what_was_encoded() -> None:
    """Zero arguments for each: the widths and nesting of all types are walked."""
    for contract in contracts():
        for element in load(contract).abi:
            if element["type"] == "function":
                data = call(contract, element["name"], *(zero(item) for item in element["inputs"]))
                found = [(one.details["contract"], one.details["function"]) for one in calls_of(data)]
                assert (contract, element["name"]) in found


def calls_of(data: bytes) -> list[Any]:
    return [meaning for meaning in meanings("0x" + data.hex()) if meaning.kind == "call"]


def zero(item: dict[str, Any]) -> Any:
    kind: str = item["type"]
    if kind.endswith("[]"):
        return []
    if kind.endswith("]"):
        return [zero({**item, "type": kind[: kind.rindex("[")]}) for _ in range(int(kind[kind.rindex("[") + 1 : -1]))]
    if kind == "tuple":
        return tuple(zero(part) for part in item["components"])
    if kind == "address":
        return "0x" + "00" * 20
    if kind == "bool":
        return False
    return 0 if "int" in kind else bytes(int(kind[5:] or 0))


def test_call__proposal__says_what_each_call_does() -> None:
    install = call("Council", "install", role_id("AccessGateway"), NEW)
    admit = call("ParticipantRegistry", "admit", b"\x22" * 32, (3, 1_800_000_000, 100))
    data = call("Council", "propose", [(COUNCIL, install), (NEW, admit)], ZERO32)
    [meaning] = meanings("0x" + data.hex())
    first, second = meaning.details["args"]["calls"]
    assert first["target"] == COUNCIL
    assert (first["does"]["contract"], first["does"]["function"]) == ("Council", "install")
    assert second["does"]["args"]["terms"] == {"roles": 3, "accreditedUntil": 1_800_000_000, "hourlyQuota": 100}
    lines = "\n".join(meaning.lines())
    assert "calls 2:" in lines
    assert "function: admit" in lines


def test_call__proposal_with_foreign_calldata__shows_the_bytes() -> None:
    data = call("Council", "propose", [(COUNCIL, b"\xde\xad\xbe\xef")], ZERO32)
    [meaning] = meanings("0x" + data.hex())
    assert meaning.details["args"]["calls"][0]["callData"] == b"\xde\xad\xbe\xef"


def test_call__request__unpacks_consent_and_access() -> None:
    asked, given = access(), consent()
    data = call("AccessGateway", "request", given.to_words(), asked.to_words())
    args = meanings("0x" + data.hex())[0].details["args"]
    assert args["access"] == asked.to_json()
    assert args["consent"] == given.to_json()


def test_call__request_with_bits_above_a_field__shows_the_words() -> None:
    *words, salt = access().to_words()
    words[6] = 1 << 200
    data = call("AccessGateway", "request", consent().to_words(), (*words, salt))
    assert meanings("0x" + data.hex())[0].details["args"]["access"]["deadline"] == 1 << 200


def test_call__one_byte_more_or_less__is_no_call() -> None:
    data = call("AuditLog", "admitWriter", NEW)
    for changed in (data + b"\0", data[:-1]):
        with pytest.raises(InputError):
            meanings("0x" + changed.hex())


def test_topic__of_every_event__is_named() -> None:
    for contract in contracts():
        for topic, event in abi_of(contract).events.items():
            assert any(event.name in says and contract in says for _, says in told("0x" + topic.hex()))


def test_role__of_the_directory__is_named() -> None:
    assert told("0x" + role_id("ConsentRegistry").hex()) == [("role", "directory role of ConsentRegistry")]


@pytest.mark.parametrize(
    "what",
    ["", "0x", "0x1", "0xzz", "9999", "NO_SUCH_NAME", "0xdeadbeef", "0x" + "ab" * 32, "0x" + "ab" * 100, "-1", "1.5"],
)
def test_nothing_known__is_an_input_error(what: str) -> None:
    with pytest.raises(InputError):
        meanings(what)


def test_command__json__is_one_list(capsys: pytest.CaptureFixture[str]) -> None:
    output.use_json(on=True)
    try:
        explain(["0x" + call("AuditLog", "append", ParticipantId(b"\x01" * 32), 1, 2, b"\x03" * 32).hex()])
    finally:
        output.use_json(on=False)
    [value] = json.loads(capsys.readouterr().out)
    assert value["kind"] == "call"
    assert value["args"]["kind"] == 1
    assert value["args"]["key"] == "0x" + "01" * 32


def test_command__for_people__is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    explain(["CONSENT_REVOKED"])
    assert capsys.readouterr().out.startswith("code 20, CONSENT_REVOKED: ")


def test_contracts__of_the_lexicon__are_those_with_code() -> None:
    assert set(contracts()) < set(names())
    assert "Council" in contracts()
    assert "ICouncil" not in contracts()
