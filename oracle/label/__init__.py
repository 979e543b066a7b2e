"""Label: groups to record drafts, with every level-5 item in a record of its own.

Order of rules, highest result wins: what the source says · codes · panels of infections · document type and section ·
words · the source's own rules · the patient's age. An item is judged by itself; it leaves its group when its own code,
words or category reach level 5. What holds for the whole group (its title, the source's labels, a patient under 14)
raises every record of the group but splits nothing. Unknown codes stay at level 4. Nothing lowers a label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

from oracle.label.categories import category_of_group, category_of_item, checkup_of
from oracle.label.local import NONE, NOTHING, LocalRules, Raise
from oracle.label.panels import is_panel, topics_in_panel
from oracle.label.source import labels_of_source
from oracle.label.terms import VACCINE_LOINC, VACCINE_TOPICS
from oracle.label.text import topics_of_texts
from oracle.label.topics import TOPIC_LEVEL, VERSION, topics_of_code
from salus.core.labels import MAX_LEVEL, Category, Confidentiality, Labels, Topic
from salus.core.record import Code, DraftStatus, Item, NormalisedGroup, RecordDraft, compose

__all__ = ["NONE", "VERSION", "LocalRules", "Raise", "label"]

MINOR_AGE = 14
_EPOCH = date(1970, 1, 1).toordinal()
_DAY_MICROSECONDS = 86_400_000_000
_SHORT = 48
# Categories whose content is level 5 whatever it says
LEVEL_5 = Category.BIOM | Category.GENOM | Category.MATERN | Category.PSYNOTE | Category.PHREP
# Categories that bring a topic with them
CATEGORY_TOPICS = {
    Category.GENOM: Topic.GDIS,
    Category.MATERN: Topic.PREGNANT,
    Category.PSYNOTE: Topic.PSYTHPN,
}
# OBR-24 TX: toxicology; DICOM modalities of the retina and of outer appearance
_SECTION_TOPICS = {"TX": Topic.SUD, "OP": Topic.BIOMETRIC, "OPT": Topic.BIOMETRIC, "XC": Topic.BIOMETRIC}
_EXAMINATIONS = frozenset({"report", "order"})
_NO_TOPIC = Topic(0)
_VISITS = frozenset({"encounter", "appointment"})
_VIP_WARD = re.compile(r"(?<![A-Za-z])VIP(?![A-Za-z])|特需|贵宾")


def label(group: NormalisedGroup, local: LocalRules = NONE) -> list[RecordDraft]:
    """Label a group and split it. The record of the group itself comes first, unless every item has left it.

    `local` are the source's own rules; they raise labels and never lower one.
    """
    base = category_of_group(group)
    checkup = checkup_of(group)
    head = _labels(base | checkup, _topics_of_head(group))
    in_panel = group.kind == "report" and is_panel(group.codes)
    judged = [(item, _labels_of_item(item, base, checkup, in_panel=in_panel)) for item in group.items]
    if local.codes or local.words:
        head = _raised(head, local.asked(group.codes, group.texts))
        judged = [(item, _raised(own, local.asked(item.codes, item.texts))) for item, own in judged]
    wide = _with_source(head, group)
    kept = [(item, own) for item, own in judged if own.level < MAX_LEVEL]
    drafts = []
    if kept or not judged or group.kind != "report":
        drafts.append(_whole(group, wide, kept, base))
    drafts.extend(_alone(group, wide, item, own) for item, own in judged if own.level == MAX_LEVEL)
    return drafts


def _topics_of_head(group: NormalisedGroup) -> Topic:
    is_diagnosis = group.kind == "problem"
    if group.kind == "vaccination":
        # a vaccine's name is that of the disease it keeps away
        displays = {code.display for code in group.codes}
        said = _topics((), tuple(text for text in group.texts if text not in displays))
        return said | _topics(group.codes, tuple(displays)) & ~VACCINE_TOPICS
    found = _topics(group.codes, group.texts, is_diagnosis=is_diagnosis)
    if group.section in _SECTION_TOPICS and group.kind in _EXAMINATIONS:
        found |= _SECTION_TOPICS[group.section]
    if group.kind in _VISITS and any(map(_VIP_WARD.search, group.texts)):
        found |= Topic.VIP
    return found | _topics_of_files(group.head)


def _topics_of_files(resource: dict[str, Any]) -> Topic:
    """Topics of attached files by their kind: raw genomes come as VCF, BAM and FASTQ."""
    if resource["resourceType"] not in ("Media", "DocumentReference"):
        return _NO_TOPIC
    contents = resource.get("content", ())
    attachments = [contents] if isinstance(contents, dict) else [one["attachment"] for one in contents]
    names = (str(one.get(name, "")) for one in attachments for name in ("url", "contentType", "title"))
    return topics_of_texts(name for name in names if name)


def _topics(codes: tuple[Code, ...], texts: tuple[str, ...], *, is_diagnosis: bool = False) -> Topic:
    if sum(map(len, texts)) <= _SHORT:
        return _topics_of_short(codes, texts, is_diagnosis)
    return _topics_of(codes, texts, is_diagnosis)


@lru_cache(maxsize=8192)
def _topics_of_short(codes: tuple[Code, ...], texts: tuple[str, ...], is_diagnosis: bool) -> Topic:
    """Most reports have only their panel's names, and those come many times a day."""
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
    if int(categories) & int(LEVEL_5):
        level, confidentiality = 5, Confidentiality.R
        for category, topic in CATEGORY_TOPICS.items():
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


def _labels_of_item(item: Item, base: Category, checkup: Category, *, in_panel: bool) -> Labels:
    """Labels of an item by itself. `base` is the category of its group; `in_panel`: that looks for infections."""
    resource = item.resource
    files = _topics_of_files(resource) if "content" in resource else _NO_TOPIC
    judge = _judged_short if sum(map(len, item.texts)) <= _SHORT else _judged
    return judge(resource["resourceType"], item.codes, item.texts, files, base, checkup, in_panel)


def _judged(
    kind: str,
    codes: tuple[Code, ...],
    texts: tuple[str, ...],
    topics: Topic,
    base: Category,
    checkup: Category,
    in_panel: bool,
) -> Labels:
    """Labels of an item of a type by its codes and texts, with the topics known before."""
    category = category_of_item(kind, codes, base)
    topics |= _topics_of(codes, texts, kind == "Condition")
    if in_panel and not topics:
        topics = topics_in_panel(codes)
    if base is Category.IMMUN and any(code.code in VACCINE_LOINC for code in codes):
        topics &= ~VACCINE_TOPICS
    # The group's own category is judged with the group: it must not split every item off.
    labels = _labels(category if category != base else Category.LAB, topics)
    return Labels(category | checkup, labels.level, labels.confidentiality, labels.topics)


# Results with a number have only their test's names, and those come many times a day
_judged_short = lru_cache(maxsize=8192)(_judged)


def _raised(labels: Labels, asked: Raise) -> Labels:
    """Labels with what a local rule asks for on top."""
    if asked is NOTHING:
        return labels
    own = _labels(labels.categories | asked.category, labels.topics | asked.topics)
    restricted = Confidentiality.R if asked.level == MAX_LEVEL else Confidentiality.U
    return Labels(
        own.categories,
        max(own.level, labels.level, asked.level),
        max(own.confidentiality, labels.confidentiality, asked.confidentiality, restricted),
        own.topics,
    )


def _whole(group: NormalisedGroup, wide: Labels, kept: list[tuple[Item, Labels]], base: Category) -> RecordDraft:
    """The record of the group with the items that stayed."""
    labels = wide
    if kept and group.kind == "report":
        # A report's category is that of its results; its title only stands in for results that say nothing.
        labels = replace(wide, categories=(wide.categories & ~base) | kept[0][1].categories)
    # most items share one value of the cache, so few are left to join
    for own in {id(own): own for _, own in kept}.values():
        labels = _join(labels, own)
    items = [item for item, _ in kept]
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


def _alone(group: NormalisedGroup, wide: Labels, item: Item, own: Labels) -> RecordDraft:
    """The record of one item, with the head it belongs to."""
    key = f"{group.record_key}|{item.key}"
    categories = own.categories | (wide.categories if group.kind != "report" else Category(0))
    joined = _join(replace(wide, categories=categories), replace(own, categories=categories))
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
    changed = [item.status for item in items if item.status is not DraftStatus.CURRENT]
    if said is not DraftStatus.CURRENT or not changed:
        return said
    withdrawn = len(changed) == len(items) and all(status is DraftStatus.ENTERED_IN_ERROR for status in changed)
    return DraftStatus.ENTERED_IN_ERROR if withdrawn else DraftStatus.CORRECTED


def _days(group: NormalisedGroup, items: Sequence[Item]) -> tuple[int, int]:
    """Days of the group and of every dated item it keeps."""
    both: tuple[NormalisedGroup | Item, ...] = (group, *items)
    dated = [one for one in both if one.first_day]
    return (min(one.first_day for one in dated), max(one.last_day for one in dated)) if dated else (0, 0)


def _is_minor(group: NormalisedGroup) -> bool:
    """Whether the patient was under 14 on the first day, or when an undated record was said (PIPL article 28)."""
    day = group.first_day or group.said_at // _DAY_MICROSECONDS
    if group.birth_day is None or not day:
        return False
    return _years(group.birth_day, day) < MINOR_AGE


@lru_cache(maxsize=4096)
def _years(birth_day: int, day: int) -> int:
    born, then = date.fromordinal(birth_day + _EPOCH), date.fromordinal(day + _EPOCH)
    return then.year - born.year - ((then.month, then.day) < (born.month, born.day))
