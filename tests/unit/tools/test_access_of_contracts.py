"""The access matrix over the real contracts: a guard that is taken out is seen, whatever form it has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.tools.solidity import ROOT, compiled
from tools.access import UnknownCheckError, page
from tools.artifacts import settings
from tools.gas import CONTRACTS

CUTS = {
    "AuditLog.append": ("AuditLog.sol", "if (!isWriter[msg.sender]) revert AuditLogNotWriter(msg.sender);"),
    "ConsentRegistry.consume": (
        "ConsentRegistry.sol",
        "if (msg.sender != gateway) revert ConsentRegistryNotGateway(msg.sender);",
    ),
    "SubjectRegistry.veto": (
        "SubjectRegistry.sol",
        "_requireSigned(ref, _subjects[ref].controller, SubjectLib.hash(veto_), signature);",
    ),
    "AccessGateway.freeze": (
        "AccessGateway.sol",
        "if (supervisor == 0) revert AccessGatewayNotSupervisor(msg.sender);",
    ),
    "Council.install": ("Council.sol", "if (msg.sender != address(this)) revert CouncilOnlyItself(msg.sender);"),
}
"""A function, and the line that guards it: a plain check, a signature, an inner function, a modifier."""


def syntax(cuts: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """AST of all contracts with some lines taken out."""
    sources = {
        file.relative_to(ROOT).as_posix(): file.read_text() for file in sorted((ROOT / "contracts").rglob("*.sol"))
    }
    for name, line in cuts.values():
        path = f"contracts/{name}"
        assert line in sources[path], f"{name} changed: correct CUTS"
        sources[path] = sources[path].replace(line, "")
    return compiled(sources, remappings=settings()["remappings"], outputSelection={"*": {"": ["ast"]}})


def test_page__guards_taken_out__are_all_named() -> None:
    with pytest.raises(UnknownCheckError) as caught:
        page(syntax(CUTS), CONTRACTS)
    named = str(caught.value).split(": ")[0].split(", ")
    assert set(CUTS) <= set(named)
    assert {name for name in named if name.startswith("Council.")} == {
        f"Council.{verb}" for verb in ("install", "addMember", "removeMember", "setThreshold", "setDelay")
    }
