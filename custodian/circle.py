"""Circle: the helpers of one repair session, as the custodian asks them that lost its shares.

All are asked at once; an answer counts only if all of them give theirs, with signatures that hold. Who fails is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from custodian.ports import Helpers
from custodian.repair import VERB, is_signed
from custodian.rules import Custodian, View
from salus.core import hpke
from salus.core.errors import EnvelopeError, InputError, SalusError, UnavailableError
from salus.core.ids import ZERO32, LeafHash, ParticipantId, from_hex
from salus.core.repair import PART_BYTES, Session, unmasked
from salus.core.repair_wire import (
    GONE_PAGE,
    HeldRecord,
    HelperKey,
    HelperPart,
    RepairBody,
    Step,
    decode_pairs,
    decode_records,
)
from salus.flows.custody import Answers, Caller, ask_all

T = TypeVar("T")
MAX_PAGES = 1000


class HelperError(SalusError):
    """Helpers that did not answer as they should: `failed`, with the reason. `away` when one may answer later."""

    def __init__(self, failed: Mapping[ParticipantId, str], *, away: bool = False) -> None:
        super().__init__("; ".join(f"custodian 0x{one.hex()}: {why}" for one, why in failed.items()))
        self.failed = dict(failed)
        self.away = away


@dataclass(frozen=True, slots=True)
class Told:
    """What helpers tell of a batch: record versions by leaf, who tells of each, and of which leaves all do."""

    records: dict[LeafHash, HeldRecord]
    by: dict[LeafHash, frozenset[ParticipantId]]
    by_all: frozenset[LeafHash]


class Circle:
    """One session with its helpers; `count` is how many record versions its batch has."""

    def __init__(
        self,
        custodian: Custodian,
        helpers: Helpers,
        session: Session,
        members: Sequence[ParticipantId],
        view: View,
        count: int,
    ) -> None:
        self.session = session
        self._count = count
        self._custodian = custodian
        self._helpers = helpers
        self._members = members
        self._view = view
        self._caller = Caller(custodian.signer, custodian.salus, custodian.clock, custodian.random)
        self._keys: dict[ParticipantId, HelperKey] = {}
        self._bonds: dict[ParticipantId, dict[ParticipantId, bytes]] = {}
        self.lacking: dict[ParticipantId, set[LeafHash]] = {}

    def meet(self) -> Told:
        """What any of the helpers holds of the batch.

        Raises:
            HelperError: one did not answer, or wrongly.
        """
        held: dict[LeafHash, HeldRecord] = {}
        by: dict[LeafHash, frozenset[ParticipantId]] = {}
        for helper, records in self._all(self._met).items():
            for one in records:
                leaf = one.leaf.hash(self.session.chain_id)
                if one.note or leaf not in held:  # not each helper has the note
                    held[leaf] = one
                by[leaf] = by.get(leaf, frozenset()) | {helper}
        everybody = frozenset(self.session.helpers)
        return Told(held, by, frozenset(leaf for leaf, tellers in by.items() if tellers == everybody))

    def parts(self, leaves: Sequence[LeafHash]) -> dict[LeafHash, dict[ParticipantId, bytes]]:
        """Parts of the leaves that all helpers gave one of.

        Raises:
            HelperError: one did not answer, or wrongly.
        """
        if len(self._keys) < len(self.session.helpers):
            self.meet()
        answers = self._all(lambda helper: self._shared(helper, leaves)[0])
        self.lacking = {helper: set(leaves) - parts.keys() for helper, parts in answers.items()}
        common = set(leaves).intersection(*answers.values())
        return {leaf: {helper: answers[helper][leaf] for helper in self.session.helpers} for leaf in common}

    def answers(self, leaf: LeafHash) -> dict[ParticipantId, HelperPart]:
        """Signed parts of the leaf that the session is for.

        Raises:
            HelperError: one did not answer, or wrongly.
        """
        self.meet()
        found: dict[ParticipantId, HelperPart] = {}
        for helper, (parts, signature) in self._all(lambda helper: self._shared(helper, [leaf])).items():
            if leaf not in parts:
                raise HelperError({helper: "gives no part any more"})
            found[helper] = HelperPart(parts[leaf], signature)
        return found

    def opened(self, answers: Mapping[ParticipantId, HelperPart], envelope: bytes) -> Answers[bytes]:
        """The shares that helpers used, of those that show their key of a session for one leaf."""
        keys = {helper: shown.key for helper, shown in self._keys.items()}

        def open_one(helper: ParticipantId) -> bytes:
            body = RepairBody.of(
                Step.OPEN, self.session, keys=self._keys_for(helper), answers=answers, envelope=envelope
            )
            private_key = self._sealed(helper, self._ask(helper, body), "key")
            return unmasked(self.session, helper, private_key, keys, answers[helper].part, self._members)

        return ask_all(self.session.helpers, open_one)

    def gone(self) -> Iterator[dict[LeafHash, bytes]]:
        """Leaves of the source that all helpers have erased, with the ids of their orders, in portions.

        A page of each is held at a time, however long a list one of them makes up.

        Raises:
            HelperError: one did not answer, or wrongly, or its list does not end.
        """
        after = ZERO32
        for _ in range(MAX_PAGES):
            pages = self._all(partial(self._erased, after=after))
            ends = {helper: max(page) for helper, (page, more) in pages.items() if more and page}
            upto = min(ends.values(), default=None)
            first, *others = (page for page, _ in pages.values())
            yield {
                leaf: order
                for leaf, order in first.items()
                if (upto is None or leaf <= upto) and all(other.get(leaf) == order for other in others)
            }
            if upto is None:
                return
            after = upto
        raise HelperError({min(ends, key=lambda helper: ends[helper]): "its list does not end"})

    def _met(self, helper: ParticipantId) -> list[HeldRecord]:
        answer = self._ask(helper, RepairBody.of(Step.MEET, self.session))
        try:
            shown = HelperKey.from_json(answer)
            bonds = {ParticipantId(from_hex(to)): from_hex(bond) for to, bond in answer["bonds"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("answers in another form") from error
        digest = self.session.key_digest(self._custodian.salus, helper, shown.key)
        self._require_signed(helper, digest, shown.signature)
        if bonds.keys() != set(self.session.helpers) - {helper}:
            raise InputError("has no bond to the others")
        self._keys[helper], self._bonds[helper] = shown, bonds
        records = decode_records(self._sealed(helper, answer, "records"), self.session.custodian_set)
        if len(records) > self._count:
            raise InputError("tells of more record versions than the batch has")
        return records

    def _shared(self, helper: ParticipantId, leaves: Sequence[LeafHash]) -> tuple[dict[LeafHash, bytes], bytes]:
        body = RepairBody.of(Step.SHARE, self.session, leaves=tuple(leaves), keys=self._keys_for(helper))
        answer = self._ask(helper, body)
        parts = decode_pairs(self._sealed(helper, answer, "parts"))
        if not parts.keys() <= set(leaves) or any(len(part) != PART_BYTES for part in parts.values()):
            raise InputError("answers for other leaves")
        keys = {one: shown.key for one, shown in self._keys.items()}
        signature = _signature(answer)
        self._require_signed(helper, self.session.answer_digest(self._custodian.salus, helper, keys, parts), signature)
        return parts, signature

    def _erased(self, helper: ParticipantId, after: bytes) -> tuple[dict[LeafHash, bytes], bool]:
        """A page of what a helper has erased, and whether there is more."""
        answer = self._ask(helper, RepairBody.of(Step.GONE, self.session, after=after))
        page = decode_pairs(self._sealed(helper, answer, "gone"))
        if len(page) > GONE_PAGE or (page and min(page) <= after):
            raise InputError("tells of more than a page holds, or of what was told before")
        return page, bool(answer.get("more"))

    def _keys_for(self, reader: ParticipantId) -> dict[ParticipantId, HelperKey]:
        return {
            helper: HelperKey(shown.key, shown.signature, self._bonds[helper].get(reader, b""))
            for helper, shown in self._keys.items()
        }

    def _ask(self, helper: ParticipantId, body: RepairBody) -> dict[str, Any]:
        return self._helpers.repair(helper, self._caller.call(VERB, helper, body.to_json()))

    def _sealed(self, helper: ParticipantId, answer: dict[str, Any], what: str) -> bytes:
        try:
            sealed = from_hex(answer["sealed"], None)
            return hpke.open_sealed(sealed, self._custodian.encryption_key, self.session.sealed_info(helper, what))
        except (KeyError, TypeError, EnvelopeError, InputError) as error:
            raise InputError("seals to another key than this custodian has") from error

    def _require_signed(self, helper: ParticipantId, digest: bytes, signature: bytes) -> None:
        if not is_signed(self._custodian, helper, digest, signature, self._view):
            raise InputError("does not sign what it says")

    def _all(self, ask: Callable[[ParticipantId], T]) -> dict[ParticipantId, T]:
        answers = ask_all(self.session.helpers, ask)
        if answers.failed:
            failed = answers.failed
            away = any(isinstance(error, UnavailableError) for error in failed.values())
            raise HelperError({helper: str(error) for helper, error in failed.items()}, away=away)
        return answers.given


def _signature(answer: dict[str, Any]) -> bytes:
    try:
        return from_hex(answer["signature"], 65)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("answers without a signature") from error
