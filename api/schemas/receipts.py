"""Receipts: what a holder brings for one."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from api.schemas.accesses import Attested
from api.schemas.common import Hex32, Signature, Uint64, Wire


class RecordReceiptRequest(Wire):
    """An anchored record version: the leaf in JSON, the batch root and the path to it."""

    source_id: Hex32
    leaf: dict[str, Any]
    root: Hex32
    proof: list[Hex32] = Field(max_length=32)


class AgreementFact(Wire):
    """The controller's signature under the destruction."""

    deadline: Uint64
    signature: Signature


class DestructionReceiptRequest(Wire):
    """A destruction this source carried out: attestations as `/v1/destructions` answered them."""

    record_id: Hex32
    subject_ref: Hex32
    agreement: AgreementFact | None = None
    attestations: list[Attested] = Field(min_length=1, max_length=255)
    removed: list[str] = Field(default=[], max_length=1024)
