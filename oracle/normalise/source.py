"""What the mapping must know about a source institution besides its messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone

from oracle.hl7.timestamps import SHANGHAI


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """A source as its settings describe it.

    `authority` is the assigning authority of identifiers that name none. `charset` wins over MSH-18 when given. `zone`
    is assumed for time stamps without one. Every report of a check-up centre is check-up content.
    """

    name: str
    authority: str
    charset: str | None = None
    zone: timezone = SHANGHAI
    is_checkup_centre: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.authority:
            raise ValueError("a source needs a name and an assigning authority")
