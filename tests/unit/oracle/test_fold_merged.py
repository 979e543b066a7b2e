"""A patient's numbers are merged while a record is still being told of."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.unit.oracle.oracle_world import Oracle, Outside, identity, results

SODIUM, GLUCOSE = "2951-2", "2345-7"


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def oracle(tmp_path: Path, outside: Outside) -> Oracle:
    return Oracle(tmp_path / "oracle.db", outside)


def _values(outside: Outside) -> set[str]:
    newest: dict[bytes, Any] = {}
    for item in sorted(outside.anchored_items(), key=lambda one: one.leaf.version):
        newest[item.leaf.record_id] = outside.open(item).content
    resources = [entry["resource"] for content in newest.values() for entry in content.get("entry", ())]
    return {str(one["valueQuantity"]["value"]) for one in resources if "valueQuantity" in one}


def _send(oracle: Oracle, *raws: bytes) -> None:
    for raw in raws:
        assert oracle.take(raw) == [True]
        oracle.pipeline.settle()
    assert oracle.messages.quarantine() == []


def test_record__told_on_under_the_surviving_number__keeps_what_was_told_under_the_other(
    oracle: Oracle, outside: Outside
) -> None:
    _send(
        oracle,
        results("1", (GLUCOSE, "5.4", "F"), patient="P1", status="A"),
        identity("2", "A40", "P1", "P2"),
        results("3", (SODIUM, "140", "F"), patient="P2", said="20261102100000"),
    )
    assert _values(outside) == {"5.4", "140"}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_record__told_of_under_both_numbers_of_a_merge__is_the_same_in_any_order(
    order: tuple[int, ...], oracle: Oracle, outside: Outside
) -> None:
    told = (
        results("1", (GLUCOSE, "5.4", "F"), patient="P1", status="A"),
        identity("2", "A40", "P1", "P2"),
        results("3", (SODIUM, "140", "F"), patient="P2", said="20261102100000"),
    )
    _send(oracle, *(told[place] for place in order))
    assert _values(outside) == {"5.4", "140"}


def test_merge__records_of_one_number_only__get_no_version(oracle: Oracle, outside: Outside) -> None:
    _send(
        oracle,
        results("1", (GLUCOSE, "5.4", "P"), patient="P1", status="P"),
        results("2", (GLUCOSE, "5.5", "F"), patient="P1", said="20261101093000"),
        results("3", (SODIUM, "140", "F"), order="L2", patient="P2"),
    )
    before = len(outside.anchored_items())
    _send(oracle, identity("4", "A40", "P1", "P2"))
    reports = [
        item for item in outside.anchored_items()[before:] if "DiagnosticReport" in str(outside.open(item).content)
    ]
    assert reports == []


def test_record__told_on_under_a_number_nobody_merged__is_the_other_patients(oracle: Oracle, outside: Outside) -> None:
    _send(
        oracle,
        results("1", (GLUCOSE, "5.4", "F"), patient="P1", status="A"),
        results("3", (SODIUM, "140", "F"), patient="P2", said="20261102100000"),
    )
    assert _values(outside) == {"140"}
