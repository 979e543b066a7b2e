"""What every schema is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_H32 = "0x" + "5e" * 32

Hex32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$", examples=[_H32], description="32 bytes of hex")]
HexBytes = Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})*$", max_length=20_000, description="bytes of hex")]
Account = Annotated[
    str,
    Field(
        pattern=r"^0x[0-9a-fA-F]{40}$",
        examples=["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"],
        description="an account, 20 bytes of hex",
    ),
]
Signature = Annotated[
    str, Field(pattern=r"^0x[0-9a-f]{130}$", description="r, s (low) and v (27 or 28): 65 bytes of hex")
]
Uint8 = Annotated[int, Field(ge=0, lt=1 << 8)]
Uint16 = Annotated[int, Field(ge=0, lt=1 << 16)]
Uint32 = Annotated[int, Field(ge=0, lt=1 << 32)]
Uint64 = Annotated[int, Field(ge=0, lt=1 << 64)]
DidText = Annotated[
    str,
    Field(
        pattern=r"^did:salus:[1-9][0-9]{0,19}:(participant|subject|record):[0-9a-f]{64}$",
        examples=["did:salus:31337:record:" + "5e" * 32],
    ),
]


class Wire(BaseModel):
    """Base of all bodies: camelCase outside, snake_case inside, frozen, unknown members refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", frozen=True
    )


class Problem(BaseModel):
    """RFC 9457 problem; `code` is of docs/errors.md, 0 where none applies. Other members may stand beside."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:salus:problem:consent-revoked",
                    "title": "The law says no",
                    "status": 403,
                    "code": 20,
                    "name": "CONSENT_REVOKED",
                    "detail": "refused: CONSENT_REVOKED (20)",
                    "advice": "The patient has revoked this consent; ask the patient for a new one.",
                    "accessId": _H32,
                    "requestId": "8d4f2c0e9b7a4c55a1d0f6b3e2c49177",
                }
            ]
        },
    )
    type: str
    title: str
    status: int
    code: int
    name: str
    detail: str
    advice: str
    requestId: str  # noqa: N815 - the member's name on the wire


class Block(Wire):
    """One block; `timestamp` in Unix seconds."""

    number: int
    hash: Hex32
    timestamp: int
