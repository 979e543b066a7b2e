"""Linking two subjects of one source that are one patient: the typed data that controllers agree to.

An unlinking names no survivor (32 zero bytes) and needs the agreement of the merged subject's controller only.
Source: docs/protocol.md section 4 (SubjectLink).
"""

from __future__ import annotations

from typing import Any

from salus.core.eip712 import Domain, StructType
from salus.core.ids import SubjectRef
from salus.core.journal import LinkKind, OpenLink
from salus.core.ports import Signer

LINK_TYPE = StructType(
    "SubjectLink", ("bytes32", "subjectRef"), ("bytes32", "survivor"), ("uint64", "nonce"), ("uint64", "deadline")
)


def link_values(subject: SubjectRef, survivor: SubjectRef, nonce: int, deadline: int) -> dict[str, Any]:
    """Members of SubjectLink; `nonce` is the merged subject's, `deadline` Unix seconds."""
    return {"subjectRef": subject, "survivor": survivor, "nonce": nonce, "deadline": deadline}


def sign_link(
    controller: Signer, subject: SubjectRef, survivor: SubjectRef, nonce: int, deadline: int, domain: Domain
) -> bytes:
    """A controller's agreement; `domain` is the SubjectRegistry's."""
    return controller.sign(LINK_TYPE.digest(domain, link_values(subject, survivor, nonce, deadline)))


def signers_of(one: OpenLink) -> list[SubjectRef]:
    """Subjects whose controllers must agree, if they have one: of both to link, of the merged one to part them."""
    if one.kind is LinkKind.UNLINK:
        return [one.subject.subject]
    return [one.subject.subject, one.survivor.subject]
