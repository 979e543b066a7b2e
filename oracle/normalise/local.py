"""Z segments: what a sender adds to HL7 for itself is kept as sent, in an extension of the record it came with.

Its words are labelled like all others. No meaning is read into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oracle.hl7.message import Repetition, Segment

Json = dict[str, Any]

URL = "urn:salus:fhir:z-segment"


def is_local(segment: Segment) -> bool:
    """Whether a segment is one of the sender's own (HL7 v2.9 section 2.17.2)."""
    return segment.name.startswith("Z")


def keep(head: Json, segments: Iterable[Segment]) -> tuple[str, ...]:
    """Put segments into the extensions of a head; their words, for labelling."""
    texts = []
    for segment in segments:
        kept = _readable(segment.raw).strip()
        head["extension"] = [*head.get("extension", []), {"url": URL, "valueString": kept}]
        texts.append(Repetition(segment.raw, segment.separators).whole())
    return tuple(texts)


def _readable(text: str) -> str:
    """As sent, but for control characters, which a FHIR string may not hold."""
    return text if text.isprintable() else "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")
