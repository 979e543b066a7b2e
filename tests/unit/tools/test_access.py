"""The access matrix: what the walk finds in a small contract, and what it refuses to pass over."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.tools.solidity import ROOT, compiled
from tools.access import UnknownCheckError, guards_of, page, roles_of
from tools.guards import Found, Guard
from tools.solidity_ast import Sources

SOURCE = """
pragma solidity ^0.8.20;

library Refusal { uint8 internal constant NONE = 0; uint8 internal constant NOT_OPERATOR = 3; }

interface IParticipants {
    function actingFor(address who, uint16 roles) external view returns (bytes32);
    function callerOf(address who) external view returns (bytes32);
}

library ParticipantRole { uint16 internal constant SOURCE = 1; }

contract Small {
    IParticipants private immutable participants;
    address internal immutable council;
    mapping(address => uint256) private _seats;
    uint256 public count;
    address private _last;

    error NotMember(address who);
    error NotSource(bytes32 found);
    error Bad(address who);
    error Refused(uint8 refusal);

    constructor(IParticipants p, address c) { participants = p; council = c; }

    modifier onlyMember() { if (!isMember(msg.sender)) revert NotMember(msg.sender); _; }

    function voted() external onlyMember { ++count; }

    function isMember(address who) public view returns (bool) { return _seats[who] != 0; }

    function open() external { ++count; _last = msg.sender; }

    function looksOnly() external { count = isMember(msg.sender) ? 1 : 2; }

    function anchored(bytes32 sourceId) external {
        bytes32 acting = _acting(ParticipantRole.SOURCE);
        if (acting != sourceId) revert NotSource(acting);
        ++count;
    }

    function granted(address holder, bytes calldata signature) external {
        if (!_isSigned(holder, signature)) revert Bad(holder);
        ++count;
    }

    function many(address[] calldata senders) external {
        for (uint256 i = 0; i < senders.length; ++i) {
            uint8 refusal = _refusalOf(participants.callerOf(msg.sender), i);
            if (refusal != Refusal.NONE) revert Refused(refusal);
        }
        ++count;
    }

    function _refusalOf(bytes32 caller, uint256 i) private pure returns (uint8) {
        if (caller == bytes32(i)) return Refusal.NOT_OPERATOR;
        return Refusal.NONE;
    }

    function _acting(uint16 role) private view returns (bytes32 acting) {
        acting = participants.actingFor(msg.sender, role);
        if (acting == 0) revert NotSource(acting);
    }

    function flagged(bytes32 sourceId) external {
        bool byCouncil = msg.sender == council;
        if (!byCouncil && _acting(ParticipantRole.SOURCE) != sourceId) revert NotSource(sourceId);
        ++count;
    }

    function _isSigned(address who, bytes calldata signature) internal view returns (bool) {
        return signature.length == 0 ? msg.sender == who : count == 0;
    }
}

contract Caller {
    IParticipants private immutable participants;

    constructor(IParticipants p) { participants = p; }

    function asks() external view returns (bool) {
        return participants.actingFor(address(this), 1) != 0;
    }

    function pays(address payable who) external returns (bool done) {
        (done,) = who.call("");
    }

    function peeks(address who) external view returns (bool done) {
        assembly ("memory-safe") { done := staticcall(gas(), who, 0, 0, 0, 0) }
    }
}

contract Odd is Small {
    mapping(bytes32 => address) private _holders;

    constructor(IParticipants p, address c) Small(p, c) {}

    function either(bytes32 id, bytes calldata signature) external {
        address who = _holders[id];
        if (!_isSigned(who, signature)) {
            who = council;
            if (msg.sender != who) revert Bad(who);
        }
        ++count;
    }
}
"""


@pytest.fixture(scope="module")
def sources() -> dict[str, Any]:
    return compiled({"contracts/Small.sol": SOURCE}, outputSelection={"*": {"": ["ast"], "*": ["abi"]}})


@pytest.fixture(scope="module")
def found(sources: dict[str, Any]) -> dict[str, Found]:
    return guards_of(Sources(sources), "Small")


def test_guards__modifier__is_named_and_read(found: dict[str, Found]) -> None:
    voted = found["voted"]
    assert voted.modifiers == ["onlyMember"]
    assert voted.checks == ["_seats[msg.sender]"]
    assert voted.guards == [Guard("!isMember(msg.sender)", ("NotMember",))]


def test_guards__check_in_an_inner_function__has_the_callers_arguments(found: dict[str, Found]) -> None:
    anchored = found["anchored"]
    assert anchored.checks == ["participants.actingFor(msg.sender, ParticipantRole.SOURCE)"]
    assert [guard.condition for guard in anchored.guards] == [
        "participants.actingFor(msg.sender, ParticipantRole.SOURCE) == 0",
        "_acting(ParticipantRole.SOURCE) != sourceId",
    ]
    assert roles_of(anchored) == {"operator": "SOURCE sends"}


def test_guards__local_flag__is_written_out_in_brackets(found: dict[str, Found]) -> None:
    assert found["flagged"].guards == [
        Guard(
            "participants.actingFor(msg.sender, ParticipantRole.SOURCE) == 0",
            ("NotSource",),
            ("!(msg.sender == council)",),
        ),
        Guard("!(msg.sender == council) && _acting(ParticipantRole.SOURCE) != sourceId", ("NotSource",)),
    ]


def test_guards__second_chance__needs_both_to_fail(sources: dict[str, Any]) -> None:
    either = guards_of(Sources(sources), "Odd")["either"]
    assert either.guards == [Guard("msg.sender != council", ("Bad",), ("!_isSigned(_holders[id], …)",))]


def test_guards__refusal_returned_by_an_inner_function__is_a_guard(found: dict[str, Found]) -> None:
    many = found["many"]
    assert many.guards[0] == Guard(
        "participants.callerOf(msg.sender) == bytes32(i)", ("Refusal.NOT_OPERATOR",), ("i < senders.length",)
    )
    assert roles_of(many) == {"operator": "sends"}


def test_guards__sender_stored_only__is_no_check(found: dict[str, Found]) -> None:
    assert found["open"] == Found()


def test_guards__check_that_refuses_nothing__is_no_guard(found: dict[str, Found]) -> None:
    assert found["looksOnly"].checks
    assert not found["looksOnly"].guards


def test_page__calls_out__are_told_whatever_form_they_have(sources: dict[str, Any]) -> None:
    explained = {"Caller.pays": "…"}
    lines = [line for line in page(sources, ["Caller"], explained).splitlines() if line.startswith("| Caller |")]
    assert lines == [
        "| Caller | assembly | `staticcall` |",
        "| Caller | low level | `who.call` |",
        "| Caller | reads | `IParticipants.actingFor` |",
    ]


def test_page__unguarded_function_without_a_reason__is_an_error(sources: dict[str, Any]) -> None:
    with pytest.raises(UnknownCheckError, match=r"Small\.looksOnly, Small\.open"):
        page(sources, ["Small"], {})


def test_page__reason_for_a_guarded_function__is_an_error(sources: dict[str, Any]) -> None:
    explained = {"Small.open": "…", "Small.looksOnly": "…", "Small.voted": "…"}
    with pytest.raises(UnknownCheckError, match=r"Small\.voted"):
        page(sources, ["Small"], explained)


def test_page__check_no_rule_knows__is_an_error(sources: dict[str, Any]) -> None:
    explained = {"Small.open": "…", "Small.looksOnly": "…"}
    with pytest.raises(UnknownCheckError, match=r"_isSigned\(_holders\[id\], …\)"):
        page(sources, ["Odd"], explained)


def test_matrix__committed_page__opens_two_functions_only() -> None:
    """Reviewed by people: joining applies for oneself, completing ends what was authorised before."""
    committed = (ROOT / "docs" / "access-matrix.md").read_text()
    rows = [line.split(" | ") for line in committed.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows if len(row) > 5 and row[1] == "sends"] == [
        "| ParticipantRegistry.`applyToJoin`",
        "| SubjectRegistry.`complete`",
    ]
