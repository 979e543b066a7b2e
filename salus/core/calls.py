"""Signed calls: how operators and patients speak to a custodian, and custodians' and sources' other signatures.

    {"body": …, "call": {"verb", "recipient", "issuedAt", "nonce"}, "signer": "0x…", "signature": "0x…"}

The signature is over EIP-712 `SignedCall` under the deployment's `Salus` domain. Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from salus.core import signatures
from salus.core.canonical import canonical, integer
from salus.core.eip712 import Domain, StructType
from salus.core.errors import InputError
from salus.core.hashing import keccak, sha256
from salus.core.ids import Address, ParticipantId, from_hex, hex32, read_address

CALL_TYPE = StructType(
    "SignedCall",
    ("bytes32", "verb"),
    ("bytes32", "recipient"),
    ("bytes32", "bodyHash"),
    ("uint64", "issuedAt"),
    ("bytes32", "nonce"),
)
MAX_AGE_SECONDS = 60
PATHS: Mapping[str, str] = {
    "deposit": "/v1/deposits",
    "list": "/v1/lists",
    "release": "/v1/releases",
    "destroy": "/v1/destructions",
    "repair": "/v1/repairs",
    "recall": "/v1/recalls",
}
"""Where a custodian takes the call of a verb."""


def verb_id(name: str) -> bytes:
    """Verb of a call as it is signed: one of `PATHS`, or one of those that a source takes."""
    return keccak(f"salus.call.{name}".encode())


@dataclass(frozen=True, slots=True)
class UnsignedCall:
    """A call before its signature; `nonce` is 32 random bytes, `issued_at` Unix seconds."""

    verb: str
    recipient: ParticipantId
    body: dict[str, Any]
    issued_at: int
    nonce: bytes

    def digest(self, domain: Domain) -> bytes:
        """What is signed."""
        return CALL_TYPE.digest(
            domain,
            {
                "verb": verb_id(self.verb),
                "recipient": self.recipient,
                "bodyHash": sha256(canonical(self.body)),
                "issuedAt": self.issued_at,
                "nonce": self.nonce,
            },
        )

    def signed(self, signer: Address, signature: bytes) -> dict[str, Any]:
        """JSON form with its signature."""
        return {
            "body": self.body,
            "call": {
                "verb": self.verb,
                "recipient": hex32(self.recipient),
                "issuedAt": self.issued_at,
                "nonce": hex32(self.nonce),
            },
            "signer": signer,
            "signature": hex32(signature),
        }


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A call whose signature was checked."""

    call: UnsignedCall
    signer: Address

    @property
    def body(self) -> dict[str, Any]:
        """The call's body."""
        return self.call.body


def read_call(value: Mapping[str, Any], domain: Domain) -> SignedCall:
    """Read a signed call and check its signature (not its age, recipient or replay).

    Raises:
        InputError: malformed.
        SignatureError: not signed by the signer it names.
    """
    try:
        head = value["call"]
        body = value["body"]
        if not isinstance(body, dict):
            raise InputError("the body of a call is an object")
        call = UnsignedCall(
            verb=str(head["verb"]),
            recipient=ParticipantId(from_hex(head["recipient"])),
            body=body,
            issued_at=integer(head["issuedAt"]),
            nonce=from_hex(head["nonce"]),
        )
        signature = from_hex(value["signature"], 65)
        signer = read_address(value["signer"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("malformed call") from error
    signatures.check(call.digest(domain), signature, signer)
    return SignedCall(call, signer)
