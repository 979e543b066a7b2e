"""Signed requests: members of the network ask for ciphertext, the source's own operators for erasure.

The header is `Authorization: Salus <base64url of a signed call in JSON>`; the call's verb is `content` or `erase`, its
recipient this source. Source: docs/protocol.md section 8.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from salus.core.calls import MAX_AGE_SECONDS, SignedCall, read_call
from salus.core.canonical import parse
from salus.core.codes import Code
from salus.core.errors import InputError, RefusedError, SignatureError
from salus.core.ids import ParticipantId
from salus.core.policy import ParticipantStatus
from salus.core.ports import ChainReader, Clock

SCHEME = "Salus "
MAX_HEADER = 8192


class Members:
    """Reads the header and says who asks."""

    def __init__(self, chain: ChainReader, clock: Clock, source: ParticipantId) -> None:
        self._chain = chain
        self._clock = clock
        self._source = source

    def admit(self, header: str, verb: str) -> tuple[SignedCall, ParticipantId]:
        """The call and the active participant its signer operates for.

        Raises:
            InputError: no such header, or malformed.
            SignatureError: not signed by whom it names, or meant for another verb or recipient.
            RefusedError: stale (109), no operator (106), or the participant isn't active (10).
        """
        return self.member(self._read(header), verb)

    def member(self, value: dict[str, Any], verb: str) -> tuple[SignedCall, ParticipantId]:
        """The same of a call that stands in a body.

        Raises:
            InputError, SignatureError, RefusedError: as `admit`.
        """
        call = self.signer(value, verb)
        head = self._chain.head()
        participant = self._chain.operator_of(call.signer, head)
        if participant is None:
            raise RefusedError(Code.NOT_OPERATOR)
        if self._chain.participant(participant, head).status is not ParticipantStatus.ACTIVE:
            raise RefusedError(Code.PARTICIPANT_INACTIVE)
        return call, participant

    def signer(self, value: dict[str, Any], verb: str) -> SignedCall:
        """The call of whoever signed it, a patient for instance.

        Raises:
            InputError, SignatureError, RefusedError: as `admit`, but for the operator.
        """
        call = read_call(value, self._chain.domain("Council"))
        if call.call.verb != verb or call.call.recipient != self._source:
            raise SignatureError("the call was signed for another verb or recipient")
        if abs(self._clock.now() - call.call.issued_at) > MAX_AGE_SECONDS:
            raise RefusedError(Code.CALL_STALE)
        return call

    def _read(self, header: str) -> dict[str, Any]:
        if not header.startswith(SCHEME) or len(header) > MAX_HEADER:
            raise InputError("an Authorization header of the scheme Salus is needed")
        try:
            value = parse(base64.urlsafe_b64decode(header[len(SCHEME) :].strip() + "=="))
        except (binascii.Error, ValueError) as error:
            raise InputError("the Authorization header is not base64 of a signed call") from error
        if not isinstance(value, dict):
            raise InputError("a signed call is an object")
        return value
