"""Files in which nodes keep whom they let in and whom they dial, rewritten whole and at once.

| node | lets in | dials |
| --- | --- | --- |
| geth | `TrustedNodes` of config.toml, with no slot for others | `StaticNodes` of config.toml |
| GoQuorum | permissioned-nodes.json (`--permissioned`), read at every handshake | `StaticNodes` of config.toml |
| Besu | `nodes-allowlist` of permissions_config.toml, read on `perm_reloadPermissionsFromFile` | static-nodes.json |

All else in a file stays as it is. Sources: geth `dumpconfig`; GoQuorum, "Permissioned network"; Besu, "Use local
permissioning" and "Static nodes".
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from salus.adapters.chain.address_book import key_of
from salus.core.errors import SetupError

Enodes = Mapping[bytes, str]
"""Enode URL by node key."""
_LIST = r"""\[(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[^\]"'#])*\]"""
"""A TOML array of strings; a bracket within one, as in an IPv6 address, does not end it."""


class AllowList(Protocol):
    """The files of one node."""

    @property
    def needs_addresses(self) -> bool:
        """Whether the node lets nobody in whose address it does not know."""
        ...

    def read(self) -> Enodes:
        """Who is let in now.

        Raises:
            SetupError: a file is missing or malformed.
        """
        ...

    def write(self, enodes: Enodes) -> None:
        """Let in these and nobody else; dial those that have an address.

        Raises:
            SetupError: a file is missing or malformed.
        """
        ...


@dataclass(frozen=True, slots=True)
class GethFiles:
    """geth: one file."""

    folder: Path
    needs_addresses: bool = False

    def read(self) -> Enodes:
        """Trusted nodes."""
        node = _toml(self.folder / "config.toml").get("Node")
        peering = node.get("P2P") if isinstance(node, dict) else None
        if not isinstance(peering, dict):
            raise SetupError(f"the node's file {self.folder / 'config.toml'} has no section [Node.P2P]")
        return _by_key(peering.get("TrustedNodes", []))

    def write(self, enodes: Enodes) -> None:
        """Trusted and static nodes."""
        lists = {"TrustedNodes": _sorted(enodes), "StaticNodes": _dialled(enodes)}
        _replace_lists(self.folder / "config.toml", lists)


@dataclass(frozen=True, slots=True)
class GoQuorumFiles:
    """GoQuorum: the permission file lies in the data folder, where the node looks for it."""

    folder: Path
    needs_addresses: bool = False

    def read(self) -> Enodes:
        """Permissioned nodes."""
        return _by_key(_json(self.folder / "permissioned-nodes.json"))

    def write(self, enodes: Enodes) -> None:
        """Permissioned nodes first: a node that is let go must not come back."""
        _write(self.folder / "permissioned-nodes.json", json.dumps(_sorted(enodes), indent=1) + "\n")
        _replace_lists(self.folder / "config.toml", {"StaticNodes": _dialled(enodes)})


@dataclass(frozen=True, slots=True)
class BesuFiles:
    """Besu: compares key, host and port, so it can only let in whom the address book knows."""

    folder: Path
    needs_addresses: bool = True

    def read(self) -> Enodes:
        """Nodes of the allow-list."""
        return _by_key(_toml(self.folder / "permissions_config.toml").get("nodes-allowlist", []))

    def write(self, enodes: Enodes) -> None:
        """Allow-list and static nodes; the node is told to read the first again."""
        _replace_lists(self.folder / "permissions_config.toml", {"nodes-allowlist": _sorted(enodes)})
        _write(self.folder / "static-nodes.json", json.dumps(_dialled(enodes), indent=1) + "\n")


def _sorted(enodes: Enodes) -> list[str]:
    return sorted(enodes.values())


def _dialled(enodes: Enodes) -> list[str]:
    return sorted(enode for enode in enodes.values() if "@" in enode)


def _by_key(entries: object) -> Enodes:
    if not isinstance(entries, list):
        raise SetupError("an allow-list is no list")
    return {key: entry for entry in entries if isinstance(entry, str) and (key := key_of(entry)) is not None}


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SetupError(f"the node's file {file} cannot be read ({type(error).__name__})") from error


def _json(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"the node's file {file} cannot be read ({type(error).__name__})") from error


def _replace_lists(file: Path, lists: Mapping[str, list[str]]) -> None:
    """Put other values in the place of lists of strings in a TOML file, each of which it has once."""
    _toml(file)
    text = file.read_text(encoding="utf-8")
    for name, values in lists.items():
        text, found = re.subn(rf"(?m)^([ \t]*{re.escape(name)}[ \t]*=[ \t]*){_LIST}", _filled(values), text)
        if found != 1:
            raise SetupError(f"the node's file {file} has no list {name}: add `{name} = []` where the node reads it")
    _write(file, text)


def _filled(values: list[str]) -> Any:
    written = json.dumps(values)
    return lambda match: match[1] + written


def _write(file: Path, text: str) -> None:
    scratch = file.with_name(file.name + ".new")
    try:
        if file.exists() and file.read_text(encoding="utf-8") == text:
            return
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(file)
    except OSError as error:
        raise SetupError(f"the node's file {file} cannot be written ({type(error).__name__})") from error
