"""Orders and their like through the whole write path: anchored, versioned, opened with the custodians' shares."""

from pathlib import Path

import pytest

from salus.core.ids import ZERO32
from salus.core.labels import Category
from tests.unit.oracle.oracle_world import Oracle, Outside

PID = "PID|1||P1^^^H1^MR||王東||19800101|F||||||||||A1"
MESSAGES = {
    "ORM^O01": ("ORC|NW|S1|||||||20260101080000", "OBR|1|S1||24323-8^生化全套^LN"),
    "RDE^O11": ("ORC|NW|D1|||||||20260101080000", "RXE|^BID|A02BC01^奥美拉唑^ATC|20||mg"),
    "RDS^O13": ("ORC|RE|D1", "RXD|1|A1^奥美拉唑^L|20260101090000|14|粒"),
    "RAS^O17": ("ORC|RE|D1", "RXA|0|1|20260101100000||A1^奥美拉唑^L|20|mg"),
    "VXU^V04": ("ORC|RE||V1", "RXA|0|1|20260101||140^流感疫苗^CVX|0.5|mL"),
    "SIU^S12": ("SCH|AP1|F9|||||复诊", "TQ1|1||||||20260105090000|20260105093000"),
    "DFT^P03": ("FT1|1|T1||20260101||CG|CT01^CT平扫^L|||1|350.00&CNY",),
    "BAR^P01": ("IN1|1|CZ01^医保^L|3301|医保局",),
    "PPR^PC1": ("PRB|AD|20260101|I10^高血压^I10|PB1",),
}
CATEGORIES = {
    "ORM^O01": Category.LAB,
    "RDE^O11": Category.MEDORD,
    "RDS^O13": Category.MEDDISP,
    "RAS^O17": Category.MEDDISP,
    "VXU^V04": Category.IMMUN,
    "SIU^S12": Category.ENC,
    "DFT^P03": Category.CLAIM,
    "BAR^P01": Category.CLAIM,
    "PPR^PC1": Category.PROBLEM,
}


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def oracle(tmp_path: Path, outside: Outside) -> Oracle:
    return Oracle(tmp_path / "oracle.db", outside)


def message(kind: str, *segments: str, control: str = "1", at: str = "20260101120000") -> bytes:
    header = f"MSH|^~\\&|HIS|H1|SALUS|H1|{at}||{kind}|{control}|P|2.5.1|||||CHN|UNICODE UTF-8"
    return "\r".join((header, PID, *segments)).encode()


def test_pipeline__each_type__is_anchored_once_in_its_category(oracle: Oracle, outside: Outside) -> None:
    sent = [message(kind, *segments, control=kind) for kind, segments in MESSAGES.items()]
    assert oracle.take(*sent) == [True] * len(sent)
    oracle.pipeline.settle()
    anchored = [item.leaf.categories for item in outside.anchored_items()]
    assert sorted(anchored) == sorted(CATEGORIES.values())


def test_pipeline__each_type_again_under_a_new_control_id__adds_nothing(oracle: Oracle, outside: Outside) -> None:
    for round_of in ("a", "b", "c"):
        oracle.take(*(message(kind, *segments, control=round_of + kind) for kind, segments in MESSAGES.items()))
        oracle.pipeline.settle()
    assert len(outside.anchored_items()) == len(MESSAGES)


def test_pipeline__cancelled_order__is_version_two_and_keeps_its_words(oracle: Oracle, outside: Outside) -> None:
    oracle.take(message("ORM^O01", *MESSAGES["ORM^O01"]))
    oracle.take(message("ORM^O01", "ORC|CA|S1|||||||20260101130000", control="2", at="20260101130000"))
    oracle.pipeline.settle()
    first, second = outside.anchored_items()
    assert second.leaf.record_id == first.leaf.record_id
    assert (second.leaf.version, first.leaf.previous) == (2, ZERO32)
    content = outside.open(second).content
    assert (content["status"], content["code"]["text"]) == ("revoked", "生化全套")


def test_pipeline__order_and_its_report__are_two_records(oracle: Oracle, outside: Outside) -> None:
    oracle.take(message("ORM^O01", *MESSAGES["ORM^O01"]))
    oracle.take(
        message(
            "ORU^R01",
            "ORC|RE|S1|R1",
            "OBR|1|S1|R1|24323-8^生化全套^LN",
            "OBX|1|NM|2345-7^葡萄糖^LN||5.4|mmol/L|||||F",
            control="2",
        )
    )
    oracle.pipeline.settle()
    assert len({item.leaf.record_id for item in outside.anchored_items()}) == 2
