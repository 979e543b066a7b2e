"""Signing in at an institution's API with an account: the challenge a wallet signs (protocol section 4).

The participant's id is in it, so a signature made for one institution is of no use at another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from salus.core.eip712 import Domain, StructType
from salus.core.errors import InputError
from salus.core.ids import Address, ParticipantId, from_hex

SIGN_IN_TYPE = StructType(
    "SignIn",
    ("address", "account"),
    ("bytes32", "participantId"),
    ("bytes32", "nonce"),
    ("uint64", "deadline"),
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """One challenge; `nonce` has 32 bytes, `deadline` is Unix seconds."""

    account: Address
    participant: ParticipantId
    nonce: bytes
    deadline: int

    def digest(self, salus: Domain) -> bytes:
        """What the account signs; `salus` is the deployment's domain."""
        return SIGN_IN_TYPE.digest(salus, self._values())

    def typed_data(self, salus: Domain) -> dict[str, Any]:
        """What a wallet shows."""
        return SIGN_IN_TYPE.typed_data(salus, self._values())

    @classmethod
    def from_typed_data(cls, value: Mapping[str, Any]) -> SignIn:
        """Read a challenge. Sign its `digest`, never a digest somebody else computed.

        Raises:
            InputError: not a challenge.
        """
        try:
            if value["primaryType"] != SIGN_IN_TYPE.name:
                raise InputError("this is no challenge to sign in: do not sign it")
            message = value["message"]
            participant, nonce = from_hex(message["participantId"]), from_hex(message["nonce"])
            return cls(Address(str(message["account"])), ParticipantId(participant), nonce, int(message["deadline"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("malformed challenge") from error

    def _values(self) -> dict[str, Any]:
        return {
            "account": self.account,
            "participantId": self.participant,
            "nonce": self.nonce,
            "deadline": self.deadline,
        }
