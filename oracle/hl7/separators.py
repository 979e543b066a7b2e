"""The characters a message splits on, as its own MSH-1 and MSH-2 say.

Source: HL7 v2.9 sections 2.5.4 (message delimiters), 2.14.9.1 (MSH-1) and 2.14.9.2 (MSH-2).
"""

from __future__ import annotations

from dataclasses import dataclass

from oracle.hl7.errors import FieldError, Location, StructureError


@dataclass(frozen=True, slots=True)
class Separators:
    """Separator characters; `escape`, `subcomponent` and `truncation` are "" when the message has none."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def encoding_characters(self) -> str:
        """MSH-2 of a message with these separators."""
        return self.component + self.repetition + self.escape + self.subcomponent + self.truncation


STANDARD = Separators()


def separators_of(header: str) -> Separators:
    """Read the separators of a message from its MSH segment.

    Raises:
        StructureError: the text doesn't begin with MSH and a separator.
        FieldError: MSH-2 has not two to five different characters that can separate (printable signs of ASCII: every
            character set writes them alike, and none is a line end or a frame mark).
    """
    if not header.startswith("MSH") or len(header) < 5:
        raise StructureError("the message does not begin with an MSH segment", Location("MSH"))
    field = header[3]
    if not _can_separate(field):
        raise FieldError("this character can't separate fields", Location("MSH", field=1))
    characters = header[4:].split(field, 1)[0]
    if header.startswith("^~\\&", 4) and characters == "^~\\&":
        return STANDARD if field == "|" else Separators(field=field)
    usable = all(map(_can_separate, characters))
    distinct = len(set(characters + field)) == len(characters) + 1
    if not (2 <= len(characters) <= 5 and usable and distinct):
        raise FieldError("encoding characters must be two to five different signs", Location("MSH", field=2))
    component, repetition, *rest = list(characters)
    escape, subcomponent, truncation = (*rest, "", "", "")[:3]
    return Separators(field, component, repetition, escape, subcomponent, truncation)


def _can_separate(sign: str) -> bool:
    return sign.isascii() and sign.isprintable() and not sign.isalnum() and sign not in ' "'
