"""A patient's wallet: one encrypted file with a mnemonic, the subjects it controls and the consents it gave.

All of it is sealed under a passphrase (scrypt, AES-256-GCM), so the file tells nothing,
not even which hospitals the patient knows. Accounts are derived: a controller per source, a holder per grantee.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from salus.core.canonical import canonical, parse
from salus.core.errors import InputError, NotFoundError, SetupError
from salus.core.ids import Address, ConsentId, ParticipantId, SubjectRef, from_hex, hex32

_MARKER = b"SLW1"
_SALT, _NONCE = 16, 12
_SCRYPT_N = 1 << 15


@dataclass(frozen=True, slots=True)
class OwnSubject:
    """A subject this wallet controls; `index` derives its controller account."""

    source: ParticipantId
    subject: SubjectRef
    index: int


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent this wallet signed; `index` derives its holder account. `package` is the consent package as JSON."""

    consent: ConsentId
    grantee: ParticipantId
    holder: Address
    subject: SubjectRef
    index: int
    status: str
    package: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wallet:
    """Everything the patient holds. `custodians` are their X25519 keys as this wallet first saw them."""

    mnemonic: str
    subjects: tuple[OwnSubject, ...] = ()
    holders: Mapping[ParticipantId, int] = field(default_factory=dict)
    consents: tuple[GivenConsent, ...] = ()
    custodians: Mapping[ParticipantId, bytes] = field(default_factory=dict)

    def subject_at(self, source: ParticipantId) -> OwnSubject:
        """The subject at a source.

        Raises:
            NotFoundError: never claimed.
        """
        for own in self.subjects:
            if own.source == source:
                return own
        raise NotFoundError("this wallet has claimed no subject at that source: run `salus patient claim` first")

    def consent(self, consent: ConsentId) -> GivenConsent:
        """A consent by id.

        Raises:
            NotFoundError: not signed by this wallet.
        """
        for given in self.consents:
            if given.consent == consent:
                return given
        raise NotFoundError("this wallet has not signed that consent: `salus patient consents` lists its own")

    def next_controller(self) -> int:
        """Index of a controller account that no subject here has: one account for two sources would join them."""
        return max((own.index for own in self.subjects), default=-1) + 1

    def holder_index(self, grantee: ParticipantId) -> int:
        """Index of the holder account for a grantee: the known one, or the next free one."""
        return self.holders.get(grantee, len(self.holders))

    def with_subject(self, own: OwnSubject) -> Wallet:
        """The wallet with one more subject."""
        others = tuple(known for known in self.subjects if known.source != own.source)
        return replace(self, subjects=(*others, own))

    def with_consent(self, given: GivenConsent) -> Wallet:
        """The wallet with a consent added, or its state changed."""
        others = tuple(known for known in self.consents if known.consent != given.consent)
        return replace(self, consents=(*others, given), holders={**self.holders, given.grantee: given.index})


def save(wallet: Wallet, path: Path, passphrase: str) -> None:
    """Write the wallet, sealed; the old file stays until the new one is complete on disk."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    head = _MARKER + salt + nonce
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, canonical(_to_json(wallet)), head)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(head + sealed)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def load(path: Path, passphrase: str) -> Wallet:
    """Read a wallet.

    Raises:
        SetupError: there is none at that path.
        InputError: wrong passphrase, or not a wallet.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise SetupError(f"there is no wallet at {path}: run `salus patient new` first") from error
    end = len(_MARKER) + _SALT + _NONCE
    if raw[: len(_MARKER)] != _MARKER or len(raw) < end + 16:
        raise InputError("the file is not a Salus wallet")
    salt, nonce = raw[len(_MARKER) : len(_MARKER) + _SALT], raw[end - _NONCE : end]
    try:
        return _from_json(parse(AESGCM(_key(passphrase, salt)).decrypt(nonce, raw[end:], raw[:end])))
    except InvalidTag as error:
        raise InputError("wrong passphrase, or a damaged wallet file") from error


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_SCRYPT_N, r=8, p=1).derive(passphrase.encode())


def _to_json(wallet: Wallet) -> dict[str, Any]:
    return {
        "version": 1,
        "mnemonic": wallet.mnemonic,
        "subjects": [
            {"source": hex32(own.source), "subjectRef": hex32(own.subject), "index": own.index}
            for own in wallet.subjects
        ],
        "holders": {hex32(grantee): index for grantee, index in wallet.holders.items()},
        "custodians": {hex32(custodian): hex32(key) for custodian, key in wallet.custodians.items()},
        "consents": [
            {
                "consentId": hex32(given.consent),
                "grantee": hex32(given.grantee),
                "holder": given.holder,
                "subjectRef": hex32(given.subject),
                "index": given.index,
                "status": given.status,
                "package": dict(given.package),
            }
            for given in wallet.consents
        ],
    }


def _from_json(value: Mapping[str, Any]) -> Wallet:
    return Wallet(
        mnemonic=str(value["mnemonic"]),
        subjects=tuple(
            OwnSubject(
                ParticipantId(from_hex(own["source"])), SubjectRef(from_hex(own["subjectRef"])), int(own["index"])
            )
            for own in value["subjects"]
        ),
        holders={ParticipantId(from_hex(g)): int(index) for g, index in value["holders"].items()},
        consents=tuple(
            GivenConsent(
                ConsentId(from_hex(given["consentId"])),
                ParticipantId(from_hex(given["grantee"])),
                Address(given["holder"]),
                SubjectRef(from_hex(given["subjectRef"])),
                int(given["index"]),
                str(given["status"]),
                given["package"],
            )
            for given in value["consents"]
        ),
        custodians={ParticipantId(from_hex(c)): from_hex(key, 32) for c, key in value.get("custodians", {}).items()},
    )
