"""What a command says after "it is there already": advice of the very raise, not the common words of its kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.app import run
from salus.core.errors import ConflictError

ROOT = Path(__file__).resolve().parents[3]
SHOWN = (
    *("cli", "devnet", "salus/flows", "salus/adapters/keys", "salus/adapters/chain/deployer.py"),
    *("salus/adapters/period_keys.py", "salus/adapters/snapshot_file.py", "custodian/unnamed.py"),
)
"""Where conflicts are raised that a command shows as they are. Those of services go to programs, by HTTP."""


def _raises() -> Iterator[tuple[str, ast.Call]]:
    for place in SHOWN:
        path = ROOT / place
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Raise) and isinstance(call := node.exc, ast.Call):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", call


def test_conflicts__that_commands_show__say_what_to_do() -> None:
    found = {
        where: {keyword.arg for keyword in call.keywords}
        for where, call in _raises()
        if isinstance(call.func, ast.Name) and call.func.id == ConflictError.__name__
    }
    assert len(found) > 20
    assert [where for where, given in found.items() if "advice" not in given] == []


def test_run__file_that_is_no_place_to_write__says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "/proc/none/day.hl7"]) == 8
    said = capsys.readouterr().err
    assert said.startswith("salus: cannot use /proc/none")
    assert said.endswith("  Name another place, or give this account the right to it.\n")
