"""The condition under which a guard is asked: what stands around it, and the ways out before it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from tests.unit.tools.solidity import ROOT, compiled
from tools.access import guards_of
from tools.guards import Guard, joined
from tools.solidity_ast import Sources

HEAD = """
pragma solidity ^0.8.20;
library Refusal { uint8 internal constant NONE = 0; uint8 internal constant OTHER = 3; }
abstract contract Small {
    address internal owner;
    address internal council;
    mapping(address => bool) internal isMember;
    bool internal closed;
    uint256 internal count;

    error NotOwner();
    error NotMember();
    error Closed();
    error Refused(uint8 refusal);

    modifier onlyOwner() { if (msg.sender != owner) revert NotOwner(); _; }
    modifier ownerIfClosed() { if (closed) { if (msg.sender != owner) revert NotOwner(); } _; }
    modifier ifClosed() { if (closed) { _; } }
    modifier unlessClosed() { if (closed) return; _; }
    modifier afterwards() { _; if (msg.sender != owner) revert NotOwner(); }
"""


@cache
def tree() -> Sources:
    contracts = [f"contract Small{number} is Small {{ {text} }}" for number, text in enumerate(CASES)]
    text = HEAD + "}\n" + "\n".join(contracts)
    return Sources(compiled({"contracts/Small.sol": text}, outputSelection={"*": {"": ["ast"]}}))


def guards(text: str) -> list[Guard]:
    """Guards of the function `verb` of one of CASES."""
    return guards_of(tree(), f"Small{list(CASES).index(text)}")["verb"].guards


Expected = Sequence[tuple[str, str]]
"""For each guard: what has to hold for it to be asked, and its condition."""
OWNER, MEMBER = "msg.sender != owner", "!isMember[msg.sender]"
FIRST = "if (msg.sender != owner) revert NotOwner();"
SECOND = "if (!isMember[msg.sender]) revert NotMember();"


def verb(body: str, more: str = "", modifiers: str = "") -> str:
    return f"function verb(uint256 most) external {modifiers} {{ {body} count = most; }} {more}"


BRANCHES: dict[str, Expected] = {
    verb(FIRST): [("", OWNER)],
    verb(f"if (closed) {{ {FIRST} }}"): [("closed", OWNER)],
    verb(f"if (closed) {{ if (count == 0) {FIRST} }}"): [("closed && count == 0", OWNER)],
    verb(f"if (closed) ++count; else {FIRST}"): [("!closed", OWNER)],
    verb(f"if (count == 0) ++count; else {FIRST}"): [("count != 0", OWNER)],
    verb(f"if (!closed) ++count; else {FIRST}"): [("closed", OWNER)],
    verb(f"if (closed || count == 0) ++count; else {FIRST}"): [("!(closed || count == 0)", OWNER)],
    verb(f"if (closed) ++count; else if (count < 2) ++count; else {FIRST}"): [("!closed && count >= 2", OWNER)],
    verb("if (msg.sender != owner) { if (closed) revert NotOwner(); }"): [(OWNER, "closed")],
    verb("if (msg.sender == owner) ++count; else revert NotOwner();"): [("", OWNER)],
    verb(f"if (msg.sender != owner) {{ {SECOND} }} else {{ ++count; }}"): [(OWNER, MEMBER)],
    verb(f"bool shut = count != 0; if (shut) {FIRST}"): [("(count != 0)", OWNER)],
    verb("if (closed) revert Closed();"): [],
}
WAYS_OUT: dict[str, Expected] = {
    verb(f"if (closed) return; {FIRST}"): [("!closed", OWNER)],
    verb(f"if (closed) {{ if (count == 0) return; ++count; }} {FIRST}"): [("!(closed && count == 0)", OWNER)],
    verb(f"if (closed) {{ if (count == 0) return; {FIRST} }}"): [("closed && count != 0", OWNER)],
    verb(f"if (closed) {{ ++count; }} else {{ return; }} {FIRST}"): [("closed", OWNER)],
    verb(f"if (closed) revert Closed(); {FIRST}"): [("", OWNER)],
    verb("if (msg.sender == owner) return; revert NotOwner();"): [("", OWNER)],
    verb("if (isMember[msg.sender]) return; if (closed) return; revert NotMember();"): [(MEMBER, "!closed")],
    verb(f"{FIRST} if (closed) return;"): [("", OWNER)],
}
CALLED: dict[str, Expected] = {
    verb(f"touch(); {FIRST}", "function touch() private { if (closed) return; ++count; }"): [("", OWNER)],
    verb("if (closed) check(most);", f"function check(uint256 n) private view {{ if (count > n) return; {FIRST} }}"): [
        ("closed && count <= most", OWNER)
    ],
    verb("if (closed) inner();", "function inner() private onlyOwner { ++count; }"): [("closed", OWNER)],
}
MODIFIERS: dict[str, Expected] = {
    verb(SECOND, modifiers="onlyOwner"): [("", OWNER), ("", MEMBER)],
    verb(SECOND, modifiers="ownerIfClosed"): [("closed", OWNER), ("", MEMBER)],
    verb(SECOND, modifiers="ifClosed"): [("closed", MEMBER)],
    verb(SECOND, modifiers="unlessClosed"): [("!closed", MEMBER)],
    verb(SECOND, modifiers="afterwards"): [("", MEMBER), ("", OWNER)],
    verb(SECOND, modifiers="ifClosed onlyOwner"): [("closed", OWNER), ("closed", MEMBER)],
    # Not a recursion: the modifier is around two functions.
    verb("inner();", f"function inner() private onlyOwner {{ {SECOND} }}", "onlyOwner"): [("", OWNER), ("", MEMBER)],
}
LOOPS: dict[str, Expected] = {
    verb(f"for (uint256 i = 0; i < most; ++i) {{ {FIRST} }}"): [("i < most", OWNER)],
    verb(f"while (count < most) {{ {FIRST} ++count; }}"): [("count < most", OWNER)],
    verb(f"do {{ {FIRST} ++count; }} while (count < most);"): [("", OWNER)],
    verb(f"for (;;) {{ if (closed) break; {FIRST} }}"): [("!closed", OWNER)],
    verb(f"for (uint256 i = 0; i < most; ++i) {{ if (i == 2) continue; {FIRST} }}"): [("i < most && i != 2", OWNER)],
    verb(f"for (uint256 i = 0; i < most; ++i) {{ if (i == 2) break; }} {FIRST}"): [("", OWNER)],
    verb(f"while (count < most) {{ if (closed) return; }} {FIRST}"): [("!(count < most && closed)", OWNER)],
    verb(f"uint256 left = 9; while (left > most) {{ left -= 2; }} if (left == 0) {FIRST}"): [("left == 0", OWNER)],
    verb(f"uint256 left = 9; while (left > most) {{ {FIRST} --left; }}"): [("left > most", OWNER)],
}
OWNED = f"function owned() private view returns (bool) {{ {FIRST} return true; }}"
SHORT_CIRCUITS: dict[str, Expected] = {
    verb("if (closed && owned()) ++count;", OWNED): [("closed", OWNER)],
    verb("if (closed || owned()) ++count;", OWNED): [("!closed", OWNER)],
    verb("if (count == 0 ? owned() : closed) ++count;", OWNED): [("count == 0", OWNER)],
    verb("if (count == 0 ? closed : owned()) ++count;", OWNED): [("count != 0", OWNER)],
}
REQUIRED = verb('if (closed) require(msg.sender == owner, "not the owner"); require(isMember[msg.sender]);')
CHOSEN = verb(
    "uint8 refusal = chosen(); if (refusal != Refusal.NONE) revert Refused(refusal);",
    """function chosen() private view returns (uint8 refusal) {
        if (closed) refusal = msg.sender != owner ? Refusal.OTHER : Refusal.NONE;
    }""",
)
TABLES = (BRANCHES, WAYS_OUT, CALLED, MODIFIERS, LOOPS, SHORT_CIRCUITS)
CASES = [*(text for table in TABLES for text in table), REQUIRED, CHOSEN]
"""Texts of all small contracts: compiled at once, for the compiler takes a second to start."""


@pytest.mark.parametrize(("text", "expected"), [case for table in TABLES for case in table.items()])
def test_guard__with_something_around_it__says_when_it_is_asked(text: str, expected: Expected) -> None:
    assert [(joined(guard.given), guard.condition) for guard in guards(text)] == expected


def test_guard__require__refuses_when_it_does_not_hold() -> None:
    assert guards(REQUIRED) == [Guard(OWNER, ('"not the owner"',), ("closed",)), Guard(MEMBER, ("require",))]


def test_guard__refusal_chosen_by_an_expression__has_its_condition() -> None:
    assert guards(CHOSEN)[0] == Guard(OWNER, ("Refusal.OTHER",), ("closed",))


def cells(row: str) -> Sequence[str]:
    return [cell.strip() for cell in row.strip("| \n").split(" | ")]


@pytest.mark.parametrize(
    ("verb", "given", "refusal"),
    [
        ("recover", "`msg.sender != address(council)`", "SubjectRegistryNotSource"),
        ("recover", "`_pending[rotation.subjectRef].readyAt != 0`", "SubjectRegistryChangePending"),
        ("link", "`_subjects[link_.survivor].controller != address(0)`", "SubjectRegistryInvalidSignature"),
        ("unlink", "`_subjects[unlink_.by].controller != address(0)`", "SubjectRegistryInvalidSignature"),
    ],
)
def test_page__guard_that_is_not_for_everybody__says_for_whom(verb: str, given: str, refusal: str) -> None:
    lines = (ROOT / "docs" / "access-matrix.md").read_text().split("### SubjectRegistry\n")[1].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| `{verb}`"))
    of_verb = [lines[start]]
    for line in lines[start + 1 :]:
        if not line.startswith("| |"):
            break
        of_verb.append(line)
    assert [line for line in of_verb if f"| {given} |" in line and cells(line)[-1] == refusal]


def test_page__function_without_a_condition__leaves_the_column_empty() -> None:
    assert "| `consume` | | `msg.sender != gateway` |" in (ROOT / "docs" / "access-matrix.md").read_text()
