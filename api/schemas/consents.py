"""Consents, revocations and packages."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.common import Account, Hex32, Signature, Uint32, Uint64, Wire


class Wish(Wire):
    """What a patient wants to allow, in names of the code tables.

    Give `windowMonths` (rolling) or `fromDate` and `toDate` (fixed, both included). `validDays` counts from now;
    `validFrom` and `validUntil` (Unix seconds) say it exactly. `maxUses` 0 is without limit.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "holder": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                    "granteeId": "0x" + "a1" * 32,
                    "purposes": ["TREAT"],
                    "categories": ["CHECKUP", "LAB", "VITAL"],
                    "actions": ["ACCESS", "USE"],
                    "windowMonths": 3,
                    "validDays": 90,
                }
            ]
        }
    )
    holder: Account
    grantee_id: Hex32
    purposes: list[str] = Field(min_length=1)
    categories: list[str] = Field(min_length=1)
    actions: list[str] = Field(min_length=1)
    valid_days: int | None = Field(default=None, ge=1, le=3660)
    valid_from: Uint64 | None = None
    valid_until: Uint64 | None = None
    window_months: int = Field(default=0, ge=0, le=120)
    from_date: date | None = None
    to_date: date | None = None
    max_level: int = Field(default=4, ge=1, le=5)
    max_confidentiality: str = "N"
    min_form: str = "IDENTIFIED"
    max_uses: Uint32 = 0
    session_minutes: int = Field(default=60, ge=1, le=1440)
    obligations: list[str] | None = None
    flags: list[str] | None = None
    topics: list[str] = Field(default=[])
    excluded: list[Hex32] = Field(default=[])
    notice: str = Field(default="", max_length=20_000)
    replaces: Hex32 | None = None


class Prepared(Wire):
    """A composed consent to sign. `openings` are all seven terms: keep them, they are in no other place."""

    consent: dict[str, Any]
    consent_id: Hex32
    scope_hash: Hex32
    typed_data: dict[str, Any]
    openings: list[dict[str, Any]]


class Head(Wire):
    """ConsentHead (docs/protocol.md section 4)."""

    holder: Account
    epoch: Uint64
    max_uses: Uint32
    deadline: Uint64
    replaces: Hex32


class Grant(Wire):
    """A signed consent as `grant` and `replace` take it: the scope stays hidden behind its hash."""

    head: Head
    scope_hash: Hex32
    signature: Signature


class Granted(Wire):
    """The consent is on chain."""

    consent_id: Hex32
    tx_hash: Hex32
    block: int


class Revocation(Wire):
    """Signed `Revocation`; the id need not be on chain."""

    holder: Account
    consent_id: Hex32
    signature: Signature


class RevocationOfAll(Wire):
    """Signed `RevocationOfAll`; `epoch` is the holder's present one."""

    holder: Account
    epoch: Uint64
    signature: Signature


class Relayed(Wire):
    """The call is mined."""

    tx_hash: Hex32
    block: int


class PackageReceived(Wire):
    """The package is stored, sealed."""

    consent_id: Hex32
    received_at: int


class PackageFact(Wire):
    """A stored package in words; `status` of the consent at the head of the chain."""

    seq: int
    consent_id: Hex32
    received_at: int
    holder: Account
    status: str
    void: bool
    purposes: list[str]
    categories: list[str]
    actions: list[str]
    max_level: int
    max_confidentiality: str
    min_form: str
    from_date: date | None
    to_date: date | None
    valid_from: int
    valid_until: int
    obligations: list[str]


class Packages(Wire):
    """Stored packages; `next` is `after` of the following page, None at the end."""

    items: list[PackageFact]
    next: int | None
