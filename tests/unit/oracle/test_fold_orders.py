"""Orders and their like over several messages: what stands at the end, whatever the order of arrival."""

from itertools import permutations
from typing import Any

import pytest

from oracle.fold import Folded, Told, fold
from salus.core.record import DraftStatus, compose
from tests.unit.oracle.normalise.made import check_content
from tests.unit.oracle.normalise.written import PID, one

SCH = "SCH|AP1|F9||||{}|||30|min|||||||||||||||{}"


def told(*messages: tuple[str, ...]) -> Folded:
    """What stands after messages, each a type and its segments but the PID; in any order of arrival."""
    groups = [one(kind, *_with_patient(kind, segments)) for kind, *segments in messages]
    results = [fold([Told(arrived, group) for arrived, group in enumerate(order, 1)]) for order in permutations(groups)]
    assert len({repr(sorted(result.group.head.items())) for result in results}) == 1
    check_content(compose("k", results[0].group.head, results[0].group.items))
    return results[0]


def _with_patient(kind: str, segments: list[str]) -> list[str]:
    return [*segments, PID] if kind.startswith("SIU") else [PID, *segments]


def test_order__cancelled_without_its_detail__keeps_what_was_ordered() -> None:
    new = ("ORM^O01", "ORC|NW|S1|||||||20260102080000", "OBR|1|S1||a^血常规^L|||||||||||BLD&血液")
    cancel = ("ORM^O01", "ORC|CA|S1|||||||20260102090000")
    head = told(new, cancel).group.head
    assert (head["status"], head["code"]["text"]) == ("revoked", "血常规")
    assert head["specimen"][0]["display"] == "血液"
    assert head["authoredOn"] == "2026-01-02T08:00:00+08:00"


def test_order__completed_by_the_filler__is_the_same_order() -> None:
    new = ("OML^O21", "ORC|NW|S1^HIS|||||||20260102080000", "OBR|1|S1^HIS||a^血常规^L")
    taken = ("OML^O21", "ORC|SC|S1^HIS|R7^LIS||IP||||20260102083000", "OBR|1|S1^HIS|R7^LIS|a^血常规^L")
    done = ("OML^O21", "ORC|SC|S1^HIS|R7^LIS||CM||||20260102100000", "OBR|1|S1^HIS|R7^LIS|a^血常规^L")
    assert told(new, taken, done).group.head["status"] == "completed"


def test_order__changed_by_null__loses_its_reason() -> None:
    new = ("ORM^O01", "ORC|NW|S1|||||||20260102080000", "OBR|1|S1||a^b^L" + "|" * 27 + "^胸痛")
    changed = ("ORM^O01", "ORC|XO|S1|||||||20260102090000", "OBR|1|S1||a^b^L" + "|" * 27 + '""')
    assert "reasonCode" not in told(new, changed).group.head


def test_prescription__held_and_released__has_no_reason_any_more() -> None:
    drug = "RXE||A1^华法林^L|3||mg"
    new = ("RDE^O11", "ORC|NW|D1|||||||20260102080000", drug)
    held = ("RDE^O11", "ORC|HD|D1|||||||20260102090000|||||||^术前停用", drug)
    back = ("RDE^O11", "ORC|RL|D1|||||||20260105090000", drug)
    assert told(new, held).group.head["statusReason"]["text"] == "术前停用"
    head = told(new, held, back).group.head
    assert (head["status"], "statusReason" in head) == ("active", False)


def test_appointment__cancelled_and_booked_again__has_no_reason_to_cancel() -> None:
    time = "TQ1|1||||||20260105090000|20260105093000"
    booked = _dated("SIU^S12", SCH.format("", "Booked"), time)
    cancelled = _dated("SIU^S15", SCH.format("ILL^发热", ""), time)
    again = _dated("SIU^S13", SCH.format("", "Booked"), time.replace("20260105", "20260106"))
    assert fold(cancelled).group.head["cancelationReason"]["text"] == "发热"
    head = _in_order(booked, cancelled, again)
    assert (head["status"], "cancelationReason" in head) == ("booked", False)
    assert head["start"].startswith("2026-01-06")


def test_appointment__a_day_then_an_hour__is_only_that_hour() -> None:
    day = _dated("SIU^S12", SCH.format("", "Pending"), "TQ1|1||||||20260105")
    hour = _dated("SIU^S14", SCH.format("", "Booked"), "TQ1|1||||||20260105090000")
    head = _in_order(day, hour)
    assert ("requestedPeriod" in head, head["status"]) == (False, "booked")
    back = _in_order(hour, day)
    assert ("start" in back, "end" in back) == (False, False)


@pytest.mark.parametrize("action", ["DE", "UP"])
def test_problem__deleted__is_withdrawn_and_has_no_clinical_status(action: str) -> None:
    added = ("PPR^PC1", "PRB|AD|20260102|I10^高血压^I10|PB1|||20251201")
    deleted = ("PPR^PC3", f"PRB|{action}|20260105|I10^高血压^I10|PB1")
    group = told(added, deleted).group
    assert "clinicalStatus" not in group.head
    assert group.status is DraftStatus.ENTERED_IN_ERROR


def test_problem__resolved_and_back_again__goes_on() -> None:
    added = ("PPR^PC1", "PRB|AD|20260102|I10^高血压^I10|PB1|||20251201")
    ended = ("PPR^PC2", "PRB|UP|20260103|I10^高血压^I10|PB1|||||20260103")
    back = ("PPR^PC2", "PRB|UP|20260104|I10^高血压^I10|PB1||||||||||复发")
    assert told(added, ended).group.head["abatementDateTime"] == "2026-01-03"
    head = told(added, ended, back).group.head
    assert (head["clinicalStatus"]["coding"][0]["code"], "abatementDateTime" in head) == ("recurrence", False)


def test_problem__withdrawn_and_added_again__stands() -> None:
    added = ("PPR^PC1", "PRB|AD|20260102|I10^高血压^I10|PB1")
    deleted = ("PPR^PC3", "PRB|DE|20260103|I10^高血压^I10|PB1")
    again = ("PPR^PC1", "PRB|AD|20260104|I10^高血压^I10|PB1")
    group = told(added, deleted, again).group
    assert (group.status, "verificationStatus" in group.head) == (DraftStatus.CURRENT, False)


def test_vaccination__refused_then_given__has_no_refusal() -> None:
    refused = (
        "VXU^V04",
        "ORC|RE||V1|||||||",
        "RXA|0|1|20260102||140^流感疫苗^CVX|999||||||||||||^发热||RE|A|20260102090000",
    )
    given = ("VXU^V04", "ORC|RE||V1", "RXA|0|1|20260109||140^流感疫苗^CVX|0.5|mL|||||||||||||CP|U|20260109090000")
    head = told(refused, given).group.head
    assert (head["status"], "statusReason" in head, head["occurrenceDateTime"]) == ("completed", False, "2026-01-09")


def _dated(kind: str, *segments: str) -> list[Told]:
    return [Told(1, one(kind, *segments, PID))]


def _in_order(*each: list[Told]) -> dict[str, Any]:
    """Appointments have no time of their own: they stand in order of arrival."""
    head = fold([Told(arrived, one_of.group) for arrived, (one_of,) in enumerate(each, 1)]).group.head
    check_content(compose("k", head, ()))
    return head
