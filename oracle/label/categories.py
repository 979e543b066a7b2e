"""Category of a record, from the source's own section, codes and words. Rules version as in `topics`.

Order: section (OBR-24, TXA-2), then code, then words, then the default of the message type. Table of categories and
their default levels: salus.core.labels and docs/policy.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from salus.core.labels import Category
from salus.core.record import Code, Item, NormalisedGroup

# HL7 table 0074, diagnostic service section
BY_SECTION = MappingProxyType(
    dict.fromkeys(("BG", "BLB", "CH", "CHEM", "HM", "IMM", "LAB", "TX", "OTH", "PHR"), Category.LAB)
    | dict.fromkeys(("MB", "MCB", "MYC", "VR", "SR"), Category.MICRO)
    | dict.fromkeys(("SP", "CP", "PAT"), Category.PATH)
    | dict.fromkeys(("GE", "CG"), Category.GENOM)
    | dict.fromkeys(
        ("RAD", "RUS", "US", "CT", "NMR", "MR", "MRI", "NMS", "NM", "IMG", "RX", "XRC", "VUS", "CUS", "DX", "MG"),
        Category.IMGREP,
    )
    | dict.fromkeys(("EC", "ECG", "EN", "EEG"), Category.WAVE)
    | {"OUS": Category.MATERN, "ICU": Category.VITAL, "NRS": Category.NURSE, "PFT": Category.LAB}
)
BY_SECTION_PHYSICAL = frozenset({"VS", "VIT", "PE"})  # written by check-up systems for measurements

# HL7 table 0270, document type
BY_DOCUMENT_TYPE = MappingProxyType(
    {
        "DS": Category.DISCH,
        "DI": Category.IMGREP,
        "CD": Category.WAVE,
        "SP": Category.PATH,
        "AR": Category.PATH,
        "OP": Category.NOTEIP | Category.PROC,
        "PC": Category.NOTEIP | Category.PROC,
        "PR": Category.PROC,
        "CN": Category.NOTEIP,
        "PH": Category.PSYNOTE,
        "PN": Category.NOTEIP,
        "HP": Category.NOTEIP,
        "TS": Category.NOTEIP,
    }
)

VITAL_LOINC = frozenset(
    (
        "8480-6",
        "8462-4",
        "8478-0",
        "85354-9",
        "8867-4",
        "8310-5",
        "9279-1",
        "8302-2",
        "29463-7",
        "3141-9",
        "39156-5",
        "2708-6",
        "59408-5",
        "8280-0",
        "56086-2",
    )
)

_DOCUMENT_WORDS = (
    ("心理治疗|心理咨询|psychotherapy", Category.PSYNOTE),
    ("出院|discharge", Category.DISCH),
    ("知情同意|同意书|informed consent", Category.CONSDOC),
    ("护理|nursing", Category.NURSE),
    ("中医", Category.TCM),
    ("口腔|牙|dental", Category.DENTAL),
    ("手术|麻醉|operative", Category.NOTEIP | Category.PROC),
    ("病理|patholog", Category.PATH),
    ("门诊|急诊|outpatient", Category.NOTEOP),
    ("体检", Category.CHECKUP),
)
_REPORT_WORDS = (
    ("产科超声|胎儿超声|产前超声|obstetric", Category.MATERN),
    ("心电图|脑电图|肌电图|动态血压|electrocardio|\\bE[CE]G\\b", Category.WAVE),
    (
        "超声|彩超|B超|磁共振|X线|X光|DR胸片|胸片|造影|钼靶|\\bCT\\b|CT平扫|CT检查|\\bMRI\\b|ultraso|radiograph",
        Category.IMGREP,
    ),
    ("病理|活检|细胞学|patholog|biopsy|cytolog", Category.PATH),
    ("培养|药敏|涂片|细菌|真菌|culture", Category.MICRO),
    ("基因|染色体|核型|genom|karyotyp", Category.GENOM),
    ("一般检查|体格检查|生命体征|vital sign", Category.VITAL),
)
_VITAL_WORDS = re.compile(
    "血压|收缩压|舒张压|心率|脉搏|体温|呼吸频率|身高|体重|体质指数|体重指数|BMI|"
    "血氧饱和度|腰围|臀围|blood pressure|heart rate",
    re.IGNORECASE,
)
_CHECKUP_WORDS = re.compile("体检|健康检查|健康体检|check-?up", re.IGNORECASE)
_DOCUMENT_RULES = tuple((re.compile(words, re.IGNORECASE), category) for words, category in _DOCUMENT_WORDS)
_REPORT_RULES = tuple((re.compile(words, re.IGNORECASE), category) for words, category in _REPORT_WORDS)

# Kinds of group that say all themselves; an order has the category of the report it asks for
BY_KIND = MappingProxyType(
    {
        "account": Category.CLAIM,
        "administration": Category.MEDDISP,
        "appointment": Category.ENC,
        "charge": Category.CLAIM,
        "dispense": Category.MEDDISP,
        "prescription": Category.MEDORD,
        "problem": Category.PROBLEM,
        "vaccination": Category.IMMUN,
    }
)
_BY_RESOURCE = MappingProxyType({"Coverage": Category.CLAIM, "Goal": Category.CAREPLAN, "Procedure": Category.PROC})
# Categories a result doesn't take over from its group: who may see a prescription may not yet see a laboratory value
_NOT_OF_RESULTS = frozenset({Category.CLAIM, Category.ENC, Category.MEDDISP, Category.MEDORD, Category.PROBLEM})
_INPATIENT, _OUTPATIENT = frozenset("IB"), frozenset("OER")


def category_of_group(group: NormalisedGroup) -> Category:
    """Category of what a group carries, its items left aside; check-up is added by `checkup_of`."""
    if group.kind == "demographics":
        return _category_of_patient(group)
    if group.kind == "encounter":
        return Category.ENC
    if group.kind in BY_KIND:
        return BY_KIND[group.kind]
    words = " ".join(_names(group.codes, group.head))
    if group.kind == "document":
        return _category_of_document(group, words)
    if group.section in BY_SECTION:
        return BY_SECTION[group.section]
    if group.section in BY_SECTION_PHYSICAL:
        return Category.VITAL
    return next((category for rule, category in _REPORT_RULES if rule.search(words)), Category.LAB)


def category_of_item(item: Item, group_category: Category) -> Category:
    """Category of one item; the group's unless the item itself says otherwise."""
    kind = item.resource["resourceType"]
    if kind == "Condition":
        return Category.PROBLEM
    if kind == "AllergyIntolerance":
        return Category.ALLERGY
    if kind == "Patient":
        return Category.DEMO
    if kind in _BY_RESOURCE:
        return _BY_RESOURCE[kind]
    measured = kind in ("Observation", "Media") and (
        group_category is Category.LAB or group_category in _NOT_OF_RESULTS
    )
    if measured:
        return Category.VITAL if _is_vital(item) else Category.LAB
    return group_category


def checkup_of(group: NormalisedGroup) -> Category:
    """CHECKUP for reports, orders and documents of a check-up centre, or named so; otherwise nothing."""
    if group.kind not in ("report", "order", "document"):
        return Category(0)
    named = _CHECKUP_WORDS.search(" ".join(_names(group.codes, group.head)))
    return Category.CHECKUP if group.is_checkup or named else Category(0)


def _category_of_patient(group: NormalisedGroup) -> Category:
    """DEMO; IDENT as well when the record holds an address, a telephone number or a national number (PID-3, 11, 13)."""
    head = group.head
    national = any("coding" in one.get("type", {}) and _is_national(one) for one in head.get("identifier", []))
    identifying = national or "telecom" in head or "address" in head
    return Category.DEMO | (Category.IDENT if identifying else Category(0))


def _is_national(identifier: dict[str, object]) -> bool:
    text = repr(identifier.get("type"))
    return any(f"'{code}'" in text for code in ("NNCHN", "NI", "NN", "SS", "PPN", "DL"))


def _category_of_document(group: NormalisedGroup, words: str) -> Category:
    known = BY_DOCUMENT_TYPE.get(group.section)
    if known is not None and not (known & Category.NOTEIP and group.visit_class in _OUTPATIENT):
        return known
    named = next((category for rule, category in _DOCUMENT_RULES if rule.search(words)), None)
    if named is not None:
        return named
    return Category.NOTEOP if group.visit_class in _OUTPATIENT else Category.NOTEIP


def _is_vital(item: Item) -> bool:
    first = item.codes[0] if item.codes else Code("", "", "")
    return first.code in VITAL_LOINC or bool(_VITAL_WORDS.match(first.display or first.code))


def _names(codes: tuple[Code, ...], head: dict[str, object]) -> list[str]:
    concept = head.get("code") or head.get("type")
    text = concept.get("text", "") if isinstance(concept, dict) else ""
    return [*(code.display for code in codes), str(text)]
