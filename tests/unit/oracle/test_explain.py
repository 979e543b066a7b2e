from datetime import UTC, datetime

from oracle.explain import Explained, explain
from oracle.hl7.texts import Language
from oracle.model import IdentifierRule, LabelRule, LabelTable
from oracle.runtime import profile_of
from oracle.sources import Source
from oracle.sources.model import Acknowledgement, DueAt
from salus.core.canonical import canonical
from salus.core.labels import Category, Topic
from salus.core.printable import escaped
from tests.unit.oracle.oracle_world import admission, report

NOW = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)


def explained(raw: bytes, source: Source | None = None) -> Explained:
    sender = source or Source("lis", "Hospital B", "HB")
    return explain(raw, sender, profile_of(sender, is_checkup=False), NOW)


def test_explain__good_message__shows_every_step() -> None:
    found = explained(report("42"))
    assert (found.verdict, found.kind, found.mode, found.charset) == ("accept", "ORU^R01", "original", "utf-8")
    segments = {one["name"]: one["parsed"] for one in found.segments}
    assert list(segments) == ["MSH", "PID", "OBR", "OBX"]
    assert (segments["PID"]["PID-3.1"], segments["PID"]["PID-5.2"], segments["OBX"]["OBX-5"]) == ("P1", "小明", "5.40")
    (record,) = found.records
    assert (record["kind"], record["categories"], record["level"], record["days"][0]) == (
        "report",
        ["LAB"],
        4,
        "2026-11-01",
    )
    assert b"5.40" in canonical(record["fhir"])
    assert "\rMSA|AA|42\r" in found.reply
    assert found.problem is None


def test_explain__repetitions_and_subcomponents__have_their_places() -> None:
    raw = report("42").replace(b"P1^^^HB^MR", b"P1^^^HB&1.2.3&ISO^MR~X\\T\\7^^^HB^PI")
    (pid,) = [one["parsed"] for one in explained(raw).segments if one["name"] == "PID"]
    assert (pid["PID-3[1].4.1"], pid["PID-3[1].4.2"], pid["PID-3[2].1"], pid["PID-5.1"]) == ("HB", "1.2.3", "X&7", "王")


def test_explain__what_no_mapping_uses__is_named() -> None:
    raw = report("42").replace(b"OBR|1", b"IN1|1|x\rOBR|1")
    assert explained(raw).unmapped == ("IN1",)


def test_explain__no_patient__stops_there_and_the_message_is_taken_all_the_same() -> None:
    found = explained(report("42", patient=""))
    assert found.problem is not None
    assert (found.problem["condition"], found.problem["location"]) == (101, "PID-3")
    assert found.records == ()
    assert "\rMSA|AA|42\r" in found.reply


def test_explain__refused__shows_the_error_the_sender_gets_in_its_language() -> None:
    source = Source("lis", "Hospital B", "HB", events=frozenset({("ADT", "")}), language=Language.CHINESE)
    found = explained(report("42"), source)
    assert (found.verdict, found.records) == ("reject", ())
    assert "该来源不得发送此类消息" in found.reply


def test_explain__enhanced_without_accept__has_no_reply() -> None:
    raw = report("42").replace(b"|P|2.5.1|||", b"|P|2.5.1|||NE|AL")
    found = explained(raw.replace(b"|||NE|AL|||", b"|||NE|AL||"))
    assert found.mode == "enhanced: accept NE, application AL"
    assert found.reply == ""


def test_explain__not_hl7__shows_the_lines() -> None:
    found = explained(b"hello\x1b\nworld")
    assert [one["raw"] for one in found.segments] == ["hello\\x1b", "world"]
    assert found.problem is not None
    assert found.problem["condition"] == 100


def test_explain__two_records__each_has_labels_of_its_own() -> None:
    kinds = {one["kind"] for one in explained(admission("1")).records}
    assert kinds == {"encounter", "demographics"}


def test_explain__rules_of_the_source__reach_mapping_and_labels() -> None:
    rules = LabelTable((LabelRule(word="葡萄糖", topics=Topic.HIV, category=Category.LAB, level=5),))
    source = Source(
        "lis",
        "Hospital B",
        "HB",
        systems=(("HB", "urn:oid:1.2.3"),),
        patient=(IdentifierRule("PI", ""),),
        ignored_segments=frozenset({"NTE"}),
        level=5,
        labels=rules,
    )
    raw = report("42").replace(b"P1^^^HB^MR", b"P1^^^HB^MR~X7^^^HB^PI").replace(b"OBX|", b"NTE|1||hidden\rOBX|")
    found = explained(raw, source)
    (record,) = found.records
    text = canonical(record["fhir"])
    assert record["subjectKey"] == "HB|X7"
    assert (record["level"], record["topics"]) == (5, ["HIV"])
    assert b"urn:oid:1.2.3" in text
    assert b"urn:id:HB" not in text
    assert b"hidden" not in text
    assert any(one["name"] == "NTE" for one in found.segments)


def test_explain__level_of_the_source__raises_and_never_lowers() -> None:
    low = Source("lis", "Hospital B", "HB", level=1)
    assert [one["level"] for one in explained(report("42"), low).records] == [4]
    high = Source("lis", "Hospital B", "HB", level=5)
    assert [one["level"] for one in explained(report("42"), high).records] == [5]


def test_explain__no_number_fits_the_patient_rule__is_a_missing_field_at_pid_3() -> None:
    source = Source("lis", "Hospital B", "HB", patient=(IdentifierRule("", "OTHER"),))
    found = explained(report("42"), source)
    assert found.problem is not None
    assert found.problem["location"] == "PID-3"


def test_escaped__control_characters__stay_on_one_line() -> None:
    assert escaped("a\tb\r\x00王") == "a\\tb\\r\\x00王"


def test_explain__gb18030_in_the_file_but_utf_8_on_the_wire__is_read_as_sent_and_the_mismatch_told() -> None:
    found = explained(report("42"), Source("lis", "Hospital B", "HB", charset="GB18030"))
    assert (found.charset, found.charset_mismatch, found.done) == ("utf-8", True, True)
    assert found.outcome == "taken: 1 record"


def test_explain__source_that_waits_for_the_result__shows_the_error_it_would_get() -> None:
    source = Source("lis", "Hospital B", "HB", acknowledgement=Acknowledgement(original=DueAt.PROCESSED))
    found = explained(report("42", patient=""), source)
    assert "\rMSA|AE|42\r" in found.reply
    assert "\rERR||PID^1^3^1|101^" in found.reply
    assert "\rMSA|AA|42\r" in explained(report("42"), source).reply
    enhanced = report("42", patient="").replace(b"|P|2.5.1||||||", b"|P|2.5.1|||AL|AL||")
    assert "\rMSA|CA|42\r" in explained(enhanced, source).reply


def test_explain__merge_of_a_number_of_a_foreign_authority__advises_to_name_it() -> None:
    raw = admission("9").replace(b"ADT^A01", b"ADT^A40").rstrip(b"\r") + b"\rMRG|P9^^^ELSE^MR\r"
    found = explained(raw)
    assert found.problem is not None
    assert (found.problem["condition"], found.problem["location"]) == (204, "MRG-1.4")
    assert "[identifiers.systems]" in found.problem["advice"]
    assert found.outcome.startswith("stored, then held")


def test_explain__merge_of_two_own_numbers__is_a_change_that_used_the_segment() -> None:
    raw = admission("9").replace(b"ADT^A01", b"ADT^A40").rstrip(b"\r") + b"\rMRG|P9^^^HB^MR\r"
    found = explained(raw)
    assert [(one["kind"], one["from"]) for one in found.changes] == [("merge", "HB|P9")]
    assert found.unmapped == ()
    assert found.outcome.endswith("1 change of identities")
