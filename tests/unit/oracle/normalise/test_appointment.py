"""SIU: one record for each appointment and patient."""

import pytest

from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.label import label
from oracle.normalise import NormaliseError
from salus.core.labels import Category, Topic
from salus.core.record import DraftStatus, NormalisedGroup
from tests.unit.oracle.normalise.written import PID, PV1, day, groups, one

SCH = "SCH|AP1^HIS|F9^排班|||||^复诊^L|ROUTINE^常规^HL70277|30|min|||||||||||||||{}"
TIME = "TQ1|1||||||20260105090000|20260105093000"
AIS = "AIS|1|A|GI01^消化内科门诊^L"
AIP = "AIP|1|A|00023^赵医生^^^^^^^H1|ATND^主诊^L"
AIL = "AIL|1|A|门诊楼^305^^H1"
OTHER = "PID|2||P2^^^H1^MR||王伟||19800101|M"


def booked(event: str = "S12", *segments: str, status: str = "Booked", time: str = TIME) -> NormalisedGroup:
    return one(f"SIU^{event}", SCH.format(status), *([time] if time else []), PID, PV1, *segments)


def test_appointment__new__has_times_people_place_and_service() -> None:
    group = booked("S12", "RGS|1|A", AIS, AIP, AIL, "AIG|1|A|EQ1^胃镜机^L|SB^设备^L")
    head = group.head
    assert (group.kind, group.record_key) == ("appointment", "appointment|H1|排班|F9")
    assert (head["status"], head["minutesDuration"]) == ("booked", 30)
    assert (head["start"], head["end"]) == ("2026-01-05T09:00:00+08:00", "2026-01-05T09:30:00+08:00")
    assert [str(person["actor"].get("display")) for person in head["participant"]] == [
        "None",
        "赵医生",
        "H1 门诊楼 305",
        "胃镜机",
    ]
    assert {person["status"] for person in head["participant"]} == {"accepted"}
    assert head["participant"][0]["actor"]["identifier"]["value"] == "P1"
    assert head["serviceType"][0]["text"] == "消化内科门诊"
    assert (head["reasonCode"][0]["text"], head["appointmentType"]["text"]) == ("复诊", "常规")
    assert head["supportingInformation"][0]["identifier"]["value"] == "V1"
    assert (group.first_day, group.last_day, group.said) == (day(2026, 1, 5), day(2026, 1, 5), "S12")


def test_appointment__category__is_the_visit() -> None:
    (draft,) = label(booked("S12", AIS))
    assert (draft.labels.categories, draft.labels.level) == (Category.ENC, 4)


@pytest.mark.parametrize("word", ["精神科门诊", "HIV clinic"])
def test_appointment__at_a_sensitive_clinic__is_level_five(word: str) -> None:
    (draft,) = label(booked("S12", f"AIS|1|A|X^{word}^L"))
    assert draft.labels.level == 5


def test_appointment__sensitive_note_or_place__is_level_five() -> None:
    (noted,) = label(booked("S12", AIS, "NTE|1||带上次 HIV 结果"))
    assert noted.labels.topics == Topic.HIV
    (placed,) = label(booked("S12", "AIL|1|A|戒毒中心^1^^H1"))
    assert placed.labels.topics == Topic.SUD


@pytest.mark.parametrize(
    ("event", "said", "status", "draft"),
    [
        ("S12", "Booked", "booked", DraftStatus.CURRENT),
        ("S12", "", "booked", DraftStatus.CURRENT),
        ("S12", "Pending", "pending", DraftStatus.CURRENT),
        ("S13", "Booked", "booked", DraftStatus.CURRENT),
        ("S14", "Started", "checked-in", DraftStatus.CURRENT),
        ("S14", "Complete", "fulfilled", DraftStatus.CURRENT),
        ("S14", "已取消", "cancelled", DraftStatus.CURRENT),
        ("S15", "Booked", "cancelled", DraftStatus.CURRENT),
        ("S16", "", "cancelled", DraftStatus.CURRENT),
        ("S17", "Booked", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
        ("S14", "Deleted", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
        ("S26", "", "noshow", DraftStatus.CURRENT),
    ],
)
def test_appointment__event_and_status__decide_the_version(
    event: str, said: str, status: str, draft: DraftStatus
) -> None:
    group = booked(event, status=said)
    assert (group.head["status"], group.status) == (status, draft)


def test_appointment__unknown_status__is_named_and_counts_as_booked() -> None:
    group = booked("S12", status="QUERY")
    assert group.head["status"] == "booked"
    assert "SCH-25" in group.unmapped


def test_appointment__cancelled__says_why_and_others_don_t() -> None:
    reason = SCH.format("").replace("F9^排班||||", "F9^排班||||ILL^患者发热^L")
    cancelled = one("SIU^S15", reason, TIME, PID)
    assert cancelled.head["cancelationReason"]["text"] == "患者发热"
    assert cancelled.head["participant"][0]["status"] == "declined"
    kept = one("SIU^S13", reason, TIME, PID)
    assert "cancelationReason" not in kept.head
    assert "SCH-6" in kept.unmapped


def test_appointment__no_time__is_only_proposed() -> None:
    group = booked("S12", AIS, time="")
    assert (group.head["status"], "start" in group.head, group.first_day) == ("proposed", False, 0)


def test_appointment__only_a_day__is_asked_for_that_day() -> None:
    group = booked("S12", time="TQ1|1||||||20260105")
    assert group.head["requestedPeriod"] == [{"start": "2026-01-05"}]
    assert "start" not in group.head
    assert group.first_day == day(2026, 1, 5)


@pytest.mark.parametrize(
    ("segments", "end"),
    [
        ((AIS + "|20260105140000|||45|min",), "2026-01-05T14:45:00+08:00"),
        ((AIP + "||20260105140000|||1|H",), "2026-01-05T15:00:00+08:00"),
        ((AIL + "|||20260105140000",), "2026-01-05T14:30:00+08:00"),
    ],
)
def test_appointment__time_of_a_resource__stands_in_for_its_own(segments: tuple[str, ...], end: str) -> None:
    group = booked("S12", *segments, time="")
    assert (group.head["start"], group.head["end"]) == ("2026-01-05T14:00:00+08:00", end)


def test_appointment__end_before_start__ends_after_its_length() -> None:
    group = booked("S12", time="TQ1|1||||||20260105090000|20260104090000")
    assert group.head["end"] == "2026-01-05T09:30:00+08:00"


def test_appointment__several_patients__each_have_a_record_without_the_other() -> None:
    found = groups("SIU^S12", SCH.format("Booked"), TIME, PID, "DG1|1||F32.9^抑郁^ICD-10", OTHER, AIS)
    assert [group.subject_key for group in found] == ["H1|P1", "H1|P2"]
    assert len({group.record_key for group in found}) == 2
    assert [len(group.items) for group in found] == [1, 0]
    assert "'P2'" not in str(found[0].head)
    assert "'P1'" not in str(found[1].head)


def test_appointment__one_patient_told_twice__is_one_record() -> None:
    assert len(groups("SIU^S12", SCH.format("Booked"), TIME, PID, PID)) == 1


def test_appointment__order_it_is_for__is_named_by_number() -> None:
    group = one("SIU^S12", SCH.format("Booked") + "|S1^HIS", TIME, PID)
    assert group.head["basedOn"] == [{"type": "ServiceRequest", "identifier": {"system": "urn:id:HIS", "value": "S1"}}]


def test_appointment__only_a_placer_number__is_the_key() -> None:
    group = one("SIU^S12", SCH.format("Booked").replace("F9^排班", ""), TIME, PID)
    assert group.record_key == "appointment-by-placer|H1|HIS|AP1"


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        ((PID,), "MSH"),
        ((SCH.format(""), TIME), "MSH"),
        ((SCH.format(""), TIME, "PID|1||||x"), "PID-3"),
        (("SCH|||||||复诊", TIME, PID), "SCH-2"),
    ],
)
def test_appointment__unusable__is_refused_with_its_place(segments: tuple[str, ...], place: str) -> None:
    with pytest.raises(NormaliseError) as caught:
        groups("SIU^S12", *segments)
    assert str(caught.value.location) == place


def test_appointment__hundreds_of_patients_and_resources__are_refused_not_multiplied() -> None:
    patients = [f"PID|1||P{number}^^^H1^MR||x" for number in range(200)]
    services = [f"AIS|{number}|A|s{number}^x^L" for number in range(200)]
    with pytest.raises(NormaliseError) as caught:
        groups("SIU^S12", SCH.format(""), TIME, *patients, *services)
    assert str(caught.value.location) == "PID[2]"


def test_appointment__events_of_the_schedule_itself__are_not_taken() -> None:
    assert not {"S23", "S24", "S25"} & SUPPORTED_EVENTS["SIU"]
    assert {"S12", "S22", "S26"} <= SUPPORTED_EVENTS["SIU"]
