"""Bodies of deposits, lists, releases and destructions, as frozen values. Source: docs/protocol.md section 8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from salus.core.access import MAX_RECORDS, Access
from salus.core.canonical import integer
from salus.core.codes import Code
from salus.core.consent import Consent, TermOpening
from salus.core.eip712 import Domain
from salus.core.errors import InputError, ProofError, RefusedError
from salus.core.ids import (
    Address,
    ConsentId,
    LeafHash,
    ParticipantId,
    RecordId,
    Root,
    SubjectRef,
    from_hex,
    read_address,
)
from salus.core.package import ConsentPackage

T = TypeVar("T")
PAGE = 256
MAX_OPENING_BYTES = 4096


@dataclass(frozen=True, slots=True)
class DepositBody:
    """A sealed batch for this custodian."""

    source: ParticipantId
    root: Root
    custodian_set: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: after which leaf, how many items, and whether older versions too."""

    after: LeafHash | None
    limit: int
    history: bool


@dataclass(frozen=True, slots=True)
class Second:
    """Signature of a second operator over the same call without this member."""

    signer: Address
    signature: bytes


@dataclass(frozen=True, slots=True)
class ListBody:
    """What to list: records inside a consent package, all of a subject, or what a package left out.

    `second` stands beside a subject in an emergency. `withheld_for` is a package (what would be left out now) or a
    consentId (what was left out of each list given).
    """

    package: ConsentPackage | None
    subject: SubjectRef | None
    second: Second | None
    withheld_for: ConsentPackage | ConsentId | None
    page: Page


@dataclass(frozen=True, slots=True)
class ReleaseBody:
    """An access, what it rests on, and the complete list of leaves it names."""

    access: Access
    consent: Consent | None
    link: bytes | None
    openings: tuple[TermOpening, ...]
    excluded: tuple[LeafHash, ...]
    leaves: tuple[LeafHash, ...]
    history: bool
    session_key: bytes | None
    user_opening: str | None


@dataclass(frozen=True, slots=True)
class DestroyBody:
    """A record of a source, as far as it is of one subject."""

    source: ParticipantId
    record: RecordId
    subject: SubjectRef


def read_deposit(body: Mapping[str, Any]) -> DepositBody:
    """Read the body of a deposit.

    Raises:
        InputError: malformed.
    """
    return _read(
        lambda: DepositBody(
            ParticipantId(from_hex(body["sourceId"])),
            Root(from_hex(body["root"])),
            integer(body["custodianSet"], 32),
            from_hex(body["sealed"], None),
        )
    )


def read_list(body: Mapping[str, Any], consents: Domain) -> ListBody:
    """Read the body of a list; `consents` is the ConsentRegistry's domain.

    Raises:
        InputError: malformed, or it names none or several things to list.
        RefusedError: TERMS_INVALID.
    """
    page = Page(
        _maybe(body, "after", lambda value: LeafHash(from_hex(value))),
        integer(body.get("limit", PAGE), 16),
        _flag(body, "history"),
    )
    if not 1 <= page.limit <= MAX_RECORDS:
        raise InputError(f"a page has 1 to {MAX_RECORDS} items")
    package = _maybe(body, "package", lambda value: _package(value, consents))
    subject = _maybe(body, "subject", lambda value: SubjectRef(from_hex(value)))
    withheld: ConsentPackage | ConsentId | None = _maybe(
        body,
        "withheldFor",
        lambda value: ConsentId(from_hex(value)) if isinstance(value, str) else _package(value, consents),
    )
    second = _maybe(
        body, "second", lambda value: Second(read_address(value["signer"]), from_hex(value["signature"], 65))
    )
    if (package is None) == (subject is None and withheld is None):
        raise InputError("a list names a package, a subject, or what a consent left out")
    return ListBody(package, subject, second, withheld, page)


def read_release(body: Mapping[str, Any]) -> ReleaseBody:
    """Read the body of a release.

    Raises:
        InputError: malformed.
    """
    return _read(
        lambda: ReleaseBody(
            Access.from_json(body["access"]),
            _maybe(body, "consent", Consent.from_json),
            _maybe(body, "link", lambda value: from_hex(value, None)),
            tuple(TermOpening.from_json(item) for item in body.get("terms") or ()),
            tuple(LeafHash(from_hex(leaf)) for leaf in body.get("excluded") or ()),
            tuple(LeafHash(from_hex(leaf)) for leaf in body["leaves"]),
            _flag(body, "history"),
            _maybe(body, "sessionKey", from_hex),
            _maybe(body, "userOpening", _opening),
        )
    )


def read_destroy(body: Mapping[str, Any]) -> DestroyBody:
    """Read the body of a destruction.

    Raises:
        InputError: malformed.
    """
    return _read(
        lambda: DestroyBody(
            ParticipantId(from_hex(body["sourceId"])),
            RecordId(from_hex(body["recordId"])),
            SubjectRef(from_hex(body["subjectRef"])),
        )
    )


def _read(make: Callable[[], T]) -> T:
    try:
        return make()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("the body of the call is malformed") from error


def _maybe(body: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T | None:
    value = body.get(name)
    return None if value is None else _read(lambda: read(value))


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InputError(f"{name} is true or false")
    return value


def _opening(value: Any) -> str:
    if len(from_hex(value, None)) > MAX_OPENING_BYTES:
        raise InputError("the sealed opening of userDigest is too long")
    return str(value)


def _package(value: Any, consents: Domain) -> ConsentPackage:
    try:
        return ConsentPackage.from_json(value, consents)
    except ProofError as error:
        raise RefusedError(Code.TERMS_INVALID) from error
