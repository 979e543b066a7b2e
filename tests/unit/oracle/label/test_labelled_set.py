"""The labelled set: what it must hold, and what labelling must reach on it."""

from collections import Counter

import pytest

from bench.label_cases import HELD_OUT, Case, cases, files, is_held_out, written
from bench.labels import LEVEL_5, Score, score
from salus.core.labels import Category, Topic

# What is expected of the held-out cases but not got: a report named after acid-fast bacilli that finds another germ;
# "Immunizations: hep B x3", a vaccination that no word says
KNOWN_WRONG = {"held-043", "fresh-111"}
# Topics that come from the source alone, and categories HL7 v2 has no place for
NOT_IN_SET = {Category.BIOM, Category.IMGPIX, Category.DEVICE, Category.AIOUT, Category.ORGRES}


@pytest.fixture(scope="module")
def held_out() -> Score:
    return score(case for name in files() if is_held_out(name) for case in cases(name))


@pytest.fixture(scope="module")
def whole() -> Score:
    return score(_all())


def _all() -> list[Case]:
    return [one for name in files() for one in cases(name)]


def test_set__size_and_balance__as_promised() -> None:
    every = _all()
    sensitive = sum(any(one.level == 5 for one in case.expected) for case in every)
    assert len(every) >= 500
    assert 0.4 <= sensitive / len(every) <= 0.6
    assert len(cases(HELD_OUT)) >= 150


def test_set__every_case__has_a_name_of_its_own_and_a_reason() -> None:
    every = _all()
    assert max(Counter(case.id for case in every).values()) == 1
    assert all(case.why for case in every)


def test_set__every_topic_and_category__is_in_it() -> None:
    expected = [labels for case in _all() for labels in case.expected]
    assert {topic for one in expected for topic in Topic if topic & one.topics} == set(Topic)
    assert {bit for one in expected for bit in Category if bit & one.categories} == set(Category) - NOT_IN_SET - {
        Category.IDENT
    }


def test_level_5__whole_set__all_found_and_few_in_vain(whole: Score) -> None:
    count = whole.counts[LEVEL_5]
    assert count.recall == 1.0
    assert count.precision >= 0.99


def test_level_5__held_out_part__all_found_and_few_in_vain(held_out: Score) -> None:
    count = held_out.counts[LEVEL_5]
    assert count.recall == 1.0
    assert count.precision >= 0.95


@pytest.mark.parametrize("topic", list(Topic))
def test_topic__whole_set__all_found_and_few_in_vain(topic: Topic, whole: Score) -> None:
    count = whole.counts[f"topic {topic.name}"]
    assert count.recall == 1.0
    assert count.precision >= 0.98


def test_category__whole_set__always_right(whole: Score) -> None:
    wrong = {name for name, count in whole.counts.items() if name.startswith("category") and count.precision < 1}
    assert not wrong
    assert all(count.recall == 1 for name, count in whole.counts.items() if name.startswith("category"))


def test_case__each__has_exactly_its_labels_but_the_known(whole: Score) -> None:
    wrong = {case.id: "; ".join(map(written, found)) for case, found in whole.wrong}
    assert set(wrong) == KNOWN_WRONG, wrong


def test_score__a_label_too_many_and_one_missing__is_counted() -> None:
    (case,) = [one for one in cases(HELD_OUT) if one.id == "held-001"]
    (plain,) = [one for one in cases(HELD_OUT) if one.id == "held-026"]
    swapped = Case("swapped", "wrong on purpose", case.groups, plain.expected)
    total = score([swapped])
    assert [one.id for one, _ in total.wrong] == ["swapped"]
    assert (total.counts["topic HIV"].extra, total.counts["topic HIV"].precision) == (1, 0.0)
    assert (total.counts["category IMMUN"].missing, total.counts["category IMMUN"].recall) == (1, 0.0)


@pytest.mark.parametrize(
    "line",
    ['{"id": "x"}', '{"id": "x", "why": "y", "out": "NOTHING 4/N"}', '{"id": "x", "why": "y", "out": "LAB 9/N"}', "no"],
)
def test_cases__line_that_cannot_be_read__is_named(line: str, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.jsonl").write_text(line, "utf-8")
    monkeypatch.setattr("bench.label_cases.FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"bad\.jsonl line 1"):
        cases("bad")
