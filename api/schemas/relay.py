"""Signed calls of patients that any API carries to chain."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.common import Hex32, Signature, Wire


class SubjectFunction(StrEnum):
    """Functions of SubjectRegistry that are relayed."""

    FREEZE = "freeze"
    DENY = "deny"
    RETAIN = "retain"
    ROTATE = "rotate"
    VETO = "veto"


class SubjectCall(Wire):
    """One signed verb: `message` has the EIP-712 members.

    `rotate` bears two signatures: the old controller's, then the new one's.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "function": "freeze",
                    "message": {
                        "subjectRef": "0x" + "5e" * 32,
                        "by": "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
                        "frozen": True,
                        "nonce": 0,
                        "deadline": 1790000600,
                    },
                    "signatures": ["0x" + "11" * 64 + "1b"],
                }
            ]
        }
    )
    function: SubjectFunction
    message: dict[str, Any]
    signatures: list[Signature] = Field(min_length=1, max_length=2)


class OwnAccess(Wire):
    """A patient's own request: the Access struct in JSON, signed by controller or guardian."""

    access: dict[str, Any]
    signature: Signature


class Recorded(Wire):
    """Outcome at a final block; `code` 1 is granted. `expiresAt` in Unix seconds, 0 for a denial."""

    access_id: Hex32
    code: int
    name: str
    expires_at: int
    block: int
