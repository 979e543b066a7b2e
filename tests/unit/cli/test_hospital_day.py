from datetime import date

import pytest

from cli.hospital_day import DEMO, OLD_CHECKUP_DAYS, messages, results
from cli.hospital_people import SourceKind, profile
from oracle.hl7.message import Message, parse
from oracle.intake.receive import Verdict, receive
from oracle.label import label
from oracle.normalise import normalise
from salus.core.labels import Category, Topic
from salus.core.record import DraftStatus, RecordDraft

DAY = date(2026, 11, 23)
DAY_NUMBER = 20780
CHARSET: dict[SourceKind, str] = {"hospital": "UNICODE UTF-8", "checkup": "GB 18030-2000"}


def _messages(kind: SourceKind, patients: int = 6, seed: int = 7) -> list[bytes]:
    return list(messages(seed, patients, kind, CHARSET[kind], DAY))


def _read(kind: SourceKind, raw: bytes) -> Message:
    received = receive(raw, profile(kind).charset)
    assert received.verdict is Verdict.ACCEPT
    return parse(received.text)


def _drafts(kind: SourceKind, patients: int = 6) -> list[RecordDraft]:
    read = [_read(kind, raw) for raw in _messages(kind, patients)]
    return [draft for one in read for group in normalise(one, profile(kind)) for draft in label(group)]


@pytest.mark.parametrize("kind", ["hospital", "checkup"])
def test_messages__same_seed_and_day__are_the_same_bytes(kind: SourceKind) -> None:
    assert _messages(kind) == _messages(kind)
    assert _messages(kind) != _messages(kind, seed=8)


@pytest.mark.parametrize("kind", ["hospital", "checkup"])
def test_messages__all_of_a_day__are_accepted_with_nothing_unmapped(kind: SourceKind) -> None:
    for raw in _messages(kind, 20):
        for group in normalise(_read(kind, raw), profile(kind)):
            assert group.unmapped == ()


@pytest.mark.parametrize("kind", ["hospital", "checkup"])
def test_messages__control_ids__are_unique(kind: SourceKind) -> None:
    ids = [_read(kind, raw).control_id for raw in _messages(kind, 20)]
    assert len(set(ids)) == len(ids)


def test_messages__hospital__has_every_event() -> None:
    types = {"^".join(_read("hospital", raw).type) for raw in _messages("hospital")}
    assert types == {"ADT^A01", "ADT^A03", "ADT^A04", "ADT^A08", "ORU^R01", "MDM^T02"}


def test_messages__checkup_centre__sends_gb18030_with_dangerous_hanzi() -> None:
    raw = b"".join(_messages("checkup", 60))
    assert "東".encode("gb18030") in raw
    assert b"|" in "億東".encode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")


@pytest.mark.parametrize("kind", ["hospital", "checkup"])
def test_demo_patient__first_at_both_sources__has_known_keys_and_name(kind: SourceKind) -> None:
    drafts = [draft for draft in _drafts(kind) if draft.subject_key == DEMO.subject_key(kind)]
    demographics = next(draft for draft in drafts if draft.kind == "demographics")
    assert demographics.content["name"][0]["text"] == DEMO.person.name
    keys = {draft.record_key for draft in drafts}
    assert f"encounter|{profile(kind).authority}|{DEMO.visit_number(kind, DAY)}" in keys
    panel, code = ("BIO", "24323-8") if kind == "hospital" else ("VIT", "85353-1")
    assert DEMO.report_key(kind, DAY, panel, code) in keys


def test_demo_patient__old_checkup__lies_outside_three_months() -> None:
    days = {draft.first_day for draft in _drafts("checkup") if draft.subject_key == DEMO.subject_key("checkup")}
    assert days == {DAY_NUMBER, DAY_NUMBER - OLD_CHECKUP_DAYS}


def test_preoperative_panel__hiv_and_syphilis__are_records_of_their_own() -> None:
    mine = [
        one
        for one in _drafts("hospital")
        if one.record_key.startswith(DEMO.report_key("hospital", DAY, "PRE", "99PRE"))
    ]
    assert {(one.labels.level, one.labels.topics) for one in mine} == {(4, Topic(0)), (5, Topic.HIV), (5, Topic.STD)}
    whole = next(one for one in mine if one.labels.level == 4)
    assert "HIV" not in str(whole.content)
    assert "梅毒" not in str(whole.content)


def test_correction__same_record_key__one_value_differs() -> None:
    key = DEMO.report_key("hospital", DAY, "BIO", "24323-8")
    first, second = [one for one in _drafts("hospital") if one.record_key == key]
    assert (first.status, second.status) == (DraftStatus.CURRENT, DraftStatus.CORRECTED)
    values = [[one["resource"].get("valueQuantity") for one in draft.content["entry"]] for draft in (first, second)]
    assert sum(old != new for old, new in zip(*values, strict=True)) == 1


def test_checkup__reports__have_checkup_beside_their_kind() -> None:
    found = {one.labels.categories for one in _drafts("checkup") if one.kind == "report"}
    assert found == {
        Category.CHECKUP | Category.VITAL,
        Category.CHECKUP | Category.LAB,
        Category.CHECKUP | Category.IMGREP,
    }


def test_results__asked_size__is_about_that_and_all_differ() -> None:
    found = list(results(1, 50, "UNICODE UTF-8", DAY, size_bytes=3500))
    assert all(3300 <= len(raw) <= 3700 for raw in found)
    keys = {group.record_key for raw in found for group in normalise(_read("hospital", raw), profile("hospital"))}
    assert len(keys) == 50


def test_messages__unknown_charset__raises() -> None:
    with pytest.raises(ValueError, match="table 0211"):
        next(messages(1, 1, "hospital", "KLINGON", DAY))
