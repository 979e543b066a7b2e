"""Sensitive topics of texts: words and names of drugs, in time linear in the text. Tables: `terms`, `drugs`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from oracle.label import terms
from oracle.label.drugs import DRUGS
from oracle.label.words import Finder, narrow, pieces, tight
from salus.core.labels import Topic


def topics_of_texts(texts: Iterable[str]) -> Topic:
    """Topics the words name."""
    found = 0
    for text in texts:
        found |= _topics_of_short(text) if len(text) <= _SHORT else _topics_of(text)
    return Topic(found) if found else _NONE


@lru_cache(maxsize=8192)
def _topics_of_short(text: str) -> int:
    """Names of tests and short results come many times a day."""
    return _topics_of(text)


def _topics_of(text: str) -> int:
    found = _WHOLE.get(text.strip().lower(), 0) if len(text) <= _LONGEST_WHOLE else 0
    for piece in pieces(text):
        found |= _topics_of_piece(narrow(piece))
    return found


def _topics_of_piece(text: str) -> int:
    loose = text.lower()
    folded = tight(loose)
    if "疫苗" in folded or "vaccin" in folded or "immuni" in folded:
        folded = terms.VACCINES.sub(" 疫苗 ", folded)
    found = _FINDER.masks(folded)
    if found & _GDIS and terms.GENE in folded:
        found = _without_germs(folded, found)
    for topics, marks, pattern in _PATTERNS:
        if any(mark in loose for mark in marks) and pattern.search(loose):
            found |= topics
    if loose != text:
        for match in _CASED.finditer(text):
            found |= _CASED_TOPICS.get(match.lastgroup or "", 0)
    return found


def _without_germs(folded: str, found: int) -> int:
    """Masks found anew, with the genes of germs left out of the text."""
    kept, end = [], 0
    for match in _GENE.finditer(folded):
        if terms.GERM_GENE.search(folded, max(0, match.start() - _BEFORE_GENE), match.start()):
            kept.append(folded[end : match.start()])
            end = match.end()
    return _FINDER.masks("\n".join((*kept, folded[end:]))) if end else found


_SHORT: Final = 24
_BEFORE_GENE: Final = 10
_NONE: Final = Topic(0)
_GDIS: Final = int(Topic.GDIS)
_GENE: Final = re.compile(terms.GENE)


def _joined(*tables: dict[Topic, str]) -> dict[str, int]:
    words: dict[str, int] = {}
    for table in tables:
        for topic, line in table.items():
            for word in line.split():
                words[word] = words.get(word, 0) | int(topic)
    return words


def _cased() -> tuple[re.Pattern[str], dict[str, int]]:
    """One expression for the words in capitals, and the topics of its named groups; harmless ones come first."""
    parts = {f"t{place}": (int(topic), word) for place, (topic, word) in enumerate(terms.CASED.items())}
    joined = "|".join((terms.HARMLESS_CASED, *(f"(?P<{name}>{word})" for name, (_, word) in parts.items())))
    return re.compile(f"(?<![A-Za-z])(?:{joined})(?![A-Za-z])"), {name: topic for name, (topic, _) in parts.items()}


# Masks are plain numbers here: joining flags is slow, and this runs for every result
_FINDER: Final = Finder(_joined(terms.TERMS, DRUGS), terms.HARMLESS.split())
_WHOLE: Final = {text: int(topic) for topic, line in terms.WHOLE.items() for text in line.split("|")}
_LONGEST_WHOLE: Final = 2 + max(map(len, _WHOLE))
_PATTERNS: Final = tuple((int(topics), marks, re.compile(text)) for topics, (marks, text) in terms.PATTERNS.items())
_CASED, _CASED_TOPICS = _cased()
