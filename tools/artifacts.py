"""Compiles contracts/ and keeps the result in salus/artifacts/, so that running Salus needs no compiler.

    tools/artifacts.py           write the artifacts
    tools/artifacts.py --check   exit 1 if they differ from what the sources compile to

Each artifact is one JSON file with sorted keys: name, source, kind, ABI, both bytecodes, immutable and link references,
compiler and its settings, and a hash over every source the contract is made from. Interfaces and libraries are kept for
their errors and events; mocks and abstract contracts are not. The settings are read from foundry.toml.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
ARTIFACTS = ROOT / "salus" / "artifacts"
COMPILER = ROOT / "tools" / "solc"
KEPT = ROOT / ".cache" / "solc-answer.json"
PACKAGE_DOCSTRING = '"""ABI and bytecode of the contracts, written by `make artifacts`."""\n'

Json = dict[str, Any]


def settings() -> Json:
    """The part of solc's settings that decides bytecode, as foundry.toml has it."""
    profile = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    return {
        "evmVersion": profile["evm_version"],
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
        "remappings": profile["remappings"],
        "viaIR": profile.get("via_ir", False),
    }


def disagreements(wanted: Json) -> list[str]:
    """Settings of Brownie and Ape that would give other bytecode than `wanted`."""
    brownie = yaml.safe_load((ROOT / "brownie-config.yaml").read_text())["compiler"]
    ape = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]
    version = json.loads((ROOT / "package.json").read_text())["devDependencies"]["solc"]
    expected = (version, wanted["evmVersion"], wanted["optimizer"]["enabled"], wanted["optimizer"]["runs"])
    optimizer = brownie["solc"]["optimizer"]
    found = {
        "brownie-config.yaml": (
            brownie["solc"]["version"],
            brownie["evm_version"],
            optimizer["enabled"],
            optimizer["runs"],
        ),
        "ape-config.yaml": (ape["version"], ape["evm_version"], ape["optimize"], ape["optimization_runs"]),
    }
    return [
        f"{name} compiles with (version, EVM, optimizer, runs) {values}, foundry.toml and package.json say {expected}"
        for name, values in found.items()
        if values != expected
    ]


def compile_all(chosen: Json) -> Json:
    """solc's standard JSON output for every source below contracts/.

    The last answer is kept under .cache with a digest of all it came from, for lint asks twice.
    """
    sources = {
        file.relative_to(ROOT).as_posix(): {"content": file.read_text()} for file in sorted(CONTRACTS.rglob("*.sol"))
    }
    outputs = ["abi", "metadata", "evm.bytecode", "evm.deployedBytecode", "storageLayout"]
    selection = {"*": {"": ["ast"]}} | {name: {"*": outputs, "": ["ast"]} for name in sources}
    request = json.dumps(
        {"language": "Solidity", "sources": sources, "settings": chosen | {"outputSelection": selection}}
    )
    # Imports are pinned by the lock file, the wrapper decides how the compiler is called.
    pinned = [ROOT / "package-lock.json", COMPILER, COMPILER.with_name("solc-node.js")]
    key = hashlib.sha256(request.encode() + b"".join(file.read_bytes() for file in pinned)).hexdigest()
    if KEPT.exists() and (kept := json.loads(KEPT.read_text()))["key"] == key:
        return dict(kept["answer"])
    done = subprocess.run(
        [COMPILER, "--standard-json"], input=request, capture_output=True, text=True, check=True, cwd=ROOT
    )
    answer: Json = json.loads(done.stdout)
    errors = [message["formattedMessage"] for message in answer.get("errors", []) if message["severity"] == "error"]
    if errors:
        raise SystemExit("\n".join(errors))
    KEPT.parent.mkdir(exist_ok=True)
    whole = KEPT.with_name(f"{KEPT.name}.{os.getpid()}")
    whole.write_text(json.dumps({"key": key, "answer": answer}))
    whole.replace(KEPT)
    return answer


def _source_hash(metadata: Json) -> str:
    """SHA-256 over path and Keccak-256 of each source the contract is made from, in path order."""
    digest = hashlib.sha256()
    for path, source in sorted(metadata["sources"].items()):
        digest.update(f"{path} {source['keccak256']}\n".encode())
    return "0x" + digest.hexdigest()


def _immutable_slots(deployed: Json, names: dict[int, str]) -> Json:
    """Byte ranges of each immutable by its name: solc's own keys are AST ids, which change with unrelated edits."""
    return {
        names.get(int(ast_id), ast_id): ranges for ast_id, ranges in deployed.get("immutableReferences", {}).items()
    }


def _variable_names(node: Any) -> dict[int, str]:
    if isinstance(node, list):
        return {key: name for item in node for key, name in _variable_names(item).items()}
    if not isinstance(node, dict):
        return {}
    inner = {key: name for value in node.values() for key, name in _variable_names(value).items()}
    return inner | ({node["id"]: node["name"]} if node.get("nodeType") == "VariableDeclaration" else {})


def artifacts(answer: Json, chosen: Json) -> dict[str, Json]:
    """One artifact per kept contract, by name."""
    names: dict[int, str] = {}
    for source in answer["sources"].values():
        names |= _variable_names(source.get("ast"))
    result: dict[str, Json] = {}
    for path, contracts in sorted(answer["contracts"].items()):
        if path.startswith("contracts/mocks/"):
            continue
        nodes = {n["name"]: n for n in answer["sources"][path]["ast"]["nodes"] if n["nodeType"] == "ContractDefinition"}
        for name, contract in sorted(contracts.items()):
            if nodes[name]["abstract"] or (nodes[name]["contractKind"] == "library" and not contract["abi"]):
                continue
            if name in result:
                raise SystemExit(f"Two contracts are named {name}: {result[name]['source']} and {path}. Rename one.")
            metadata = json.loads(contract["metadata"])
            evm = contract["evm"]
            result[name] = {
                "abi": contract["abi"],
                "bytecode": "0x" + evm["bytecode"]["object"],
                "compiler": {"version": metadata["compiler"]["version"], "settings": chosen},
                "contractName": name,
                "deployedBytecode": "0x" + evm["deployedBytecode"]["object"],
                "immutableReferences": _immutable_slots(evm["deployedBytecode"], names),
                "kind": nodes[name]["contractKind"],
                "linkReferences": evm["bytecode"]["linkReferences"],
                "source": path,
                "sourceHash": _source_hash(metadata),
            }
    return result


def files(built: dict[str, Json]) -> dict[str, str]:
    """File name to text, the same bytes for the same sources."""
    texts = {f"{name}.json": json.dumps(artifact, indent=1, sort_keys=True) + "\n" for name, artifact in built.items()}
    return texts | {"__init__.py": PACKAGE_DOCSTRING}


def drift(texts: dict[str, str]) -> list[str]:
    """What is missing, stale or left over in salus/artifacts/."""
    present = {file.name: file.read_text() for file in ARTIFACTS.glob("*.json")} if ARTIFACTS.is_dir() else {}
    wanted = {name: text for name, text in texts.items() if name.endswith(".json")}
    missing = [f"{name} is missing" for name in sorted(wanted.keys() - present.keys())]
    leftover = [f"{name} has no contract any more" for name in sorted(present.keys() - wanted.keys())]
    stale = [f"{name} is stale" for name in sorted(wanted.keys() & present.keys()) if wanted[name] != present[name]]
    return missing + leftover + stale


def write(texts: dict[str, str]) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for old in ARTIFACTS.glob("*.json"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        target = ARTIFACTS / name
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    chosen = settings()
    if problems := disagreements(chosen):
        print("\n".join(problems), file=sys.stderr)
        return 1
    if not any(CONTRACTS.rglob("*.sol")):
        print("contracts/ has no Solidity source yet: nothing to compile")
        return 0
    texts = files(artifacts(compile_all(chosen), chosen))
    if not check:
        write(texts)
        print(f"{len(texts) - 1} artifacts in {ARTIFACTS.relative_to(ROOT)}/")
        return 0
    if differences := drift(texts):
        print("\n".join(differences), file=sys.stderr)
        print("salus/artifacts/ differs from contracts/: run `make artifacts` and commit the result", file=sys.stderr)
        return 1
    print(f"{len(texts) - 1} artifacts match contracts/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
