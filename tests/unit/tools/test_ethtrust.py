"""docs/ethtrust.md: complete, and true where a machine can tell."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from tools.gas import CONTRACTS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "ethtrust.md").read_text()
ANSWERS = {"meets", "by override", "n/a", "partly", "no"}
LEVELS = {"Level S": 22, "Level M": 24, "Level Q": 24, "Recommended good practices": 11}
"""Requirements of version 3 of the specification, by level."""

FORBIDDEN = {
    "BALANCE": 0x31,
    "ORIGIN": 0x32,
    "SELFBALANCE": 0x47,
    "CALLCODE": 0xF2,
    "DELEGATECALL": 0xF4,
    "CREATE": 0xF0,
    "CREATE2": 0xF5,
    "SELFDESTRUCT": 0xFF,
}


def rows(section: str) -> list[list[str]]:
    """Cells of a section's table, without its head."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@cache
def sources() -> dict[str, str]:
    """Our Solidity by path, mocks left out."""
    files = (file for file in sorted((ROOT / "contracts").rglob("*.sol")) if "mocks" not in file.parts)
    return {file.relative_to(ROOT).as_posix(): file.read_text() for file in files}


@cache
def all_tests() -> str:
    """All tests, to look names up in."""
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tests").rglob("*.sol")]
    return "\n".join(file.read_text() for file in files)


def instructions(code: bytes) -> set[int]:
    """Opcodes of deployed code; pushed data and the compiler's metadata at the end are no code."""
    end = len(code) - int.from_bytes(code[-2:], "big") - 2
    found, at = set(), 0
    while at < end:
        found.add(code[at])
        at += 1 + (code[at] - 0x5F if 0x60 <= code[at] <= 0x7F else 0)
    return found


@pytest.mark.parametrize(("section", "count"), LEVELS.items())
def test_page__every_requirement__has_an_answer_and_a_place(section: str, count: int) -> None:
    table = rows(section)
    assert len({name for name, _, _ in table}) == len(table) == count
    assert {answer for _, answer, _ in table} <= ANSWERS
    assert all(len(where) > 3 for _, _, where in table)


def test_page__what_it_names__exists() -> None:
    paths = re.findall(r"`((?:contracts|docs|tests|tools|snapshots|deployments)/[\w./-]*)`", PAGE)
    assert len(paths) > 30
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_page__tests_it_names__exist() -> None:
    named = set(re.findall(r"`(test(?:Fuzz)?_\w+)`", PAGE))
    assert len(named) > 30
    missing = [name for name in sorted(named) if not re.search(rf"\b(?:function|def) {name}\(", all_tests())]
    assert not missing


def test_page__special_code__has_its_reasons_file_by_file() -> None:
    kinds = ("assembly", "unchecked {", "block.number", "block.timestamp")
    found = {(what.removesuffix(" {"), path) for path, text in sources().items() for what in kinds if what in text}
    told = [(what.strip("`"), path.strip("`")) for what, path, _ in rows("Special code")]
    assert len(told) == len(set(told))
    assert set(told) == found


@pytest.mark.parametrize("contract", CONTRACTS)
def test_bytecode__forbidden_instructions__are_absent(contract: str) -> None:
    artifact = json.loads((ROOT / "salus" / "artifacts" / f"{contract}.json").read_text())
    used = instructions(bytes.fromhex(artifact["deployedBytecode"][2:]))
    assert 0x55 in used, "no SSTORE: this is not the code of a contract"
    assert not {name for name, opcode in FORBIDDEN.items() if opcode in used}


def test_instructions__pushed_bytes_and_metadata__are_no_code() -> None:
    metadata = b"\xff" * 5 + (5).to_bytes(2, "big")
    assert instructions(b"\x60\xff\x7f" + b"\xf4" * 32 + b"\x32" + metadata) == {0x60, 0x7F, 0x32}


def test_sources__packed_encoding__is_absent() -> None:
    assert not [path for path, text in sources().items() if "encodePacked" in text]


def test_sources__characters__are_plain() -> None:
    """ASCII, and the ellipsis in comments: nothing that turns or resembles."""
    for path, text in sources().items():
        code = "\n".join(re.sub(r"//.*", "", line) for line in text.splitlines())
        assert code.isascii(), path
        assert {letter for letter in text if not letter.isascii()} <= {"…"}, path


def test_sources__every_contract__pins_its_compiler_and_licence() -> None:
    version = json.loads((ROOT / "package.json").read_text())["devDependencies"]["solc"]
    for contract in CONTRACTS:
        text = sources()[f"contracts/{contract}.sol"]
        assert f"pragma solidity {version};" in text
        assert text.startswith("// SPDX-License-Identifier: Apache-2.0\n")
