"""EIP-712 typed data with fixed-width members: type hash, struct hash, digest, and the JSON a wallet shows.

Source: EIP-712. Every Salus struct has only members that fill one word, or nested structs of the same kind, so the
encoding is a row of words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from salus.core.hashing import keccak, words
from salus.core.ids import Address, address_bytes

_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")


@dataclass(frozen=True, slots=True)
class Domain:
    """EIP-712 domain; `version` is always "1"."""

    name: str
    chain_id: int
    verifying_contract: Address

    @property
    def separator(self) -> bytes:
        """Domain separator, 32 bytes."""
        return keccak(
            words(
                _DOMAIN_TYPE,
                keccak(self.name.encode()),
                keccak(b"1"),
                self.chain_id,
                address_bytes(self.verifying_contract),
            )
        )


class StructType:
    """One EIP-712 struct type.

    `members` are (type, name) in order; a type is a Solidity value type or another `StructType`.
    """

    __slots__ = ("_hash", "members", "name")

    def __init__(self, name: str, *members: tuple[str | StructType, str]) -> None:
        self.name = name
        self.members = members
        nested = sorted(self._nested(), key=lambda kind: kind.name)
        text = self.signature + "".join(kind.signature for kind in nested)
        self._hash = keccak(text.encode())

    @property
    def signature(self) -> str:
        """This type alone, without the types it uses."""
        inner = ",".join(f"{kind if isinstance(kind, str) else kind.name} {name}" for kind, name in self.members)
        return f"{self.name}({inner})"

    @property
    def type_hash(self) -> bytes:
        """keccak of the encoded type, 32 bytes."""
        return self._hash

    def struct_hash(self, values: Mapping[str, Any]) -> bytes:
        """hashStruct of the values: integers, booleans, bytes32 and addresses by member name."""
        row: list[int | bytes] = [self._hash]
        for kind, name in self.members:
            value = values[name]
            if isinstance(kind, StructType):
                row.append(kind.struct_hash(value))
            elif kind == "address":
                row.append(address_bytes(value))
            else:
                row.append(value)
        return keccak(words(*row))

    def digest(self, domain: Domain, values: Mapping[str, Any]) -> bytes:
        """What is signed: 32 bytes."""
        return typed_digest(domain, self.struct_hash(values))

    def typed_data(self, domain: Domain, values: Mapping[str, Any]) -> dict[str, Any]:
        """The `eth_signTypedData_v4` JSON a wallet shows and signs."""
        kinds = [self, *sorted(self._nested(), key=lambda kind: kind.name)]
        types = {
            kind.name: [{"name": name, "type": t if isinstance(t, str) else t.name} for t, name in kind.members]
            for kind in kinds
        }
        types["EIP712Domain"] = [
            {"name": "name", "type": "string"},
            {"name": "version", "type": "string"},
            {"name": "chainId", "type": "uint256"},
            {"name": "verifyingContract", "type": "address"},
        ]
        return {
            "types": types,
            "primaryType": self.name,
            "domain": {
                "name": domain.name,
                "version": "1",
                "chainId": domain.chain_id,
                "verifyingContract": domain.verifying_contract,
            },
            "message": self._shown(values),
        }

    def _nested(self) -> set[StructType]:
        found: set[StructType] = set()
        for kind, _ in self.members:
            if isinstance(kind, StructType):
                found |= {kind} | kind._nested()
        return found

    def _shown(self, values: Mapping[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for kind, name in self.members:
            value = values[name]
            if isinstance(kind, StructType):
                shown[name] = kind._shown(value)
            elif isinstance(value, bytes):
                shown[name] = "0x" + value.hex()
            else:
                shown[name] = value if isinstance(value, (str, bool)) else int(value)
        return shown


def typed_digest(domain: Domain, struct_hash: bytes) -> bytes:
    """EIP-712 digest of a struct hash under a domain."""
    return keccak(b"\x19\x01" + domain.separator + struct_hash)
