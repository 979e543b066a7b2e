"""What an institution makes and says when it joins: its keys, its application, and how its membership reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli.output import clock
from cli.participant import machines
from cli.participant.hall import Hall
from salus.adapters.chain.address_book import enode_of
from salus.adapters.chain.participants import MachineKeys
from salus.adapters.keys import files, keystore, x25519
from salus.adapters.keys.signer import LocalSigner
from salus.core import hpke
from salus.core.days import SHANGHAI_OFFSET
from salus.core.errors import ConflictError, InputError
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, ParticipantId, from_hex, hex32
from salus.core.membership import Membership
from salus.core.policy import ParticipantRole
from salus.core.state import ParticipantKind
from salus.flows.admit import Applicant, apply

_SALT = keccak(b"salus.application.v1")
"""One account applies once in its life, so the id needs no other salt: who asks twice gets the same one."""


@dataclass(frozen=True, slots=True)
class JoiningKeys:
    """Key files of an institution that joins: its operator, its encryption key, the passphrase of both."""

    operator: Path
    sealing: Path
    passphrase_file: Path

    @classmethod
    def in_folder(cls, folder: Path) -> JoiningKeys:
        """Where `make` puts them."""
        return cls(folder / "operator.json", folder / "sealing.key", folder / "passphrase")

    def make(self, cost: int = keystore.STANDARD, sealing_cost: int = x25519.STANDARD) -> None:
        """Create what is missing; what exists stays as it is. Costs are of scrypt, as the key adapters have them."""
        if not self.passphrase_file.exists():
            files.write_new(self.passphrase_file, (os.urandom(16).hex() + "\n").encode())
        if not self.operator.exists():
            keystore.create(self.operator, self.passphrase, os.urandom, cost)
        if not self.sealing.exists():
            x25519.create(self.sealing, self.passphrase, os.urandom, sealing_cost)

    @property
    def passphrase(self) -> str:
        """Passphrase of both files."""
        return files.read_passphrase(self.passphrase_file)

    def signer(self) -> LocalSigner:
        """The operator."""
        return keystore.load(self.operator, self.passphrase)

    def encryption_key(self) -> bytes:
        """Public encryption key, 32 bytes."""
        return hpke.public_key(x25519.load(self.sealing, self.passphrase))


def ask_to_join(
    hall: Hall, keys: JoiningKeys, kind: ParticipantKind, accreditation: bytes, of: MachineKeys
) -> tuple[ParticipantId, Membership]:
    """Apply, or find the application that was made before; returns id and what the registry has.

    Raises:
        ConflictError: the account applied before, with other words or other machines.
    """
    signer = keys.signer()
    applicant = Applicant(signer.address, kind, keys.encryption_key(), _SALT, accreditation, of.node_key, of.validator)
    participant = apply(applicant, hall.chain.writer([signer]), hall.chain.reader)
    found = hall.once(participant)
    asked = (int(kind), accreditation, applicant.encryption_key, of.node_key, of.validator)
    has = (found.kind, found.accreditation, found.encryption_key, found.node_key, found.validator)
    if asked != has:
        raise ConflictError(
            f"{signer.address} applied before, with other documents or keys ({hex32(participant)}): the Council "
            "changes them by `salus participant renew` once it is admitted; or apply with a new operator",
            advice=f"`salus participant show {hex32(participant)}` says with which; `salus participant keys FOLDER` "
            "makes a new operator.",
        )
    return participant, found


def read_digest(given: str) -> bytes:
    """Digest of the accreditation documents: `0x` and 64 hex digits, or a file, whose Keccak-256 it is.

    Raises:
        InputError: neither.
    """
    if given.startswith("0x"):
        return from_hex(given)
    try:
        return keccak(Path(given).read_bytes())
    except OSError as error:
        raise InputError(f"{given} is no file that can be read, nor 0x and 64 hex digits") from error


def read_roles(text: str) -> ParticipantRole:
    """Roles by name, with commas between: "source,care".

    Raises:
        InputError: another name.
    """
    names = {str(role.name).lower(): role for role in ParticipantRole}
    roles = ParticipantRole(0)
    for name in (part.strip().lower() for part in text.split(",")):
        if name not in names:
            raise InputError(f"{name!r} is no role; there are: {', '.join(names)}")
        roles |= names[name]
    return roles


def read_day(text: str) -> int:
    """End of a civil day in Asia/Shanghai, in Unix seconds: "2027-11-30" ends where 1 December begins.

    Raises:
        InputError: no date.
    """
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(f"{text!r} is no date: write it like 2027-11-30") from error
    return int((day + timedelta(days=1)).timestamp()) - SHANGHAI_OFFSET


def facts(participant: ParticipantId, found: Membership) -> dict[str, Any]:
    """A membership for `--json`; node and validator are null where there is none."""
    runs = found.node_key != machines.NONE.node_key
    return {
        "participant": hex32(participant),
        "status": found.status.name,
        "kind": ParticipantKind(found.kind).name,
        "roles": [role.name for role in found.roles],
        "accreditedUntil": found.accredited_until,
        "hourlyQuota": found.hourly_quota,
        "principal": found.principal,
        "accreditation": hex32(found.accreditation),
        "encryptionKey": hex32(found.encryption_key),
        "nodeKey": found.node_key.hex() if runs else None,
        "validator": found.validator if found.validator != ZERO_ADDRESS else None,
    }


def told(participant: ParticipantId, found: Membership) -> list[str]:
    """A membership for people."""
    value = facts(participant, found)
    until = clock(found.accredited_until) if found.accredited_until else "—"
    node = enode_of(found.node_key, None) if value["nodeKey"] else "none"
    rows = {
        "participant": value["participant"],
        "standing": value["status"],
        "kind": value["kind"],
        "roles": ", ".join(value["roles"]) or "—",
        "accredited until": until,
        "requests an hour": found.hourly_quota,
        "principal": value["principal"],
        "documents": value["accreditation"],
        "encryption key": value["encryptionKey"],
        "node": node,
        "validator": value["validator"] or "none",
    }
    return [f"{name:<17} {text}" for name, text in rows.items()]
