"""Compiled contracts in `salus/artifacts/`: ABI and bytecode, written by `make artifacts`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from salus.core.errors import SetupError

_PACKAGE = "salus.artifacts"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract. `bytecode` is the creation code, empty for an interface."""

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes


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
    return Artifact(name, tuple(content["abi"]), bytes.fromhex(content["bytecode"].removeprefix("0x")))
