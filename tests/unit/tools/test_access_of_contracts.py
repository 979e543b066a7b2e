"""The access matrix over the real contracts: a guard that is taken out is seen, whatever form it has."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.access import UnknownCheckError, page
from tools.artifacts import settings
from tools.gas import CONTRACTS

ROOT = Path(__file__).resolve().parents[3]

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
        file.relative_to(ROOT).as_posix(): {"content": file.read_text()}
        for file in sorted((ROOT / "contracts").rglob("*.sol"))
    }
    for name, line in cuts.values():
        source = sources[f"contracts/{name}"]
        assert line in source["content"], f"{name} changed: correct CUTS"
        source["content"] = source["content"].replace(line, "")
    chosen = {"remappings": settings()["remappings"], "outputSelection": {"*": {"": ["ast"]}}}
    request = {"language": "Solidity", "sources": sources, "settings": chosen}
    done = subprocess.run(
        [ROOT / "tools" / "solc", "--standard-json"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    answer = json.loads(done.stdout)
    assert not [error for error in answer.get("errors", []) if error["severity"] == "error"]
    found: dict[str, Any] = answer["sources"]
    return found


def test_page__guards_taken_out__are_all_named() -> None:
    with pytest.raises(UnknownCheckError) as caught:
        page(syntax(CUTS), CONTRACTS)
    named = str(caught.value).split(": ")[0].split(", ")
    assert set(CUTS) <= set(named)
    assert {name for name in named if name.startswith("Council.")} == {
        f"Council.{verb}" for verb in ("install", "addMember", "removeMember", "setThreshold", "setDelay")
    }
