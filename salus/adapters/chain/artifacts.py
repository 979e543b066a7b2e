"""Compiled contracts in `salus/artifacts/`: ABI and bytecode, written by `make artifacts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from salus.core.errors import SetupError

_PACKAGE = "salus.artifacts"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract. `bytecode` is the creation code, empty for an interface.

    `runtime` is the code that stands on chain, with zeros where `immutables` (name to ranges of start and length in
    bytes) are filled in; `source_hash` is over every source it is made from.
    """

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    runtime: bytes
    immutables: Mapping[str, tuple[tuple[int, int], ...]]
    compiler: str
    source_hash: str


@cache
def names() -> tuple[str, ...]:
    """Names of all artifacts, sorted.

    Raises:
        SetupError: there are none.
    """
    try:
        found = sorted(file.name.removesuffix(".json") for file in resources.files(_PACKAGE).iterdir())
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise SetupError("salus/artifacts is missing: run `make artifacts`") from error
    return tuple(name for name in found if not name.startswith("_"))


@cache
def load(name: str) -> Artifact:
    """An artifact by contract name.

    Raises:
        SetupError: there is none of that name, or it needs a linked library.
    """
    try:
        raw = resources.files(_PACKAGE).joinpath(f"{name}.json").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise SetupError(f"salus/artifacts has no {name}: run `make artifacts`") from error
    content = msgspec.json.decode(raw)
    if content["linkReferences"]:
        raise SetupError(f"{name} needs a linked library, which Salus does not deploy")
    return Artifact(
        name,
        tuple(content["abi"]),
        bytes.fromhex(content["bytecode"].removeprefix("0x")),
        bytes.fromhex(content["deployedBytecode"].removeprefix("0x")),
        {
            variable: tuple((place["start"], place["length"]) for place in places)
            for variable, places in content["immutableReferences"].items()
        },
        content["compiler"]["version"],
        content["sourceHash"],
    )
