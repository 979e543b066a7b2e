"""Keeps snapshots/ and docs/access-matrix.md: what a change of the contracts changes for everybody else.

    python -m tools.snapshots           write them
    python -m tools.snapshots --check   exit 1 if one differs from what the sources say

snapshots/abi/ has a line per function, event and error with selector or topic; snapshots/storage/ a line per variable;
snapshots/gas.txt a line per call. They are made to be read in a diff.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eth_utils.abi import abi_to_signature

from salus.core.hashing import keccak
from tools import access, gas
from tools.artifacts import compile_all, settings

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "snapshots"
MATRIX = ROOT / "docs" / "access-matrix.md"
_SHOWN_LINES = 20

Json = dict[str, Any]


def abi_page(contract: str, abi: list[Json]) -> str:
    """One line per element: selector or topic, then what a caller must know of it."""
    rows = sorted(_abi_line(element) for element in abi)
    return "\n".join([f"# ABI of {contract}. Written by `make snapshots`.", *rows]) + "\n"


def storage_page(contract: str, layout: Json) -> str:
    """One line per variable (slot, byte in the slot, bytes, type, name), then the structs they are made of."""
    lines = [f"# Storage of {contract}: slot, offset, bytes, type, name. Written by `make snapshots`."]
    lines += _variables(layout["storage"], layout["types"])
    structs = {kind["label"]: kind["members"] for kind in (layout["types"] or {}).values() if "members" in kind}
    for label, members in sorted(structs.items()):
        lines += ["", f"{label} (slots from its own start)", *_variables(members, layout["types"])]
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Every file this tool keeps."""
    answer = compile_all(settings())
    contracts = {name: answer["contracts"][f"contracts/{name}.sol"][name] for name in gas.CONTRACTS}
    texts = {FOLDER / "abi" / f"{name}.txt": abi_page(name, contract["abi"]) for name, contract in contracts.items()}
    texts |= {
        FOLDER / "storage" / f"{name}.txt": storage_page(name, contract["storageLayout"])
        for name, contract in contracts.items()
    }
    texts[FOLDER / "gas.txt"] = gas.page(gas.measure())
    texts[MATRIX] = access.page(answer["sources"], gas.CONTRACTS)
    return texts


def drift(texts: dict[Path, str]) -> Iterator[str]:
    """A line for each file that is missing, stale or left over, with the first lines that differ."""
    leftover = {file for file in FOLDER.rglob("*.txt") if file not in texts}
    yield from (f"{_name(file)} has no contract any more" for file in sorted(leftover))
    for file, text in texts.items():
        if not file.exists():
            yield f"{_name(file)} is missing"
        elif (present := file.read_text()) != text:
            yield f"{_name(file)} is stale"
            lines = difflib.unified_diff(present.splitlines(), text.splitlines(), "committed", "now", lineterm="", n=0)
            yield from [f"    {line}" for line in lines][:_SHOWN_LINES]


def write(texts: dict[Path, str]) -> None:
    """Write every file, and remove those whose contract is gone."""
    for file in set(FOLDER.rglob("*.txt")) - texts.keys():
        file.unlink()
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args(arguments).check
    texts = pages()
    if not check:
        write(texts)
        print(f"{len(texts)} snapshots of {len(gas.CONTRACTS)} contracts")
        return 0
    if differences := list(drift(texts)):
        print("\n".join(differences), file=sys.stderr)
        print(
            "The contracts changed for their callers: run `make snapshots`, read the diff, commit it", file=sys.stderr
        )
        return 1
    print(f"{len(texts)} snapshots match")
    return 0


def _abi_line(element: Json) -> str:
    kind = element["type"]
    shown = f"{element.get('name', kind)}({_parameters(element['inputs'])})"
    if kind == "constructor":
        return f"constructor{'':55} {shown}"
    digest = keccak(abi_to_signature(element).encode())  # type: ignore[arg-type] # an artifact's element is an ABI element
    if kind == "function":
        returned = f" returns ({_parameters(element['outputs'])})" if element["outputs"] else ""
        return f"function 0x{digest[:4].hex()} {element['stateMutability']} {shown}{returned}"
    return f"{kind} 0x{(digest if kind == 'event' else digest[:4]).hex()} {shown}"


def _parameters(items: list[Json]) -> str:
    return ", ".join(
        " ".join(part for part in (_type(item), "indexed" if item.get("indexed") else "", item["name"]) if part)
        for item in items
    )


def _type(item: Json) -> str:
    if not item["type"].startswith("tuple"):
        return str(item["type"])
    inner = ", ".join(f"{_type(member)} {member['name']}" for member in item["components"])
    return f"{item['internalType'].removeprefix('struct ').split('[')[0]}({inner}){item['type'].removeprefix('tuple')}"


def _variables(variables: list[Json], types: Json) -> list[str]:
    return [
        f"{item['slot']:>4} {item['offset']:>2} {types[item['type']]['numberOfBytes']:>4}  "
        f"{types[item['type']]['label']}  {item['label']}"
        for item in variables
    ]


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


if __name__ == "__main__":
    sys.exit(main())
