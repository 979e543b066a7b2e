"""Category of a record, from the source's own section, codes and words.

Order: kind of group, section (OBR-24, TXA-2), then words, then the default of the message type; an item by its
resource, code and name. Tables: `category_tables`; categories: salus.core.labels; default levels: docs/labels.md.
"""

from __future__ import annotations

from functools import lru_cache

from oracle.label import category_tables as tables
from oracle.label.text import topics_of_texts
from salus.core.labels import Category, Topic
from salus.core.record import Code, NormalisedGroup

# Categories a result doesn't take over from its group: who may see a prescription may not yet see a laboratory value
_NOT_OF_RESULTS = frozenset({Category.CLAIM, Category.ENC, Category.MEDDISP, Category.MEDORD, Category.PROBLEM})
_INPATIENT, _OUTPATIENT = frozenset("IB"), frozenset("OER")


def category_of_group(group: NormalisedGroup) -> Category:
    """Category of what a group carries, its items left aside; check-up is added by `checkup_of`."""
    if group.kind == "demographics":
        return _category_of_patient(group)
    if group.kind in tables.BY_KIND:
        return tables.BY_KIND[group.kind]
    if group.kind == "document":
        return _category_of_document(group)
    if group.section in tables.BY_SECTION:
        return tables.BY_SECTION[group.section]
    if group.section in tables.BY_SECTION_PHYSICAL:
        return Category.VITAL
    return _category_of_title(_title(group)) or Category.LAB


def category_of_item(kind: str, codes: tuple[Code, ...], group_category: Category) -> Category:
    """Category of one item by the type of its resource and its codes; the group's unless these say otherwise."""
    if kind in tables.BY_RESOURCE:
        return tables.BY_RESOURCE[kind]
    measured = kind in ("Observation", "Media") and (
        group_category is Category.LAB or group_category in _NOT_OF_RESULTS
    )
    return _category_of_result(codes[:1]) if measured else group_category


def checkup_of(group: NormalisedGroup) -> Category:
    """CHECKUP for reports, orders and documents of a check-up centre, or named so; otherwise nothing."""
    if group.kind not in ("report", "order", "document"):
        return Category(0)
    return Category.CHECKUP if group.is_checkup or _is_named_checkup(_title(group)) else Category(0)


def _title(group: NormalisedGroup) -> str:
    """Names of what the group carries: its codes' and its head's."""
    concept = group.head.get("code") or group.head.get("type")
    text = concept.get("text", "") if isinstance(concept, dict) else ""
    return " ".join((*(code.display for code in group.codes), str(text)))


@lru_cache(maxsize=1024)
def _category_of_title(title: str) -> Category | None:
    """Category a report's title names. Genes of germs are none of the patient's: the topics decide."""
    if tables.GENOM_WORDS.search(title) and topics_of_texts((title,)) & Topic.GDIS:
        return Category.GENOM
    return next((category for rule, category in tables.REPORT_RULES if rule.search(title)), None)


@lru_cache(maxsize=1024)
def _is_named_checkup(title: str) -> bool:
    return tables.CHECKUP_WORDS.search(title) is not None


@lru_cache(maxsize=8192)
def _category_of_result(first: tuple[Code, ...]) -> Category:
    """Category of a laboratory result by its first code and name."""
    if not first:
        return Category.LAB
    (code,) = first
    name = code.display or code.code
    if code.code in tables.VITAL_LOINC or tables.VITAL_WORDS.match(name):
        return Category.VITAL
    if code.code in tables.HISTORY_LOINC:
        return Category.HISTORY
    return Category.PROM if tables.PROM_WORDS.search(name) else Category.LAB


def _category_of_patient(group: NormalisedGroup) -> Category:
    """DEMO; IDENT as well when the record holds an address, a telephone number or a national number (PID-3, 11, 13)."""
    head = group.head
    national = any("coding" in one.get("type", {}) and _is_national(one) for one in head.get("identifier", []))
    identifying = national or "telecom" in head or "address" in head
    return Category.DEMO | (Category.IDENT if identifying else Category(0))


def _is_national(identifier: dict[str, object]) -> bool:
    text = repr(identifier.get("type"))
    return any(f"'{code}'" in text for code in ("NNCHN", "NI", "NN", "SS", "PPN", "DL"))


def _category_of_document(group: NormalisedGroup) -> Category:
    known = tables.BY_DOCUMENT_TYPE.get(group.section)
    title = _title(group)
    if known is not None and not (known & Category.NOTEIP and group.visit_class in _OUTPATIENT):
        return known
    named = next((category for rule, category in tables.DOCUMENT_RULES if rule.search(title)), None)
    if named is not None:
        return named
    if tables.REPORTED_WORDS.search(title) and (reported := _category_of_title(title)):
        return reported
    return Category.NOTEOP if group.visit_class in _OUTPATIENT else Category.NOTEIP
