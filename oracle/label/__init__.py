"""Label: groups to record drafts, with every level-5 item in a record of its own.

Order of rules, highest result wins: what the source says · codes · words · document type and section · the patient's
age. An item is judged by itself; it leaves its group when its own code, words or category reach level 5. What holds for
the whole group (its title, the source's labels, a patient under 14) raises every record of the group but splits
nothing. Unknown codes stay at level 4. Nothing lowers a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from oracle.label.categories import category_of_group, category_of_item, checkup_of
from oracle.label.source import labels_of_source
from oracle.label.terms import topics_of_texts
from oracle.label.topics import TOPIC_LEVEL, VERSION, topics_of_code
from salus.core.labels import Category, Confidentiality, Labels, Topic
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup, RecordDraft, compose

__all__ = ["VERSION", "label"]

MINOR_AGE = 14
_EPOCH = date(1970, 1, 1).toordinal()
_SHORT = 48
# Categories whose content is level 5 whatever it says
_LEVEL_5 = Category.BIOM | Category.GENOM | Category.MATERN | Category.PSYNOTE | Category.PHREP
# Categories that bring a topic with them
_CATEGORY_TOPICS = {
    Category.GENOM: Topic.GDIS,
    Category.MATERN: Topic.PREGNANT,
    Category.PSYNOTE: Topic.PSYTHPN,
}
# OBR-24 TX: toxicology
_SECTION_TOPICS = {"TX": Topic.SUD}


@dataclass(frozen=True, slots=True)
class _Judged:
    """An item with its own labels."""

    item: Item
    labels: Labels


def label(group: NormalisedGroup) -> list[RecordDraft]:
    """Label a group and split it. The record of the group itself comes first, unless every item has left it."""
    base = category_of_group(group)
    checkup = checkup_of(group)
    head = _labels(base | checkup, _topics_of_head(group))
    wide = _with_source(head, group)
    judged = [_judge(item, base, checkup) for item in group.items]
    kept = [one for one in judged if one.labels.level < 5]
    drafts = []
    if kept or not judged or group.kind != "report":
        drafts.append(_whole(group, wide, kept, base))
    drafts.extend(_alone(group, wide, one) for one in judged if one.labels.level == 5)
    return drafts


def _topics_of_head(group: NormalisedGroup) -> Topic:
    return _topics(group.codes, group.texts) | _SECTION_TOPICS.get(group.section, Topic(0))


def _topics(codes: tuple[Code, ...], texts: tuple[str, ...], *, is_diagnosis: bool = False) -> Topic:
    if sum(map(len, texts)) <= _SHORT:
        return _topics_of_short(codes, texts, is_diagnosis)
    return _topics_of(codes, texts, is_diagnosis)


@lru_cache(maxsize=8192)
def _topics_of_short(codes: tuple[Code, ...], texts: tuple[str, ...], is_diagnosis: bool) -> Topic:
    """Results with a number have only their test's names, and those come many times a day."""
    return _topics_of(codes, texts, is_diagnosis)


def _topics_of(codes: tuple[Code, ...], texts: tuple[str, ...], is_diagnosis: bool) -> Topic:
    found = topics_of_texts(dict.fromkeys((*texts, *(code.display or code.code for code in codes))))
    for code in codes:
        if said := topics_of_code(code.system, code.code, is_diagnosis=is_diagnosis):
            found |= said
    return found


@lru_cache(maxsize=4096)
def _labels(categories: Category, topics: Topic) -> Labels:
    """Labels that categories and topics ask for by themselves."""
    level, confidentiality = 4, Confidentiality.N
    if int(categories) & int(_LEVEL_5):
        level, confidentiality = 5, Confidentiality.R
        for category, topic in _CATEGORY_TOPICS.items():
            if category & categories:
                topics |= topic
    for topic in topics:
        asked_level, asked_confidentiality = TOPIC_LEVEL[topic]
        level, confidentiality = max(level, asked_level), max(confidentiality, asked_confidentiality)
    return Labels(categories, level, confidentiality, topics)


def _with_source(labels: Labels, group: NormalisedGroup) -> Labels:
    """Labels raised by what the source says and by the patient's age on the day."""
    level, confidentiality, topics = labels_of_source(group.source_labels)
    if _is_minor(group):
        level, confidentiality, topics = 5, max(confidentiality, Confidentiality.R), topics | Topic.MINOR
    return _join(labels, Labels(labels.categories, level, confidentiality, topics))


def _join(one: Labels, other: Labels) -> Labels:
    if one == other:
        return one
    return Labels(
        one.categories | other.categories,
        max(one.level, other.level),
        max(one.confidentiality, other.confidentiality),
        one.topics | other.topics,
    )


def _judge(item: Item, base: Category, checkup: Category) -> _Judged:
    is_diagnosis = item.resource["resourceType"] == "Condition"
    category = category_of_item(item, base)
    # The group's own category is judged with the group: it must not split every item off.
    own = category if category != base else Category.LAB
    labels = _labels(own, _topics(item.codes, item.texts, is_diagnosis=is_diagnosis))
    categories = category | checkup if checkup else category
    return _Judged(item, Labels(categories, labels.level, labels.confidentiality, labels.topics))


def _whole(group: NormalisedGroup, wide: Labels, kept: list[_Judged], base: Category) -> RecordDraft:
    """The record of the group with the items that stayed."""
    labels = wide
    if kept and group.kind == "report":
        # A report's category is that of its results; its title only stands in for results that say nothing.
        labels = replace(wide, categories=(wide.categories & ~base) | kept[0].labels.categories)
    for one in kept:
        labels = _join(labels, one.labels)
    items = [one.item for one in kept]
    first, last = _days(group, items)
    return RecordDraft(
        record_key=group.record_key,
        subject_key=group.subject_key,
        kind=group.kind,
        content=compose(group.record_key, group.head, items),
        labels=labels,
        first_day=first,
        last_day=last,
        status=_status(group.status, items),
    )


def _alone(group: NormalisedGroup, wide: Labels, one: _Judged) -> RecordDraft:
    """The record of one item, with the head it belongs to."""
    item = one.item
    key = f"{group.record_key}|{item.key}"
    categories = one.labels.categories | (wide.categories if group.kind != "report" else Category(0))
    joined = _join(replace(wide, categories=categories), replace(one.labels, categories=categories))
    first, last = (item.first_day, item.last_day) if item.first_day else (group.first_day, group.last_day)
    stands_alone = item.resource["resourceType"] == "Patient"
    content = dict(item.resource) if stands_alone else compose(key, group.head, [item])
    withdrawn = group.status is DraftStatus.ENTERED_IN_ERROR
    return RecordDraft(
        record_key=key,
        subject_key=group.subject_key,
        kind=group.kind,
        content=content,
        labels=joined,
        first_day=first,
        last_day=last,
        status=DraftStatus.ENTERED_IN_ERROR if withdrawn else item.status,
    )


def _status(said: DraftStatus, items: Sequence[Item]) -> DraftStatus:
    """The group's own word, else corrected when any of its items is corrected or withdrawn."""
    if said is not DraftStatus.CURRENT or not items:
        return said
    statuses = {item.status for item in items}
    if statuses == {DraftStatus.ENTERED_IN_ERROR}:
        return DraftStatus.ENTERED_IN_ERROR
    return DraftStatus.CURRENT if statuses == {DraftStatus.CURRENT} else DraftStatus.CORRECTED


def _days(group: NormalisedGroup, items: Sequence[Item]) -> tuple[int, int]:
    """Days of the group and of every dated item it keeps."""
    spans = [(group.first_day, group.last_day), *((item.first_day, item.last_day) for item in items)]
    dated = [span for span in spans if span[0]]
    return (min(span[0] for span in dated), max(span[1] for span in dated)) if dated else (0, 0)


def _is_minor(group: NormalisedGroup) -> bool:
    """Whether the patient was under 14 on the first day (PIPL article 28)."""
    if group.birth_day is None or not group.first_day:
        return False
    born = date.fromordinal(group.birth_day + _EPOCH)
    day = date.fromordinal(group.first_day + _EPOCH)
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day)) < MINOR_AGE
