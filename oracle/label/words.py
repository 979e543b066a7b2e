"""Finding words in text, in time linear in the text. A `Finder` is made once from a table of words.

How a table writes a word: Latin words stand alone, a letter before or after makes another word (`HIV` is not in
`archive`); a trailing `*` allows any ending, `_` or `-` any gap, `#` any number. Words with a Hanzi in them match
anywhere. Case, full-width letters and blanks beside Hanzi don't matter.

A harmless word takes the words inside it out: 荨麻疹 (hives) hides 麻疹 (measles), `hearing aids` hides `aids`. Only
words wholly inside are hidden, so what stands beside still counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

# Letters and digits are tokens of their own, so HIV1, HIV-1 and anti-HIV all hold the word HIV. A run of anything
# beyond ASCII is a token too: no phrase reaches over it.
_TOKEN: Final = re.compile(r"[a-z]+|[0-9]+|[^\x00-\x7f]+")
_ANY_LATIN: Final = re.compile("[a-z0-9]")
_HANZI: Final = "\u3400-\u4dbf\u4e00-\u9fff"
_BLANK_BESIDE: Final = re.compile(rf"(?<=[{_HANZI}])\s+|\s+(?=[{_HANZI}])")
# Full-width letters, radicals, compatibility forms; what nobody sees: soft hyphens, zero widths, directions, variants
_UNSEEN: Final = (0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
_OTHER_FORMS: Final = (*range(0x2E80, 0x2FE0), *range(0xF900, 0xFB00))
_WIDE: Final[dict[int, int | str | None]] = (
    {0xFF01 + offset: 0x21 + offset for offset in range(94)}
    | {0x3000: 0x20}
    | {form: unicodedata.normalize("NFKC", chr(form)) for form in _OTHER_FORMS}
    | dict.fromkeys((*_UNSEEN, *range(0xFE00, 0xFE10)))
)
_ANY_WIDE: Final = re.compile(
    "[\uff01-\uff5e\u3000\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufe00-\ufe0f"
    "\u2e80-\u2fdf\uf900-\ufaff]"
)
# Longest text looked at in one piece, and how much of it the next piece repeats (more than any word is long)
_PIECE, _OVERLAP = 1 << 16, 96
_LONGEST_TOKEN = 24
# Flags in the lowest bits of a mask: the word is harmless; longer words begin with it
_FLAGS: Final = 2
_HARMLESS: Final = 1
_LONGER: Final = 2
# Tokens of the longest word a table may hold
_LONGEST_WORD = 8


@dataclass(slots=True)
class _Node:
    """What may follow the tokens so far: whole tokens, beginnings of a last token, and what the tokens mean."""

    after: dict[str, _Node] = field(default_factory=dict)
    stems: dict[str, int] = field(default_factory=dict)
    mask: int = 0


@dataclass(slots=True)
class _Letters:
    """A tree of letters, to be written as a regular expression."""

    after: dict[str, _Letters] = field(default_factory=dict)
    is_end: bool = False

    def written(self) -> str:
        branches = [re.escape(letter) + node.written() for letter, node in self.after.items()]
        if not branches:
            return ""
        joined = f"(?:{'|'.join(branches)})" if self.is_end or len(branches) > 1 else branches[0]
        return f"{joined}?" if self.is_end else joined


class Finder:
    """Masks of the words a text holds. `words` and `harmless` are written as the module says."""

    def __init__(self, words: Mapping[str, int], harmless: Iterable[str] = ()) -> None:
        self._hanzi: dict[str, int] = {}
        self._root = _Node()
        shifted = ((word, mask << _FLAGS) for word, mask in words.items())
        for word, mask in (*shifted, *((word, _HARMLESS) for word in harmless)):
            if word.isascii():
                self._add_latin(word.lower(), mask)
            else:
                plain = word.lower().replace("_", "")
                self._hanzi[plain] = self._hanzi.get(plain, 0) | mask
        self._any_hanzi = re.compile(_trie(self._hanzi)) if self._hanzi else None
        # a longer word begins with what its shorter ones mean
        self._at = {word: self._with_beginnings(word) for word in self._hanzi}
        self._lengths = tuple(sorted({len(stem) for stem in self._root.stems}))
        self._begins = lru_cache(maxsize=16384)(self._begin)

    def __reduce__(self) -> tuple[object, ...]:
        return Finder.__new__, (Finder,), self.__getstate__()

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_begins"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._begins = lru_cache(maxsize=16384)(self._begin)

    def masks(self, text: str) -> int:
        """Joined masks of the words in a text that is narrow, tight and in small letters."""
        found = 0
        if self._any_hanzi is not None and not text.isascii():
            found |= self._hanzi_masks(text)
        if _ANY_LATIN.search(text) is None:
            return found >> _FLAGS
        begins = self._begins
        tokens = _TOKEN.findall(text)
        places = [place for place, token in enumerate(tokens) if begins(token[:_LONGEST_TOKEN])]
        found |= self._latin_masks(tokens, places) if places else 0
        return found >> _FLAGS

    def _begin(self, token: str) -> int:
        """Mask of the words that are this token alone, with a flag when longer words begin with it."""
        root = self._root
        mask = 0
        for length in self._lengths:
            mask |= root.stems.get(token[:length], 0)
        for node in (root.after.get(token), root.after.get("#") if token.isdigit() else None):
            if node is not None:
                mask |= node.mask | (_LONGER if node.after or node.stems else 0)
        return mask

    def _latin_masks(self, tokens: list[str], places: list[int]) -> int:
        found, hidden_to = 0, 0
        for place in places:
            alone = self._begins(tokens[place][:_LONGEST_TOKEN])
            words = [(place + 1, alone)]
            if alone & _LONGER:
                words.extend(self._longer_at(tokens, place))
            for end, mask in words:
                if mask & _HARMLESS:
                    hidden_to = max(hidden_to, end)
            for end, mask in words:
                if end > hidden_to:
                    found |= mask
        return found

    def _longer_at(self, tokens: list[str], place: int) -> Iterator[tuple[int, int]]:
        """End and mask of each word of two tokens or more that begins at a token."""
        node = self._next(self._root, tokens[place])
        for end in range(place + 1, min(place + _LONGEST_WORD, len(tokens))):
            if node is None:
                return
            token = tokens[end]
            for stem, mask in node.stems.items():
                if token.startswith(stem):
                    yield end + 1, mask
            node = self._next(node, token)
            if node is not None and node.mask:
                yield end + 1, node.mask

    @staticmethod
    def _next(node: _Node, token: str) -> _Node | None:
        return node.after.get(token) or (node.after.get("#") if token.isdigit() else None)

    def _hanzi_masks(self, text: str) -> int:
        assert self._any_hanzi is not None  # noqa: S101 - asked for only when there are such words
        search, at = self._any_hanzi.search, self._at
        found, hidden_to = 0, 0
        match = search(text)
        while match is not None:
            mask = at[match.group()]
            if mask & _HARMLESS:
                hidden_to = max(hidden_to, match.end())
            elif match.end() > hidden_to:
                found |= mask
            match = search(text, match.start() + 1)
        return found

    def _add_latin(self, word: str, mask: int) -> None:
        *first, last = re.findall(r"[a-z]+|[0-9]+|#", word)
        node = self._root
        for token in first:
            node = node.after.setdefault(token, _Node())
        if word.endswith("*"):
            node.stems[last] = node.stems.get(last, 0) | mask
        else:
            end = node.after.setdefault(last, _Node())
            end.mask |= mask

    def _with_beginnings(self, word: str) -> int:
        mask = self._hanzi[word]
        if mask & _HARMLESS:
            return mask
        for length in range(1, len(word)):
            shorter = self._hanzi.get(word[:length], 0)
            mask |= shorter if not shorter & _HARMLESS else 0
        return mask


def pieces(text: str) -> Iterator[str]:
    """A text in pieces small enough for any memory; neighbours overlap by more than a word."""
    if len(text) <= _PIECE:
        yield text
        return
    yield text[:_PIECE]
    for start in range(_PIECE - _OVERLAP, len(text), _PIECE - _OVERLAP):
        # a letter in front, so that the cut isn't taken for the beginning of the text
        yield "一" + text[start : start + _PIECE]


def narrow(text: str) -> str:
    """A text with full-width letters made narrow and without what is not seen; case and blanks as sent."""
    if text.isascii() or not _ANY_WIDE.search(text):
        return text
    return text.translate(_WIDE)


def tight(text: str) -> str:
    """A text without the blanks beside its Hanzi: lines break inside Chinese words, and some systems space them."""
    return text if text.isascii() else _BLANK_BESIDE.sub("", text)


def _trie(words: Iterable[str]) -> str:
    """A regular expression that finds the longest of some words at the first place where one begins."""
    tree = _Letters()
    for word in words:
        node = tree
        for letter in word:
            node = node.after.setdefault(letter, _Letters())
        node.is_end = True
    return tree.written()
