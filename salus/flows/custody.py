"""Speaking to custodians: sign a call, ask every custodian of a set at once, agree on what they list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from salus.core.calls import UnsignedCall
from salus.core.canonical import integer
from salus.core.cid import cid_of
from salus.core.codes import Code
from salus.core.eip712 import Domain
from salus.core.errors import InputError, IntegrityError, RefusedError, SalusError, UnavailableError
from salus.core.ids import LeafHash, ParticipantId, RecordId, from_hex, hex32
from salus.core.ports import Clock, CustodianClient, Randomness, Signer

NONCE_BYTES = 32
PAGE = 1024
MAX_PAGES = 100
LEAST_THRESHOLD = 2
"""No custodian set has a lower threshold (ParticipantRegistry.formCustodianSet)."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who speaks: a signer under the deployment's `Salus` domain, with a clock and a source of nonces."""

    signer: Signer
    domain: Domain
    clock: Clock
    random: Randomness

    def call(self, verb: str, custodian: ParticipantId, body: dict[str, Any]) -> dict[str, Any]:
        """A signed call in JSON form."""
        unsigned = UnsignedCall(verb, custodian, body, self.clock.now(), self.random(NONCE_BYTES))
        return unsigned.signed(self.signer.address, self.signer.sign(unsigned.digest(self.domain)))


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """One record version as custodians list it to a reader; everything but the subject."""

    leaf: LeafHash
    record_id: RecordId
    version: int
    envelope_digest: bytes
    content_commitment: bytes
    categories: int
    level: int
    confidentiality: int
    form: int
    first_day: int
    last_day: int
    custodian_set: int

    @property
    def cid(self) -> str:
        """Content identifier of the envelope."""
        return cid_of(self.envelope_digest)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ListedRecord:
        """Read one listed item.

        Raises:
            InputError: malformed.
        """
        try:
            return cls(
                LeafHash(from_hex(value["leaf"])),
                RecordId(from_hex(value["recordId"])),
                integer(value["version"], 32),
                from_hex(value["envelopeDigest"]),
                from_hex(value["contentCommitment"]),
                integer(value["categories"], 64),
                integer(value["level"], 8),
                integer(value["confidentiality"], 8),
                integer(value["form"], 8),
                integer(value["firstDay"], 32),
                integer(value["lastDay"], 32),
                integer(value["custodianSet"], 32),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("a custodian listed a malformed item") from error


@dataclass(frozen=True, slots=True)
class Released:
    """One custodian's answer to a release: sealed shares by leaf (outer, and inner if there is one), codes by leaf."""

    shares: dict[LeafHash, tuple[bytes, bytes | None]]
    refused: dict[LeafHash, Code]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Released:
        """Read the answer. A share that is no hex counts as an empty one: its custodian lies.

        Raises:
            InputError: malformed.
        """
        try:
            return cls(
                {
                    LeafHash(from_hex(item["leaf"])): (
                        _sealed(item["sealed"]),
                        _sealed(item["inner"]) if "inner" in item else None,
                    )
                    for item in value["shares"]
                },
                {LeafHash(from_hex(item["leaf"])): Code(integer(item["code"])) for item in value["refused"]},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("a custodian answered a release in another form") from error


def _sealed(value: Any) -> bytes:
    try:
        return from_hex(value, None)
    except InputError:
        return b""


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What custodians answered, and why others did not."""

    given: dict[ParticipantId, T]
    failed: dict[ParticipantId, SalusError]

    def require(self, at_least: int = 1) -> None:
        """Check that enough custodians answered.

        Raises:
            RefusedError: a custodian gave a code and too few answered.
            UnavailableError: too few are reachable.
            SalusError: too few answered, and none of the others is just away: what the first of them said.
        """
        if len(self.given) >= at_least:
            return
        refusals = [error for error in self.failed.values() if isinstance(error, RefusedError)]
        if refusals:
            raise RefusedError(_weightiest(refusals))
        if self.failed and not any(isinstance(error, UnavailableError) for error in self.failed.values()):
            raise next(iter(self.failed.values()))
        raise UnavailableError(f"{len(self.given)} of {at_least} custodians needed answered")


_PASSING = {Code.NODE_STALE, Code.ACCESS_NOT_FINAL, Code.ACCESS_UNKNOWN, Code.CALL_STALE, Code.CUSTODIAN_INACTIVE}


def _weightiest(refusals: list[RefusedError]) -> Code:
    return next((error.code for error in refusals if error.code not in _PASSING), refusals[0].code)


def ask_all(custodians: Iterable[ParticipantId], ask: Callable[[ParticipantId], T]) -> Answers[T]:
    """Ask several custodians at once; an error of one does not disturb the others."""
    members = list(custodians)
    given: dict[ParticipantId, T] = {}
    failed: dict[ParticipantId, SalusError] = {}
    with ThreadPoolExecutor(max_workers=max(1, len(members))) as pool:
        pending = {member: pool.submit(ask, member) for member in members}
        for member, answer in pending.items():
            try:
                given[member] = answer.result()
            except SalusError as error:
                failed[member] = error
    return Answers(given, failed)


def list_records(
    caller: Caller, client: CustodianClient, custodians: Iterable[ParticipantId], body: dict[str, Any]
) -> list[ListedRecord]:
    """All record versions custodians list for a body (a consent package or a subject), oldest day first.

    A record is as most of those who list it say; one custodian that answers in another form, or without end, counts
    as one that did not answer. Where several answer, a record that one alone lists is left out: no set has a threshold
    below two, so nobody could open it, and made up it would widen the request until the chain denies it.

    Raises:
        RefusedError: no custodian answered and one gave a code.
        UnavailableError: no custodian is reachable.
        IntegrityError: custodians say different things of one leaf, and no version has a majority.
    """
    answers = ask_all(custodians, lambda custodian: _listed(caller, client, custodian, body))
    answers.require()
    said: dict[LeafHash, Counter[ListedRecord]] = {}
    for records in answers.given.values():
        for record in records:
            said.setdefault(record.leaf, Counter())[record] += 1
    enough = min(LEAST_THRESHOLD, len(answers.given))
    merged = [_agreed(versions) for versions in said.values() if versions.total() >= enough]
    return sorted(merged, key=lambda record: (record.first_day, record.leaf))


def _listed(
    caller: Caller, client: CustodianClient, custodian: ParticipantId, body: dict[str, Any]
) -> set[ListedRecord]:
    records: set[ListedRecord] = set()
    page = dict(body, limit=PAGE)
    for _ in range(MAX_PAGES):
        answer = client.list(custodian, caller.call("list", custodian, page))
        items = answer.get("items")
        if not isinstance(items, list):
            raise InputError("a custodian answered a list in another form")
        read = [ListedRecord.from_json(item) for item in items]
        records.update(read)
        if not answer.get("more") or not read:
            return records
        page = dict(body, limit=PAGE, after=hex32(read[-1].leaf))
    raise IntegrityError("a custodian's list does not end")


def _agreed(versions: Counter[ListedRecord]) -> ListedRecord:
    record, count = versions.most_common(1)[0]
    if 2 * count <= versions.total():
        raise IntegrityError("custodians disagree about a record version")
    return record
