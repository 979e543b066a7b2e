"""Everything a patient or auditor can meet has words in both languages, and the words name nobody."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from salus.core.access import AccessKind
from salus.core.audit import EntryKind
from salus.core.codes import Code
from salus.core.ids import ZERO32, chain_key, to_address
from salus.core.index_rows import AccessRow, EntryRow
from salus.core.labels import Action, Category, Form, Purpose, Role, Topic
from salus.core.state import ParticipantKind
from salus.core.words_for_people import (
    KINDS,
    Language,
    access_sentence,
    categories_words,
    code_words,
    entry_sentence,
    purpose_words,
    role_words,
    time_words,
)
from salus.core.words_of_labels import ACTIONS, CATEGORIES, FORMS, INSTITUTIONS, PURPOSES, ROLES, TOPICS, Said

EN, ZH = Language.EN, Language.ZH
HAN = re.compile(r"[一-鿿]")
NOON = 1_795_417_440  # 2026-11-23 15:04 in Shanghai
HOSPITAL, HOLDER = b"\x07" * 32, to_address(b"\x09" * 20)


def names(participant: bytes) -> str | None:
    return "Hospital A" if participant == HOSPITAL else None


def access(**changes: object) -> AccessRow:
    base = AccessRow(
        seq=1,
        access=b"\x01" * 32,
        participant=HOSPITAL,
        operator=HOLDER,
        kind=1,
        reference=b"\x02" * 32,
        key=chain_key(HOLDER),
        purpose=int(Purpose.TREAT),
        categories=int(Category.CHECKUP),
        actions=6,
        level=4,
        confidentiality=3,
        form=0,
        from_day=1,
        to_day=2,
        role=int(Role.PHYSICIAN),
        record_count=3,
        records_root=b"\x03" * 32,
        user_digest=b"\x04" * 32,
        code=1,
        expiry=NOON + 3600,
        at=NOON,
        tx=b"\x05" * 32,
    )
    return replace(base, **changes)  # type: ignore[arg-type] # fields of the row


def entry(kind: int, code: int = 0, participant: bytes | None = None) -> EntryRow:
    return EntryRow(
        seq=1,
        position=1,
        key=chain_key(HOLDER),
        key_position=1,
        kind=kind,
        code=code,
        reference=b"\xee" * 32,
        emitter=HOLDER,
        at=NOON,
        participant=participant,
        head=bytes(26),
        key_head=bytes(26),
        tx=b"\x05" * 32,
    )


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (EntryKind, KINDS),
        (Category, CATEGORIES),
        (Purpose, PURPOSES),
        (Action, ACTIONS),
        (Role, ROLES),
        (Form, FORMS),
        (Topic, TOPICS),
        (ParticipantKind, INSTITUTIONS),
    ],
)
def test_tables__every_member__has_distinct_words_in_both_languages(kind: type, table: dict[object, Said]) -> None:
    assert set(table) == set(kind)  # type: ignore[call-overload] # an enum
    for said in table.values():
        assert said.en.isascii()
        assert HAN.search(said.zh)
    assert len({said.en for said in table.values()}) == len(table)
    assert len({said.zh for said in table.values()}) == len(table)


@pytest.mark.parametrize("code", list(Code))
def test_code_words__every_code__has_a_sentence_in_both_languages(code: Code) -> None:
    english, chinese = code_words(code, EN), code_words(code, ZH)
    assert english.isascii()
    assert english.endswith(".")
    assert HAN.search(chinese)
    assert chinese.endswith("。")


def test_code_words__all_codes__are_told_apart() -> None:
    for language in Language:
        assert len({code_words(code, language) for code in Code}) == len(Code)


def test_code_words__unknown_code__names_its_number() -> None:
    assert "777" in code_words(777, EN)
    assert "777" in code_words(777, ZH)


def test_access_sentence__granted__tells_who_when_why_and_what() -> None:
    assert access_sentence(access(), names, EN) == (
        "On 23 November 2026 at 15:04 a physician of Hospital A was allowed to open 3 of your check-up records, "
        "for treatment."
    )
    assert access_sentence(access(), lambda _: "医院A", ZH) == (
        "医院A的一名医生于2026年11月23日15:04为治疗目的获准打开您的3份体检记录。"
    )


def test_access_sentence__several_categories__are_listed_after_the_records() -> None:
    several = access(categories=0x1008C1)
    said = "3 of your records (personal details, vital sign, laboratory and 2 more), for treatment."
    assert access_sentence(several, names, EN).endswith(said)


def test_access_sentence__every_category__names_none() -> None:
    named = access(categories=int(sum(Category)), kind=int(AccessKind.OWN))
    assert access_sentence(named, names, EN).endswith("you were allowed to open 3 of your own records.")
    assert access_sentence(named, names, ZH).endswith("获准打开自己的3份记录。")


def test_access_sentence__denied__tells_the_reason() -> None:
    denied = access(code=int(Code.CONSENT_REVOKED), expiry=0)
    assert "asked to open" in access_sentence(denied, names, EN)
    assert access_sentence(denied, names, EN).endswith(code_words(Code.CONSENT_REVOKED, EN))
    assert "请求打开" in access_sentence(denied, names, ZH)
    assert access_sentence(denied, names, ZH).endswith("，被拒绝：" + code_words(Code.CONSENT_REVOKED, ZH))


def test_access_sentence__own__speaks_to_the_patient() -> None:
    own = access(kind=int(AccessKind.OWN), participant=ZERO32, purpose=int(Purpose.PATRQT))
    assert (
        access_sentence(own, names, EN)
        == "On 23 November 2026 at 15:04 you were allowed to open 3 of your own check-up records."
    )
    assert access_sentence(own, names, ZH) == "您于2026年11月23日15:04获准打开自己的3份体检记录。"


def test_access_sentence__emergency__says_without_consent() -> None:
    urgent = access(kind=int(AccessKind.EMERGENCY), purpose=int(Purpose.ETREAT))
    assert "without your consent" in access_sentence(urgent, names, EN)
    assert "未经您同意" in access_sentence(urgent, names, ZH)


def test_access_sentence__institution_without_name__stays_general() -> None:
    assert "an institution" in access_sentence(access(participant=b"\x08" * 32), names, EN)
    assert "某机构" in access_sentence(access(participant=b"\x08" * 32), names, ZH)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("code", [0, 1, 2, 3, 20, 200])
@pytest.mark.parametrize("kind", [*EntryKind, 99])
def test_entry_sentence__every_kind_and_code__is_one_sentence_without_identifiers(
    kind: int, code: int, language: Language
) -> None:
    said = entry_sentence(entry(int(kind), code, HOSPITAL), names, language)
    assert said.endswith("。" if language is ZH else ".")
    assert not re.search(r"[0-9a-fA-F]{8,}", said)
    assert "None" not in said


def test_entry_sentence__with_its_access__is_the_access_sentence() -> None:
    row = access()
    assert entry_sentence(entry(1, 1), names, EN, row) == access_sentence(row, names, EN)


def test_entry_sentence__details__are_told() -> None:
    assert entry_sentence(entry(28, 2, HOSPITAL), names, EN).endswith("(Hospital A: denied always).")
    assert entry_sentence(entry(31, 3), names, ZH).endswith("（3年）。")
    assert entry_sentence(entry(43, 3), names, EN).endswith("(no key can be joined any more).")


@pytest.mark.parametrize(
    ("mask", "english", "chinese"),
    [
        (Category.CHECKUP, "check-up", "体检"),
        (Category.CHECKUP | Category.LAB, "laboratory and check-up", "检验、体检"),
        (0x1008C1, "personal details, vital sign, laboratory and 2 more", "基本信息、生命体征、检验等5类"),
        (0, "unknown", "未知"),
        (1 << 63, "unknown", "未知"),
        (1 << 63 | 1, "personal details and 1 more", "基本信息等2类"),
    ],
)
def test_categories_words__masks__are_listed_shortly(mask: int, english: str, chinese: str) -> None:
    assert categories_words(mask, EN) == english
    assert categories_words(mask, ZH) == chinese


def test_purpose_and_role_words__known_and_unknown__are_told() -> None:
    assert purpose_words(Purpose.TREAT | Purpose.COC, EN) == "treatment and coordination of care"
    assert purpose_words(1 << 31, ZH) == "未知"
    assert role_words(Role.NURSE, ZH) == "一名护士"
    assert role_words(4000, EN) == "a staff member"


def test_time_words__midnight_in_shanghai__is_the_next_day() -> None:
    assert time_words(1_795_363_200, EN) == "23 November 2026 at 00:00"
    assert time_words(1_795_363_199, ZH) == "2026年11月22日23:59"
