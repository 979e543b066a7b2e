"""Packed calldata with bits beyond the last field, which a contract refuses (protocol section 4, Words)."""

from __future__ import annotations

from tests.vectors.makers.digests import access_words, consent_words
from tests.vectors.samples import Json, access, case, consent, word

_CONSENT_WIDTHS = {0: 160, 1: 160, 4: 208, 5: 240}
_ACCESS_WIDTHS = {2: 240, 6: 64}


def make() -> list[Json]:
    """`expected` says whether the words are clean; `input.struct` is ConsentWords or AccessWords."""
    return [
        *_cases("ConsentWords", consent_words(consent()), _CONSENT_WIDTHS),
        *_cases("AccessWords", access_words(access()), _ACCESS_WIDTHS),
    ]


def _cases(struct: str, words: list[str], widths: dict[int, int]) -> list[Json]:
    cases = [case(f"{struct}, clean", {"struct": struct, "words": words}, expected=True)]
    for index, width in widths.items():
        for bit in sorted({width, 255}):
            dirty = list(words)
            dirty[index] = word(int(words[index], 16) | 1 << bit)
            name = f"{struct}, bit {bit} of word {index}"
            cases.append(case(name, {"struct": struct, "words": dirty}, expected=False))
    return cases
