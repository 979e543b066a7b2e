"""A source's own rules raise labels and never lower one."""

import pickle

import pytest

from bench.label_cases import cases
from oracle.label import NONE, LocalRules, Raise, label
from oracle.label.local import ANY_SYSTEM, NOTHING
from salus.core.labels import Category, Confidentiality, Topic
from salus.core.record import Code, Item, NormalisedGroup, RecordDraft

SYSTEM = "urn:id:99LIS"
R, V = Confidentiality.R, Confidentiality.V


def _item(code: Code, *texts: str) -> Item:
    return Item(f"item|{code.code}", {"resourceType": "Observation", "id": code.code}, (code,), texts, 0, 0)


def _drafts(local: LocalRules, *items: Item, title: Code | None = None, text: str = "") -> list[RecordDraft]:
    head = {"resourceType": "DiagnosticReport"}
    codes = (title,) if title else ()
    group = NormalisedGroup("r1", "P1", "report", head, items, codes, (text,) if text else (), 0, 0)
    return label(group, local)


def _one(local: LocalRules, item: Item) -> RecordDraft:
    (draft,) = _drafts(local, item)
    return draft


@pytest.mark.parametrize(
    ("system", "sent", "level"), [(SYSTEM, SYSTEM, 5), (SYSTEM, "", 4), ("", "", 5), (ANY_SYSTEM, SYSTEM, 5)]
)
def test_code__of_its_system_or_any__adds_its_topic(system: str, sent: str, level: int) -> None:
    local = LocalRules(codes={(system, "T17"): Raise(topics=Topic.HIV)})
    assert _one(local, _item(Code(sent, "T17", "特殊项目"))).labels.level == level


def test_word__in_value_or_name__adds_its_topic() -> None:
    local = LocalRules(words={"特殊项目": Raise(topics=Topic.STD), "proj-x": Raise(topics=Topic.SUD)})
    assert _one(local, _item(Code("", "1", "特殊 项目"))).labels.topics == Topic.STD
    assert _one(local, _item(Code("", "1", "a"), "Proj X done")).labels.topics == Topic.SUD
    assert _one(local, _item(Code("", "1", "a"), "project x")).labels.topics == Topic(0)


def test_item__raised_to_level_5__leaves_its_report() -> None:
    local = LocalRules(codes={(SYSTEM, "T17"): Raise(level=5)})
    whole, alone = _drafts(local, _item(Code(SYSTEM, "T17", "a")), _item(Code(SYSTEM, "T18", "b")))
    assert (whole.labels.level, alone.labels.level, alone.labels.confidentiality) == (4, 5, R)


def test_title__raised__raises_every_record() -> None:
    local = LocalRules(codes={(SYSTEM, "P1"): Raise(topics=Topic.SDV)})
    (draft,) = _drafts(local, _item(Code("", "1", "a")), title=Code(SYSTEM, "P1", "x"))
    assert (draft.labels.level, draft.labels.confidentiality, draft.labels.topics) == (5, V, Topic.SDV)


def test_category__of_a_rule__is_added_and_brings_its_level() -> None:
    plain = LocalRules(codes={(SYSTEM, "T17"): Raise(category=Category.MICRO)})
    assert _one(plain, _item(Code(SYSTEM, "T17", "a"))).labels.categories == Category.LAB | Category.MICRO
    genome = LocalRules(codes={(SYSTEM, "T17"): Raise(category=Category.GENOM)})
    labels = _one(genome, _item(Code(SYSTEM, "T17", "a"))).labels
    assert (labels.level, labels.topics) == (5, Topic.GDIS)


@pytest.mark.parametrize("rule", [Raise(level=1), Raise(level=4), Raise(confidentiality=Confidentiality.U), NOTHING])
def test_rule__below_what_the_tables_say__lowers_nothing(rule: Raise) -> None:
    local = LocalRules(codes={(SYSTEM, "T17"): rule}, words={"HIV": rule})
    labels = _one(local, _item(Code(SYSTEM, "T17", "HIV"))).labels
    assert (labels.level, labels.confidentiality, labels.topics) == (5, R, Topic.HIV)


def test_rule__confidentiality_alone__is_kept_at_level_4() -> None:
    local = LocalRules(codes={(SYSTEM, "T17"): Raise(confidentiality=V)})
    labels = _one(local, _item(Code(SYSTEM, "T17", "a"))).labels
    assert (labels.level, labels.confidentiality) == (4, V)


def test_two_rules__for_one_item__both_count() -> None:
    rules = {(SYSTEM, "T17"): Raise(topics=Topic.HIV), (ANY_SYSTEM, "T17"): Raise(confidentiality=V)}
    labels = _one(LocalRules(codes=rules), _item(Code(SYSTEM, "T17", "a"))).labels
    assert (labels.topics, labels.confidentiality) == (Topic.HIV, V)


def test_rules__of_any_kind__never_lower_a_case_of_the_labelled_set() -> None:
    low = Raise(category=Category.LAB, level=1, confidentiality=Confidentiality.U)
    local = LocalRules(words={"HIV": low, "梅毒": low, "妊娠": low})
    for case in cases("held-out"):
        for group in case.groups:
            for plain, ruled in zip(label(group), label(group, local), strict=True):
                assert ruled.labels.level >= plain.labels.level
                assert ruled.labels.confidentiality >= plain.labels.confidentiality
                assert ruled.labels.topics & plain.labels.topics == plain.labels.topics
                assert ruled.labels.categories & plain.labels.categories == plain.labels.categories


def test_none__is_what_no_rules_are() -> None:
    item = _item(Code(SYSTEM, "T17", "葡萄糖"))
    assert _one(NONE, item).labels == _one(LocalRules(), item).labels


def test_rules__sent_to_another_process__say_the_same() -> None:
    local = LocalRules(codes={(SYSTEM, "T17"): Raise(topics=Topic.HIV)}, words={"特殊": Raise(topics=Topic.STD)})
    again = pickle.loads(pickle.dumps(local))
    assert _one(again, _item(Code(SYSTEM, "T17", "特殊"))).labels.topics == Topic.HIV | Topic.STD


@pytest.mark.parametrize("level", [0, 6, -1])
def test_rule__level_out_of_range__is_refused(level: int) -> None:
    with pytest.raises(ValueError, match="level must be"):
        Raise(level=level)


@pytest.mark.parametrize(
    ("codes", "words"),
    [({(SYSTEM, ""): NOTHING}, {}), ({}, {"": NOTHING}), ({}, {"--": NOTHING}), ({}, {"*": NOTHING})],
)
def test_rules__without_code_or_word__are_refused(codes: dict, words: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="local rule has no"):
        LocalRules(codes, words)
