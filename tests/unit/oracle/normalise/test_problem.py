"""PPR: one record for each problem, with goals and observations; orders sent along are records of their own."""

import pytest

from oracle.label import label
from oracle.normalise import NormaliseError
from salus.core.labels import Category, Topic
from salus.core.record import DraftStatus, compose
from tests.unit.oracle.normalise.written import PID, PV1, day, groups, one

PRB = "PRB|AD|20260102090000|I10.x00^原发性高血压^I10|PB1^EMR|||20251201"


def coded(concept: dict[str, list[dict[str, str]]]) -> str:
    return concept["coding"][0]["code"]


def test_problem__added__is_an_active_condition_of_the_list() -> None:
    group = one("PPR^PC1", PID, PV1, PRB, "NTE|1||家族史阳性")
    head = group.head
    assert (group.kind, group.record_key, group.said) == ("problem", "problem|H1|EMR|PB1", "AD")
    assert coded(head["clinicalStatus"]) == "active"
    assert coded(head["category"][0]) == "problem-list-item"
    assert (head["code"]["text"], head["recordedDate"]) == ("原发性高血压", "2025-12-01")
    assert head["note"] == [{"text": "家族史阳性"}]
    assert (group.first_day, group.status) == (day(2025, 12, 1), DraftStatus.CURRENT)
    assert label(group)[0].labels.categories == Category.PROBLEM


@pytest.mark.parametrize(("code", "topic"), [("B20.x00^免疫缺陷^I10", Topic.HIV), ("F32.9^情绪低落^L", Topic.MH)])
def test_problem__sensitive_code__is_level_five(code: str, topic: Topic) -> None:
    (draft,) = label(one("PPR^PC1", PID, PRB.replace("I10.x00^原发性高血压^I10", code)))
    assert (draft.labels.level, draft.labels.topics) == (5, topic)


@pytest.mark.parametrize(
    ("event", "action", "draft"),
    [
        ("PC1", "AD", DraftStatus.CURRENT),
        ("PC2", "UP", DraftStatus.CURRENT),
        ("PC2", "UC", DraftStatus.CURRENT),
        ("PC2", "CO", DraftStatus.CORRECTED),
        ("PC2", "DE", DraftStatus.ENTERED_IN_ERROR),
        ("PC3", "UP", DraftStatus.ENTERED_IN_ERROR),
    ],
)
def test_problem__action_and_event__decide_the_version(event: str, action: str, draft: DraftStatus) -> None:
    group = one(f"PPR^{event}", PID, PRB.replace("PRB|AD", f"PRB|{action}"))
    assert group.status is draft
    withdrawn = draft is DraftStatus.ENTERED_IN_ERROR
    assert ("clinicalStatus" in group.head) is not withdrawn
    assert ("verificationStatus" in group.head) is withdrawn


@pytest.mark.parametrize(
    ("tail", "clinical", "verified"),
    [
        ("||||||", "active", None),
        ("||||||确诊|缓解", "remission", "confirmed"),
        ("||||||C^Confirmed|Active", "active", "confirmed"),
        ("|||||||Resolved", "resolved", None),
        ("||20260101||||疑似", "resolved", "provisional"),
        ("||20260101|||||Active", "resolved", None),
        ("||20260101|||||inactive", "inactive", None),
    ],
)
def test_problem__confirmation_life_cycle_and_end__decide_its_statuses(
    tail: str, clinical: str, verified: str | None
) -> None:
    head = one("PPR^PC2", PID, PRB + tail).head
    assert coded(head["clinicalStatus"]) == clinical
    assert (coded(head["verificationStatus"]) if "verificationStatus" in head else None) == verified


def test_problem__status_in_unknown_words__is_named() -> None:
    group = one("PPR^PC1", PID, PRB + "||||||大概|不详")
    assert {"PRB-13", "PRB-14"} <= set(group.unmapped)
    assert coded(group.head["clinicalStatus"]) == "active"


def test_problem__onset__by_day_or_in_words() -> None:
    by_day = one("PPR^PC1", PID, PRB + "|||||||||20240301|三月间").head
    assert by_day["onsetDateTime"] == "2024-03-01"
    assert by_day["note"] == [{"text": "三月间"}]
    in_words = one("PPR^PC1", PID, PRB + "||||||||||儿童期").head
    assert in_words["onsetString"] == "儿童期"


def test_problem__sensitivity__is_the_source_s_own_label() -> None:
    group = one("PPR^PC1", PID, PRB + "|" * 18 + "PSY~R")
    assert group.source_labels == ("0177:PSY", "0177:R")
    assert label(group)[0].labels.level == 5


def test_problem__several_with_goals_and_observations__keep_apart() -> None:
    first, second = groups(
        "PPR^PC1",
        PID,
        PRB,
        "OBX|1|NM|8480-6^收缩压^LN||165|mmHg|||||F",
        "GOL|AD|20260102|BP^血压低于140/90^L|G1^EMR|||20260102|20260401||||||||IP^进行中^L|随访中|active",
        "NTE|1||每月复诊",
        PRB.replace("PB1", "PB2").replace("I10.x00^原发性高血压", "E11.9^2型糖尿病"),
    )
    assert [item.resource["resourceType"] for item in first.items] == ["Goal", "Observation"]
    assert second.items == ()
    problem, goal, pressure = (
        entry["resource"] for entry in compose(first.record_key, first.head, first.items)["entry"]
    )
    assert goal["addresses"] == [{"reference": f"urn:uuid:{problem['id']}"}]
    assert (goal["lifecycleStatus"], goal["target"]) == ("active", [{"dueDate": "2026-04-01"}])
    assert [note["text"] for note in goal["note"]] == ["每月复诊", "随访中"]
    assert problem["evidence"] == [{"detail": [{"reference": f"urn:uuid:{pressure['id']}"}]}]
    assert label(first)[0].labels.categories == Category.PROBLEM | Category.CAREPLAN | Category.VITAL


def test_problem__withdrawn_goal__says_so() -> None:
    (goal,) = one("PPR^PC2", PID, PRB, "GOL|DE|20260102|BP^血压^L|G1").items
    assert (goal.status, goal.resource["lifecycleStatus"]) == (DraftStatus.ENTERED_IN_ERROR, "entered-in-error")


def test_problem__orders_sent_along__are_records_of_their_own() -> None:
    found = groups(
        "PPR^PC1",
        PID,
        PRB,
        "ORC|NW|S1^HIS",
        "OBR|1|S1^HIS||24323-8^生化全套^LN",
        "OBX|1|ST|1^问^L||答||||||F",
        "ORC|NW|D1^HIS",
        "RXO|A1^阿司匹林^L|100||mg",
        "ORC|NW",
        "OBR|3|||x^无号^L",
    )
    assert [group.record_key for group in found] == [
        "problem|H1|EMR|PB1",
        "order|H1|HIS|S1",
        "prescription|H1|HIS|D1",
    ]
    assert found[0].items == ()
    assert len(found[1].items) == 1
    assert {"ORC", "OBR"} <= set(found[0].unmapped)


def test_problem__explicit_null__clears_its_element() -> None:
    assert "severity" not in one("PPR^PC2", PID, PRB).cleared
    assert "severity" in one("PPR^PC2", PID, PRB + "|" * 19 + '""').cleared


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        ((PID,), "MSH"),
        ((PRB,), "MSH"),
        ((PID, "PRB|AD|20260102|I10^高血压^I10"), "PRB-4"),
        (("PID|1", PRB), "PID-3"),
    ],
)
def test_problem__unusable__is_refused_with_its_place(segments: tuple[str, ...], place: str) -> None:
    with pytest.raises(NormaliseError) as caught:
        groups("PPR^PC1", *segments)
    assert str(caught.value.location) == place
