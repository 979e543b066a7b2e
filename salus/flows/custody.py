"""Speaking to custodians: sign a call, ask every custodian of a set at once, agree on what they list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from salus.core.calls import UnsignedCall
from salus.core.cid import cid_of
from salus.core.codes import Code
from salus.core.eip712 import Domain
from salus.core.errors import InputError, IntegrityError, RefusedError, SalusError, UnavailableError
from salus.core.ids import LeafHash, ParticipantId, RecordId, from_hex
from salus.core.ports import Clock, CustodianClient, Randomness, Signer

NONCE_BYTES = 32
PAGE = 1024


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
                int(value["version"]),
                from_hex(value["envelopeDigest"]),
                from_hex(value["contentCommitment"]),
                int(value["categories"]),
                int(value["level"]),
                int(value["confidentiality"]),
                int(value["form"]),
                int(value["firstDay"]),
                int(value["lastDay"]),
                int(value["custodianSet"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("a custodian listed a malformed item") from error


@dataclass(frozen=True, slots=True)
class Answers:
    """What custodians answered, and why others did not."""

    given: dict[ParticipantId, dict[str, Any]]
    failed: dict[ParticipantId, SalusError]

    def require(self, at_least: int = 1) -> None:
        """Check that enough custodians answered.

        Raises:
            RefusedError: a custodian gave a code and too few answered.
            UnavailableError: too few are reachable.
        """
        if len(self.given) >= at_least:
            return
        refusals = [error for error in self.failed.values() if isinstance(error, RefusedError)]
        if refusals:
            raise RefusedError(_weightiest(refusals))
        raise UnavailableError(f"{len(self.given)} of {at_least} custodians needed answered")


_PASSING = {Code.NODE_STALE, Code.ACCESS_NOT_FINAL, Code.ACCESS_UNKNOWN, Code.CALL_STALE, Code.CUSTODIAN_INACTIVE}


def _weightiest(refusals: list[RefusedError]) -> Code:
    return next((error.code for error in refusals if error.code not in _PASSING), refusals[0].code)


def ask_all(custodians: Iterable[ParticipantId], ask: Callable[[ParticipantId], dict[str, Any]]) -> Answers:
    """Ask several custodians at once; an error of one does not disturb the others."""
    members = list(custodians)
    given: dict[ParticipantId, dict[str, Any]] = {}
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

    Raises:
        RefusedError: no custodian answered and one gave a code.
        UnavailableError: no custodian is reachable.
        IntegrityError: two custodians say different things of one leaf.
    """

    def ask(custodian: ParticipantId) -> dict[str, Any]:
        items: list[Any] = []
        after: str | None = None
        while True:
            page = dict(body, limit=PAGE) if after is None else dict(body, limit=PAGE, after=after)
            answer = client.list(custodian, caller.call("list", custodian, page))
            items += answer["items"]
            if not answer.get("more") or not answer["items"]:
                return {"items": items}
            after = answer["items"][-1]["leaf"]

    answers = ask_all(custodians, ask)
    answers.require()
    merged: dict[LeafHash, ListedRecord] = {}
    for answer in answers.given.values():
        for item in answer["items"]:
            record = ListedRecord.from_json(item)
            if merged.setdefault(record.leaf, record) != record:
                raise IntegrityError("custodians disagree about a record version")
    return sorted(merged.values(), key=lambda record: (record.first_day, record.leaf))
