"""Decentralised identifiers: `did:salus:<chainId>:<kind>:<64 hex digits>` (W3C DID Core 1.0, own method).

Documents are resolved from chain state; nothing but what the chain says is in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from salus.core.errors import InputError

_PATTERN = re.compile(r"did:salus:([1-9][0-9]{0,19}):(participant|subject|record):([0-9a-f]{64})")


class DidKind(StrEnum):
    """What a DID names."""

    PARTICIPANT = "participant"
    SUBJECT = "subject"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Did:
    """One parsed DID; `id` has 32 bytes."""

    chain_id: int
    kind: DidKind
    id: bytes

    def __str__(self) -> str:
        return f"did:salus:{self.chain_id}:{self.kind}:{self.id.hex()}"

    @classmethod
    def parse(cls, text: str) -> Did:
        """Read a DID.

        Raises:
            InputError: another method or malformed.
        """
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise InputError("a Salus DID is did:salus:<chainId>:<participant|subject|record>:<64 hex digits>")
        return cls(int(match[1]), DidKind(match[2]), bytes.fromhex(match[3]))

    def document(self, controllers: list[str], services: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """DID document with one EcdsaSecp256k1RecoveryMethod2020 per account that may act.

        `controllers` are accounts; a record's document has its subject's or source's.
        """
        methods = [
            {
                "id": f"{self}#account-{index}",
                "type": "EcdsaSecp256k1RecoveryMethod2020",
                "controller": str(self),
                "blockchainAccountId": f"eip155:{self.chain_id}:{account}",
            }
            for index, account in enumerate(controllers, start=1)
        ]
        return {
            "@context": [
                "https://www.w3.org/ns/did/v1",
                "https://w3id.org/security/suites/secp256k1recovery-2020/v2",
            ],
            "id": str(self),
            "verificationMethod": methods,
            "authentication": [method["id"] for method in methods],
            "service": services or [],
        }
