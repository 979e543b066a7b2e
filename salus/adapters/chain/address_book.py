"""Where members' nodes are: a file of a member's own, node key → host and port.

A JSON object: 128 hex digits of a node's public key to `"host:port"`. It only finds: whom a node lets in is for the
registry to say, so a wrong or stale line costs a connection and no more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from salus.core.errors import InputError, SetupError
from salus.core.node import NODE_KEY

Addresses = Mapping[bytes, str]
"""`host:port` by node key."""
_HOST = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?|\[[0-9A-Fa-f:.]+\]")
_PORTS = range(1, 65536)


def read_address_book(file: Path) -> Addresses:
    """Addresses of a file.

    Raises:
        SetupError: it cannot be read, or a line of it is malformed.
    """
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"the address book {file} cannot be read ({type(error).__name__})") from error
    if not isinstance(entries, dict):
        raise SetupError(f"the address book {file} is no JSON object")
    return {_key(key, file): _address(address, file) for key, address in entries.items()}


def merge_addresses(file: Path, addresses: Addresses) -> None:
    """Write these lines into a book, which is made if there is none; other lines stay. A book that says so is left.

    Raises:
        SetupError: it cannot be read or written, or a line of it is malformed.
    """
    present = read_address_book(file) if file.exists() else None
    wanted = {**(present or {}), **addresses}
    if wanted == present:
        return
    scratch = file.with_name(file.name + ".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps({key.hex(): wanted[key] for key in sorted(wanted)}, indent=1) + "\n")
        scratch.replace(file)
    except OSError as error:
        raise SetupError(f"the address book {file} cannot be written ({type(error).__name__})") from error


def address_of(text: str) -> str:
    """`host:port` as a book has it.

    Raises:
        InputError: it is none.
    """
    host, _, port = text.rpartition(":")
    if not _HOST.fullmatch(host) or not (port.isascii() and port.isdecimal()) or int(port) not in _PORTS:
        raise InputError(f"{text!r} is no host:port")
    return f"{host}:{port}"


def enode_of(key: bytes, address: str | None) -> str:
    """A node's URL as nodes read it (enode scheme, devp2p); without a `host:port` the key alone."""
    return f"enode://{key.hex()}" + (f"@{address}?discport=0" if address else "")


def key_of(enode: str) -> bytes | None:
    """Node key in an enode URL, None when it is none."""
    digits = enode.removeprefix("enode://").partition("@")[0]
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        return None
    return key if len(key) == NODE_KEY and enode.startswith("enode://") else None


def place_of(enode: str) -> tuple[bytes, str] | None:
    """Node key and `host:port` of an enode URL, None when it is none or has no address."""
    key, address = key_of(enode), enode.partition("@")[2].partition("?")[0]
    try:
        return None if key is None else (key, address_of(address))
    except InputError:
        return None


def _key(text: str, file: Path) -> bytes:
    key = key_of(f"enode://{text}")
    if key is None:
        raise SetupError(f"the address book {file} has a key that is not {2 * NODE_KEY} hex digits: {text[:16]}…")
    return key


def _address(value: object, file: Path) -> str:
    try:
        return address_of(value if isinstance(value, str) else "")
    except InputError as error:
        raise SetupError(f"the address book {file} has {value!r} where host:port should be") from error
