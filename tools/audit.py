"""Runs slither over the contracts and holds its findings against the exceptions below: `make audit`.

Every finding has to be one of EXCEPTIONS, each with its reason; an exception that finds nothing any more is an error
too, so the list stays true. Standard library only: it runs in slither's own environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SLITHER = ROOT / ".venv-audit" / "bin" / "slither"
WORK = ROOT / ".cache" / "audit"


@dataclass(frozen=True)
class Finding:
    """One result: detector, `Contract.function` it is in, impact, and slither's own words."""

    detector: str
    where: str
    impact: str
    text: str


@dataclass(frozen=True)
class Allowed:
    """Findings of a detector in the functions named are right as they are, because of `reason`."""

    detector: str
    where: tuple[str, ...]
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is one of these."""
        return self.detector == finding.detector and any(fnmatch(finding.where, name) for name in self.where)


EXCEPTIONS: tuple[Allowed, ...] = (
    Allowed(
        "timestamp",
        ("*",),
        "Deadlines, sessions and delays last minutes to days and are compared with the block's time on purpose; a "
        "validator can shift it by seconds. The edges are tested second by second.",
    ),
    Allowed(
        "incorrect-equality",
        (
            "AccessGateway.*",
            "ParticipantRegistry.*",
            "SubjectRegistry.*",
            "RecordRegistry.*",
            "ConsentRegistry.*",
            "Council.approve",
            "Council.cancel",
        ),
        "Codes, states, seats, roots and clock hours are compared, and whether a time is set; no balance or sum that "
        "others can push past a value.",
    ),
    Allowed(
        "uninitialized-local",
        ("AccessGateway.*",),
        "Memory structs that start as zeros and are filled by unpack, or count from zero: `requestMany` fills the same "
        "one again for each item.",
    ),
    Allowed(
        "unused-return",
        ("AccessGateway._recover", "RecordRegistry._requireAttester", "TypedData._isSigned"),
        "`ECDSA.tryRecover` gives the zero address with an error, and the zero address operates and controls nothing; "
        "`_isSigned` reads the error and leaves its argument.",
    ),
    Allowed(
        "reentrancy-no-eth",
        ("AccessGateway.*", "SubjectRegistry.link", "SubjectRegistry.complete", "SubjectRegistry._start"),
        "Only contracts of the directory are called, they call nobody who could come back: AuditLog calls nobody, "
        "ParticipantRegistry asks the Council, ConsentRegistry.consume calls nobody. ERC-1271 wallets are asked by "
        "staticcall, which can not write.",
    ),
    Allowed("reentrancy-benign", ("AccessGateway.*", "SubjectRegistry.link"), "As reentrancy-no-eth."),
    Allowed(
        "reentrancy-events",
        ("AccessGateway.*", "Council.*", "SubjectRegistry.*"),
        "As reentrancy-no-eth; the Council's own state is complete before it calls, and events of one transaction keep "
        "their order.",
    ),
    Allowed(
        "calls-loop",
        ("AccessGateway.*", "ParticipantRegistry.*", "Council.*", "SubjectRegistry.*"),
        "A batch is one transaction whose size its sender chose; a bad item is skipped, nobody else chooses a callee. "
        "The Council executes its own list.",
    ),
    Allowed(
        "low-level-calls",
        ("Council.execute",),
        "A proposal calls what the members voted for; the result is checked and the reason carried on.",
    ),
    Allowed(
        "costly-loop",
        ("Council.removeMember", "Council._addMember"),
        "One `pop` and then `break`, and the founding members in the constructor; the list has at most 64.",
    ),
    Allowed(
        "missing-zero-check",
        ("ConsentRegistry.admitGateway",),
        "Only the Council's `install` calls it, with an account that has code.",
    ),
    Allowed(
        "divide-before-multiply",
        ("Calendar.*",),
        "Whole eras, years and months are meant: integer division is the algorithm, tested both ways.",
    ),
    Allowed(
        "assembly",
        (
            "StructHash.compute",
            "AccessLib.hash",
            "ConsentLib.hash",
            "Chains.*",
            "TypedData._agrees",
            "AccessSlot.tagOf",
        ),
        "Hashes words where they lie in memory instead of copying them, or asks a wallet and reads one word of its "
        "answer; memory-safe, equal to `abi.encode` by vectors.",
    ),
)


def main() -> int:
    """Run slither; 0 when every finding is explained and every explanation used."""
    if not SLITHER.exists():
        print("slither is not installed: run `make audit`, which installs it first", file=sys.stderr)
        return 2
    findings = run_slither()
    unexplained, unused = hold(findings, EXCEPTIONS)
    for one in EXCEPTIONS:
        count = sum(one.covers(finding) for finding in findings)
        print(f"{count:4} {one.detector}: {one.reason}")
    for finding in unexplained:
        print(f"\n{finding.impact}: {finding.detector} in {finding.where}\n{finding.text}", file=sys.stderr)
    for one in unused:
        print(f"\nNothing is found any more for {one.detector} in {', '.join(one.where)}: remove it", file=sys.stderr)
    if unexplained or unused:
        print(f"\n{len(unexplained)} findings to mend or to explain in tools/audit.py", file=sys.stderr)
        return 1
    print(f"slither: {len(findings)} findings, each with its reason")
    return 0


def hold(findings: Iterable[Finding], exceptions: Iterable[Allowed]) -> tuple[list[Finding], list[Allowed]]:
    """Findings no exception covers, and exceptions that cover none."""
    found, allowed = list(findings), list(exceptions)
    unexplained = [finding for finding in found if not any(one.covers(finding) for one in allowed)]
    return unexplained, [one for one in allowed if not any(one.covers(finding) for finding in found)]


def run_slither() -> list[Finding]:
    """Findings in our sources, from one compilation of every contract with foundry.toml's settings.

    Raises:
        SystemExit: slither itself failed.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    everything = WORK / "Everything.sol"
    imports = [f'import "{path.relative_to(ROOT).as_posix()}";' for path in sorted((ROOT / "contracts").glob("*.sol"))]
    everything.write_text("\n".join(["// SPDX-License-Identifier: Apache-2.0", "pragma solidity ^0.8.20;", *imports]))
    profile = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    options = f"--optimize --optimize-runs {profile['optimizer_runs']} --evm-version {profile['evm_version']}"
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        report = Path(folder) / "report.json"
        command: list[str | Path] = [
            SLITHER,
            everything.relative_to(ROOT),
            "--solc",
            "tools/solc",
            "--solc-args",
            options,
        ]
        command += ["--solc-remaps", " ".join(profile["remappings"]), "--filter-paths", "node_modules"]
        environment = os.environ | {"PATH": f"{ROOT}/.tools/node:{ROOT}/node_modules/.bin:{os.environ['PATH']}"}
        done = subprocess.run(
            [*command, "--json", report], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        answer: Mapping[str, Any] = json.loads(report.read_text()) if report.exists() else {}
    if not answer.get("success"):
        raise SystemExit(f"slither did not run:\n{done.stderr[-3000:]}")
    return [finding_of(result) for result in answer["results"].get("detectors", [])]


def finding_of(result: Mapping[str, Any]) -> Finding:
    """One entry of slither's JSON; `where` is the innermost function, or the contract."""
    first = result["elements"][0] if result["elements"] else {"name": "-", "type": "-"}
    return Finding(result["check"], _where(first), result["impact"], result["description"].strip())


def _where(element: Mapping[str, Any]) -> str:
    names: list[str] = []
    while element and element["type"] in {"function", "contract", "variable", "node"}:
        if element["type"] in {"function", "contract"}:
            names.insert(0, element["name"])
        element = element.get("type_specific_fields", {}).get("parent", {})
    return ".".join(names) or "-"


if __name__ == "__main__":
    sys.exit(main())
