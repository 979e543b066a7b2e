"""VXU: one record for each dose."""

from decimal import Decimal

import pytest

from oracle.label import label
from oracle.normalise import NormaliseError
from salus.core.labels import Category, Topic
from salus.core.record import DraftStatus, compose
from tests.unit.oracle.normalise.written import PID, day, groups, one

ORC = "ORC|RE|O1^CLINIC|V77^CLINIC|||||||||00023^赵医生"
RXA = (
    "RXA|0|1|20260102093000|20260102093000|08^乙型肝炎疫苗(CHO)^L|0.50|mL^^UCUM||00^NEW IMMUNIZATION RECORD^NIP001"
    "|00031^李护士|^^^接种门诊||||202511001|20271130|BJ^北京生物^L|||CP|A"
)
CHILD = "PID|1||C1^^^H1^MR||王小明||20240601|M"


def test_vaccination__dose__has_vaccine_lot_people_and_day() -> None:
    group = one("VXU^V04", PID, ORC, RXA, "RXR|IM^肌内注射^HL70162|LD^左上臂^HL70163")
    head = group.head
    assert (group.kind, group.record_key) == ("vaccination", "vaccination|H1|CLINIC|V77")
    assert (head["status"], head["occurrenceDateTime"]) == ("completed", "2026-01-02T09:30:00+08:00")
    assert head["doseQuantity"] == {
        "value": Decimal("0.50"),
        "unit": "mL",
        "system": "http://unitsofmeasure.org",
        "code": "mL",
    }
    assert (head["lotNumber"], head["expirationDate"]) == ("202511001", "2027-11-30")
    assert head["manufacturer"]["display"] == "北京生物"
    assert [person["function"]["coding"][0]["code"] for person in head["performer"]] == ["AP", "OP"]
    assert (head["route"]["text"], head["site"]["text"]) == ("肌内注射", "左上臂")
    assert head["primarySource"] is True
    assert (group.first_day, group.unmapped) == (day(2026, 1, 2), ())


def test_vaccination__category__is_vaccination_with_its_observations() -> None:
    group = one(
        "VXU^V04",
        PID,
        ORC,
        RXA.replace("乙型肝炎疫苗(CHO)", "流感疫苗"),
        "OBX|1|CE|59781-5^Dose validity^LN||Y||||||F",
    )
    (draft,) = label(group)
    assert draft.labels.categories == Category.IMMUN
    immunization, told = (entry["resource"] for entry in draft.content["entry"])
    assert told["partOf"] == [{"reference": f"urn:uuid:{immunization['id']}"}]


def test_vaccination__of_a_small_child__is_level_five() -> None:
    (draft,) = label(one("VXU^V04", CHILD, ORC, RXA.replace("乙型肝炎", "流感")))
    assert (draft.labels.level, draft.labels.topics) == (5, Topic.MINOR)


def test_vaccination__several__are_several_records_with_their_own_routes() -> None:
    second = RXA.replace("08^乙型肝炎疫苗(CHO)", "10^脊髓灰质炎灭活疫苗")
    found = groups("VXU^V04", PID, ORC, RXA, "RXR|IM^肌内注射", ORC.replace("V77", "V78"), second, "RXR|SC^皮下注射")
    assert [group.record_key[-3:] for group in found] == ["V77", "V78"]
    assert [group.head["route"]["text"] for group in found] == ["肌内注射", "皮下注射"]


@pytest.mark.parametrize("orc", [(), ("ORC|RE||9999^CDC",), ("ORC|RE",)])
def test_vaccination__without_a_number__is_known_by_patient_day_and_vaccine(orc: tuple[str, ...]) -> None:
    group = one("VXU^V04", PID, *orc, RXA)
    assert group.record_key == "vaccination-by-content|H1|H1%7CP1|2026-01-02|08"
    assert "identifier" not in group.head


def test_vaccination__only_a_placer_number__is_the_key() -> None:
    assert one("VXU^V04", PID, "ORC|RE|O1^CLINIC", RXA).record_key == "vaccination-by-placer|H1|CLINIC|O1"


@pytest.mark.parametrize(
    ("end", "status", "draft"),
    [
        ("CP|A", "completed", DraftStatus.CURRENT),
        ("RE|A", "not-done", DraftStatus.CURRENT),
        ("NA|A", "not-done", DraftStatus.CURRENT),
        ("PA|A", "completed", DraftStatus.CURRENT),
        ("|", "completed", DraftStatus.CURRENT),
        ("CP|U", "completed", DraftStatus.CORRECTED),
        ("CP|D", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
    ],
)
def test_vaccination__completion_and_action__decide_the_version(end: str, status: str, draft: DraftStatus) -> None:
    group = one("VXU^V04", PID, ORC, RXA.removesuffix("CP|A") + end)
    assert (group.head["status"], group.status) == (status, draft)


def test_vaccination__refused__says_why() -> None:
    refused = "RXA|0|1|20260102||140^流感疫苗^CVX|999||||||||||||00^PARENTAL DECISION^NIP002||RE"
    head = one("VXU^V04", PID, ORC, refused).head
    assert (head["status"], head["statusReason"]["text"]) == ("not-done", "PARENTAL DECISION")
    assert "doseQuantity" not in head


def test_vaccination__no_vaccine_given__is_not_done_whatever_is_said() -> None:
    assert (
        one("VXU^V04", PID, ORC, "RXA|0|1|20260102||998^no vaccine administered^CVX|||||||||||||||CP").head["status"]
        == "not-done"
    )


def test_vaccination__told_by_somebody__is_no_primary_source() -> None:
    head = one("VXU^V04", PID, ORC, RXA.replace("00^NEW IMMUNIZATION RECORD^NIP001", "^接种前已告知")).head
    assert ("primarySource" in head, head["note"]) == (False, [{"text": "接种前已告知"}])
    head = one("VXU^V04", PID, ORC, RXA.replace("00^NEW IMMUNIZATION RECORD", "01^家长回忆")).head
    assert (head["primarySource"], head["reportOrigin"]["text"]) == (False, "家长回忆")


def test_vaccination__no_day__is_undated_when_it_has_a_number() -> None:
    group = one("VXU^V04", PID, ORC, "RXA|0|1|||08^乙肝疫苗^L")
    assert (group.head["occurrenceString"], group.first_day) == ("unknown", 0)


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        ((PID,), "MSH"),
        ((PID, "ORC|RE|O1"), "ORC"),
        ((PID, "RXA|0|1|||08^乙肝疫苗^L"), "RXA-3"),
        ((ORC, RXA), "MSH"),
        (("PID|1", ORC, RXA), "PID-3"),
    ],
)
def test_vaccination__unusable__is_refused_with_its_place(segments: tuple[str, ...], place: str) -> None:
    with pytest.raises(NormaliseError) as caught:
        groups("VXU^V04", *segments)
    assert str(caught.value.location) == place


def test_vaccination__end_of_the_dose__is_named_only_when_it_says_more() -> None:
    group = one("VXU^V04", PID, ORC, RXA.replace("|20260102093000|20260102093000|", "|20260102093000|20260102094500|"))
    assert group.unmapped == ("RXA-4",)


def test_vaccination__lone_record__is_the_immunization_itself() -> None:
    group = one("VXU^V04", PID, ORC, RXA)
    assert compose(group.record_key, group.head, group.items)["resourceType"] == "Immunization"
