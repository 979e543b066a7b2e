"""A source's own rules: what its local codes and words mean. They raise labels and never lower one.

A rule adds topics and a category (a record of two categories asks for consent to both) and lifts level and
confidentiality. Level 5 is restricted at least, as every topic's level is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from oracle.label.words import Finder, narrow, pieces, tight
from salus.core.labels import MAX_LEVEL, MIN_LEVEL, Category, Confidentiality, Topic
from salus.core.record import Code

ANY_SYSTEM: Final = "*"


@dataclass(frozen=True, slots=True)
class Raise:
    """What a code or word adds to an item. `level` is 1 to 5; what is below the item's own changes nothing."""

    topics: Topic = Topic(0)
    category: Category = Category(0)
    level: int = MIN_LEVEL
    confidentiality: Confidentiality = Confidentiality.U

    def __post_init__(self) -> None:
        if not MIN_LEVEL <= self.level <= MAX_LEVEL:
            raise ValueError(f"level must be {MIN_LEVEL} to {MAX_LEVEL}, got {self.level}")

    def joined(self, other: Raise) -> Raise:
        """Both at once, the higher of each."""
        return Raise(
            self.topics | other.topics,
            self.category | other.category,
            max(self.level, other.level),
            max(self.confidentiality, other.confidentiality),
        )


NOTHING: Final = Raise()


@dataclass(frozen=True, eq=False)
class LocalRules:
    """Rules of one source: by (system, code), and by words as `words` writes them (`HBV-X`, `pregnan*`, 乙肝).

    The system is the FHIR URI the mapping gives a code; "" is a code without one, "*" any. Compared and hashed by
    identity: made once when the source's settings are read.

    Raises:
        ValueError: an empty code or word.
    """

    codes: Mapping[tuple[str, str], Raise] = field(default_factory=dict)
    words: Mapping[str, Raise] = field(default_factory=dict)
    _finder: Finder = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not all(code for _, code in self.codes):
            raise ValueError("a local rule has no code")
        if not all(any(letter.isalnum() for letter in word) for word in self.words):
            raise ValueError("a local rule has no word")
        # each word has a bit of its own, so the finder tells which were there
        object.__setattr__(self, "_finder", Finder({word: 1 << place for place, word in enumerate(self.words)}))

    def asked(self, codes: tuple[Code, ...], texts: tuple[str, ...]) -> Raise:
        """What the rules ask for, together, of codes and words."""
        rules = [
            self.codes[system, code.code]
            for code in (codes if self.codes else ())
            for system in (code.system, ANY_SYSTEM)
            if (system, code.code) in self.codes
        ]
        if self.words:
            masks = self._masks((*texts, *(code.display for code in codes)))
            rules.extend(rule for place, rule in enumerate(self.words.values()) if masks >> place & 1)
        return _joined(rules)

    def _masks(self, texts: tuple[str, ...]) -> int:
        found = 0
        for text in dict.fromkeys(texts):
            for piece in pieces(text):
                found |= self._finder.masks(tight(narrow(piece).lower()))
        return found


def _joined(rules: list[Raise]) -> Raise:
    joined = NOTHING
    for rule in rules:
        joined = joined.joined(rule)
    return joined


NONE: Final = LocalRules()
