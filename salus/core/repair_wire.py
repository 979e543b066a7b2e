"""What custodians tell each other in a repair: bodies of the `repair` call, and payloads sealed to who asks.

| step | body, beside the session's own members | answer |
| --- | --- | --- |
| `meet` | | the helper's key in the session; what it holds of the batch, sealed |
| `share` | `leaves`, `keys` of all helpers | its parts of these leaves, sealed; what it holds back, with a code |
| `open` | `keys`, `answers` of all helpers, `envelope` | its private key in the session, sealed |
| `gone` | `after` | leaves of the source that were destroyed, with their orders, sealed |

Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from salus.core.canonical import integer
from salus.core.errors import InputError
from salus.core.ids import ZERO32, LeafHash, ParticipantId, Root, from_hex, hex32
from salus.core.leaf import Leaf
from salus.core.leaf_row import Hash, LeafRow, Note, row_fields
from salus.core.repair import KEY_BYTES, PART_BYTES, Session

MAX_LEAVES = 1000
GONE_PAGE = 10_000
REPAIRS_AN_HOUR = 400_000
"""Record versions another custodian is told of or helped with in an hour, unless a setting says otherwise."""
SIGNATURE_BYTES = 65


class Step(StrEnum):
    """What is asked of a helper."""

    MEET = "meet"
    SHARE = "share"
    OPEN = "open"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class HelperKey:
    """A helper's public key in a session, its signature, and its bond to the helper that reads this."""

    key: bytes
    signature: bytes
    bond: bytes = b""

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        value = {"key": hex32(self.key), "signature": hex32(self.signature)}
        return value | ({"bond": hex32(self.bond)} if self.bond else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> HelperKey:
        """Read it; raises KeyError, TypeError or ValueError when malformed."""
        bond = from_hex(value["bond"]) if "bond" in value else b""
        return cls(from_hex(value["key"], KEY_BYTES), from_hex(value["signature"], SIGNATURE_BYTES), bond)


@dataclass(frozen=True, slots=True)
class HelperPart:
    """A helper's part of one leaf, with its signature over it."""

    part: bytes
    signature: bytes

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"part": hex32(self.part), "signature": hex32(self.signature)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> HelperPart:
        """Read it; raises KeyError, TypeError or ValueError when malformed."""
        return cls(from_hex(value["part"], PART_BYTES), from_hex(value["signature"], SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class RepairBody:
    """Body of a call; who asks is not in it, for that is who signed."""

    step: Step
    custodian_set: int
    source: ParticipantId
    root: Root
    helpers: tuple[ParticipantId, ...]
    leaf: LeafHash | None = None
    leaves: tuple[LeafHash, ...] = ()
    keys: Mapping[ParticipantId, HelperKey] | None = None
    answers: Mapping[ParticipantId, HelperPart] | None = None
    envelope: bytes = b""
    after: bytes = ZERO32

    def session(self, chain_id: int, asker: ParticipantId) -> Session:
        """The session it is about."""
        return Session(chain_id, self.custodian_set, asker, self.source, self.root, self.helpers, self.leaf)

    @classmethod
    def of(cls, step: Step, session: Session, **more: Any) -> RepairBody:
        """A body about a session."""
        fixed = (session.custodian_set, session.source, session.root, session.helpers, session.leaf)
        return cls(step, *fixed, **more)

    def to_json(self) -> dict[str, Any]:
        """JSON form, without what is empty."""
        value: dict[str, Any] = {
            "step": self.step.value,
            "custodianSet": self.custodian_set,
            "sourceId": hex32(self.source),
            "root": hex32(self.root),
            "helpers": [hex32(helper) for helper in self.helpers],
        }
        if self.leaf is not None:
            value["leaf"] = hex32(self.leaf)
        if self.leaves:
            value["leaves"] = [hex32(leaf) for leaf in self.leaves]
        if self.keys is not None:
            value["keys"] = {hex32(helper): key.to_json() for helper, key in self.keys.items()}
        if self.answers is not None:
            value["answers"] = {hex32(helper): part.to_json() for helper, part in self.answers.items()}
        if self.envelope:
            value["envelope"] = "0x" + self.envelope.hex()
        if self.after != ZERO32:
            value["after"] = hex32(self.after)
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RepairBody:
        """Read the JSON form.

        Raises:
            InputError: malformed.
        """
        try:
            return cls(
                Step(value["step"]),
                integer(value["custodianSet"], 32),
                ParticipantId(from_hex(value["sourceId"])),
                Root(from_hex(value["root"])),
                tuple(ParticipantId(from_hex(helper)) for helper in value["helpers"]),
                LeafHash(from_hex(value["leaf"])) if "leaf" in value else None,
                tuple(LeafHash(from_hex(leaf)) for leaf in value.get("leaves", ())),
                _by_helper(value["keys"], HelperKey) if "keys" in value else None,
                _by_helper(value["answers"], HelperPart) if "answers" in value else None,
                from_hex(value["envelope"], None) if "envelope" in value else b"",
                from_hex(value.get("after", hex32(ZERO32))),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("the body of the call is malformed") from error


def _by_helper(value: Mapping[str, Any], kind: Any) -> dict[ParticipantId, Any]:
    return {ParticipantId(from_hex(helper)): kind.from_json(told) for helper, told in value.items()}


class _Held(LeafRow, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    note: Note = b""  # a helper of an older release keeps none


_encoder = msgspec.msgpack.Encoder()
_rows = msgspec.msgpack.Decoder(list[_Held])
_pairs = msgspec.msgpack.Decoder(list[tuple[Hash, Hash]])


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """What a helper tells of a record version it holds: all but the share.

    Nothing proves the source's `note`: only the source sees whether it is its own, and of this leaf.
    """

    leaf: Leaf
    topics: int
    topics_salt: bytes
    note: bytes = b""


def encode_records(records: Sequence[HeldRecord]) -> bytes:
    """Msgpack payload of records: rows as in a deposit, with the note but no shares."""
    return _encoder.encode([_Held(*row_fields(one.leaf, one.topics, one.topics_salt, one.note)) for one in records])


def decode_records(payload: bytes, custodian_set: int) -> list[HeldRecord]:
    """Records of a payload, with their topics commitments computed, not believed.

    Raises:
        InputError: malformed.
    """
    try:
        rows = _rows.decode(payload)
    except msgspec.MsgspecError as error:
        raise InputError("malformed records of a repair") from error
    return [HeldRecord(row.leaf(custodian_set), row.topics, row.topics_salt, row.note) for row in rows]


def encode_pairs(pairs: Mapping[LeafHash, bytes]) -> bytes:
    """Msgpack payload of leaves with 32 bytes each: parts, or ids of orders."""
    return _encoder.encode(sorted(pairs.items()))


def decode_pairs(payload: bytes) -> dict[LeafHash, bytes]:
    """Read such a payload.

    Raises:
        InputError: malformed.
    """
    try:
        return {LeafHash(leaf): value for leaf, value in _pairs.decode(payload)}
    except msgspec.MsgspecError as error:
        raise InputError("malformed payload of a repair") from error
