"""Linking two subjects of one source that are one patient, and parting them: the typed data that controllers agree to.

A link needs both controllers' agreement, an unlinking one's: of either side, with that side's nonce. Who is not claimed
has nobody to ask. Source: docs/protocol.md section 4 (SubjectLink, SubjectUnlink).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from salus.core.eip712 import Domain, StructType
from salus.core.ids import SubjectRef
from salus.core.journal import OpenLink
from salus.core.ports import Signer

_SIDES = (("bytes32", "subjectRef"), ("bytes32", "survivor"))
_TAIL = (("uint64", "nonce"), ("uint64", "deadline"))
LINK_TYPE = StructType("SubjectLink", *_SIDES, *_TAIL)
UNLINK_TYPE = StructType("SubjectUnlink", *_SIDES, ("bytes32", "by"), *_TAIL)


@dataclass(frozen=True, slots=True)
class LinkWords:
    """What a controller signs: that two subjects are one patient or, when `by` is given, that they are not.

    `by` is the side that parts them; `nonce` is its nonce, and the merged subject's for a link. `deadline` is in Unix
    seconds.
    """

    subject: SubjectRef
    survivor: SubjectRef
    nonce: int
    deadline: int
    by: SubjectRef | None = None

    @property
    def members(self) -> tuple[Any, ...]:
        """The struct as the contract takes it."""
        side = () if self.by is None else (self.by,)
        return (self.subject, self.survivor, *side, self.nonce, self.deadline)

    def digest(self, domain: Domain) -> bytes:
        """What is signed; `domain` is the SubjectRegistry's."""
        return self._type.digest(domain, self._values)

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """The `eth_signTypedData_v4` JSON that a wallet shows."""
        return self._type.typed_data(domain, self._values)

    @property
    def _type(self) -> StructType:
        return LINK_TYPE if self.by is None else UNLINK_TYPE

    @property
    def _values(self) -> dict[str, Any]:
        return {name: value for (_, name), value in zip(self._type.members, self.members, strict=True)}


def sign_link(controller: Signer, words: LinkWords, domain: Domain) -> bytes:
    """A controller's agreement; `domain` is the SubjectRegistry's."""
    return controller.sign(words.digest(domain))


def sides_of(one: OpenLink) -> tuple[SubjectRef, SubjectRef]:
    """The subjects whose controllers are asked, if they have one: the merged one and the survivor."""
    return one.subject.subject, one.survivor.subject
