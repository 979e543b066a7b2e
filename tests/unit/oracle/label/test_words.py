"""The word finder: what stands alone, what matches anywhere, what hides what; it agrees with a slow reading."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.label.words import Finder, narrow, pieces, tight

A, B, C = 1, 2, 4


@pytest.mark.parametrize(
    ("word", "text", "is_found"),
    [
        ("hiv", "hiv", True),
        ("hiv", "anti-hiv1/2", True),
        ("hiv", "archive", False),
        ("hiv", "hive", False),
        ("hiv", "抗hiv抗体", True),
        ("depressi*", "depressive", True),
        ("depressi*", "depressed", False),
        ("tp-ab", "tp ab", True),
        ("tp-ab", "tpo-ab", False),
        ("tp-ab", "tp 抗 ab", False),
        ("cd4_count", "cd4 count", True),
        ("cd4_count", "cd4, cd8 count", False),
        ("ivf_at_#", "ivf at 100 cc", True),
        ("ivf_at_#", "ivf at home", False),
        ("child_abuse", "child", False),
        ("child_abuse", "the child abuse", True),
        ("梅毒", "抗梅毒抗体", True),
        ("梅毒", "梅", False),
        ("cd4细胞", "cd4细胞计数", True),
    ],
)
def test_finder__one_word__is_found_where_it_stands(word: str, text: str, is_found: bool) -> None:
    assert Finder({word: A}).masks(text) == (A if is_found else 0)


def test_finder__word_in_two_rows__means_both() -> None:
    assert Finder({"x": A | C, "y": B}).masks("x y") == A | B | C


def test_finder__hundred_words__each_has_its_own_bit() -> None:
    finder = Finder({f"word{chr(97 + n // 10)}{chr(97 + n % 10)}": 1 << n for n in range(100)})
    assert finder.masks("wordjj wordaa") == 1 << 99 | 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("麻疹", A),
        ("荨麻疹", 0),
        ("荨麻疹和麻疹", A),
        ("荨麻疹病毒", 0),
        ("depression", B),
        ("st depression", 0),
        ("st depression, depression", B),
        ("st", 0),
    ],
)
def test_finder__harmless_word__hides_only_what_is_inside(text: str, expected: int) -> None:
    finder = Finder({"麻疹": A, "depressi*": B}, ("荨麻疹", "st_depression"))
    assert finder.masks(text) == expected


def test_finder__words_that_overlap_or_begin_alike__are_all_found() -> None:
    assert Finder({"乙肝": A, "乙肝病毒": B, "病毒感染": C}).masks("乙肝病毒感染") == A | B | C


def test_finder__pickled__finds_the_same() -> None:
    finder = pickle.loads(pickle.dumps(Finder({"hiv": A, "梅毒": B}, ("x_hiv",))))
    assert finder.masks("hiv 梅毒") == A | B
    assert finder.masks("x hiv") == 0


WORDS = st.lists(st.text("甲乙丙", min_size=1, max_size=4), min_size=1, max_size=6, unique=True)


@given(WORDS, st.text("甲乙丙丁", max_size=30))
def test_finder__hanzi_words__agree_with_a_slow_reading(words: list[str], text: str) -> None:
    finder = Finder({word: 1 << place for place, word in enumerate(words)})
    assert finder.masks(text) == sum(1 << place for place, word in enumerate(words) if word in text)


LATIN = st.lists(
    st.lists(st.sampled_from(["ab", "b", "1", "cd"]), min_size=1, max_size=3).map("_".join),
    min_size=1,
    max_size=6,
    unique=True,
)


@given(LATIN, st.lists(st.sampled_from(["ab", "b", "1", "cd", "abcd", "22"]), max_size=20))
def test_finder__latin_words__agree_with_a_slow_reading(words: list[str], tokens: list[str]) -> None:
    finder = Finder({word: 1 << place for place, word in enumerate(words)})
    line = f" {' '.join(tokens)} "
    slow = sum(1 << place for place, word in enumerate(words) if f" {word.replace('_', ' ')} " in line)
    assert finder.masks(" ".join(tokens)) == slow


@given(st.text(max_size=200))
def test_finder__any_text__never_fails(text: str) -> None:
    finder = Finder({"hiv": A, "a_b*": B, "梅毒": C}, ("non_hiv", "抗梅毒"))
    assert 0 <= finder.masks(tight(narrow(text).lower())) <= A | B | C


def test_narrow__full_width_letters__become_narrow() -> None:
    assert narrow("ＨＩＶ　抗体") == "HIV 抗体"
    assert narrow("plain  text") == "plain  text"


def test_tight__blanks_beside_hanzi__go_and_others_stay() -> None:
    assert tight("梅\n毒 CD4 细胞 A B") == "梅毒CD4细胞A B"
    assert tight("plain  text") == "plain  text"


def test_pieces__long_text__covers_all_and_hides_no_word_in_a_cut() -> None:
    text = "".join(chr(0x4E01 + place % 5000) for place in range(200_000))
    cut = list(pieces(text))
    assert len(cut) > 3
    assert max(map(len, cut)) < 70_000
    for start in range(0, len(text) - 90, 997):
        assert any(text[start : start + 90] in piece for piece in cut)
    assert all(piece.startswith("一") for piece in cut[1:])
