"""Claims: a patient takes control of their subject with the code they got at the registration desk.

    desk ─► code (128 bits, once, hours) ─► prepare: typed data to sign ─► claim: bind on chain by the source's operator

The subjectRef is shown to whoever has the right code and to nobody else. A claim that was interrupted can be made again
with the same code and account. Source: docs/protocol.md section 4 (Binding).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import structlog

from oracle.ports import DeskCodes
from oracle.sitekey import SiteKey
from oracle.subjects import seed_of, subject_hash
from salus.core import signatures
from salus.core.errors import ConflictError, InputError, NotFoundError
from salus.core.ids import ZERO_ADDRESS, Address, ParticipantId, SubjectRef
from salus.core.journal import DeskCode
from salus.core.ports import ChainReader, ChainWriter, Clock, ContractCall, Randomness
from salus.flows.bind import BINDING_TYPE, binding_values

CODE_BYTES = 16
CODE_SECONDS = 7 * 86_400
DEADLINE_SECONDS = 3600
LONGEST_DEADLINE_SECONDS = 86_400
_GROUP = 4
_LOOKALIKES = str.maketrans({"0": "O", "1": "I", "8": "B"})

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a patient signs to claim a subject: EIP-712 JSON and the deadline in it."""

    subject: SubjectRef
    deadline: int
    typed_data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A subject under its patient's control; `tx_hash` is empty when an earlier try had already bound it."""

    subject: SubjectRef
    tx_hash: bytes


class Desk:
    """Issues codes. Runs at the desk's side: it needs the database and the site key, no chain."""

    def __init__(self, codes: DeskCodes, site: SiteKey, clock: Clock, random: Randomness) -> None:
        self._codes = codes
        self._site = site
        self._clock = clock
        self._random = random

    def issue(self, subject_key: str, seconds: int = CODE_SECONDS) -> str:
        """A new code for a patient, by the source's own key for them; earlier unused ones end.

        Raises:
            NotFoundError: no message about this patient was received yet.
        """
        code = write_code(self._random(CODE_BYTES))
        now = self._clock.now()
        self._codes.issue(subject_hash(self._site, subject_key), code_hash(self._site, code), now, now + seconds)
        return code


class Claims:
    """Answers patients who have a code."""

    def __init__(
        self,
        codes: DeskCodes,
        site: SiteKey,
        chain: ChainReader,
        writer: ChainWriter,
        source: ParticipantId,
        clock: Clock,
    ) -> None:
        self._codes = codes
        self._site = site
        self._chain = chain
        self._writer = writer
        self._source = source
        self._clock = clock

    def prepare(self, code: str, controller: Address) -> Prepared:
        """The binding to sign.

        Raises:
            InputError: not the form of a code.
            NotFoundError: wrong, expired, or used for another account.
        """
        found = self._usable(code, controller)
        deadline = self._clock.now() + DEADLINE_SECONDS
        values = binding_values(found.subject.subject, self._source, controller, deadline)
        typed = BINDING_TYPE.typed_data(self._chain.domain("SubjectRegistry"), values)
        return Prepared(found.subject.subject, deadline, typed)

    def claim(self, code: str, controller: Address, deadline: int, signature: bytes) -> Claimed:
        """Bind the subject to the account that signed.

        Raises:
            InputError: not the form of a code, or a deadline that is past or more than a day ahead.
            NotFoundError: wrong, expired, or used for another account.
            SignatureError: the binding isn't signed by the controller.
            ConflictError: the subject is bound to another account already.
            ChainRevert, UnavailableError: the chain refuses or is away; claim again with the same code.
        """
        found = self._usable(code, controller)
        subject, now = found.subject.subject, self._clock.now()
        if not now <= deadline <= now + LONGEST_DEADLINE_SECONDS:
            raise InputError("the deadline of a binding lies within the next 24 hours: prepare again")
        values = binding_values(subject, self._source, controller, deadline)
        signatures.check(BINDING_TYPE.digest(self._chain.domain("SubjectRegistry"), values), signature, controller)
        present = self._chain.subject(subject, self._chain.head()).controller
        tx_hash = b""
        if present == ZERO_ADDRESS:
            binding = (subject, self._source, controller, deadline)
            call = ContractCall("SubjectRegistry", "bind", (binding, seed_of(self._site, found.subject), signature))
            tx_hash = self._writer.send(call).tx_hash
        elif present != controller:
            raise ConflictError("this subject is under another account already: ask the desk about recovery")
        self._codes.use(found.key, controller, now)
        _log.info("subject claimed", desk_code=found.key)
        return Claimed(subject, tx_hash)

    def _usable(self, code: str, controller: Address) -> DeskCode:
        found = self._codes.find(code_hash(self._site, read_code(code)))
        if found.controller is not None and found.controller != controller:
            raise NotFoundError("no such code")
        if found.controller is None and found.expires_at <= self._clock.now():
            raise NotFoundError("no such code")
        return found


def write_code(secret: bytes) -> str:
    """128 bits in letters and digits that are not taken for one another, in groups of four."""
    letters = base64.b32encode(secret).decode().rstrip("=")
    return "-".join(letters[place : place + _GROUP] for place in range(0, len(letters), _GROUP))


def read_code(text: str) -> str:
    """A code as it was written, from what somebody typed.

    Raises:
        InputError: not the form of a code.
    """
    letters = "".join(text.split()).replace("-", "").upper().translate(_LOOKALIKES)
    try:
        secret = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError) as error:
        raise InputError("a code has 26 letters and digits") from error
    if len(secret) != CODE_BYTES:
        raise InputError("a code has 26 letters and digits")
    return write_code(secret)


def code_hash(site: SiteKey, code: str) -> bytes:
    """Keyed hash by which a code is found."""
    return site.digest("desk code", code)
