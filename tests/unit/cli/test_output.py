"""Tables and lines: identifiers are never cut, nothing is taken for markup, JSON is one value."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cli import output
from cli.in_a_line import in_a_line

LEAF = "0x" + "ab" * 32


@pytest.fixture(autouse=True)
def _for_people() -> Iterator[None]:
    yield
    output.use_json(on=False)


def test_table__long_identifier_beside_other_columns__is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"a": "a fairly long cell " * 4, "b": LEAF, "c": ["X", "Y"], "d": None}]
    output.emit_table(rows, {"a": "first", "b": "leaf", "c": "several", "d": "none"})
    printed = capsys.readouterr().out
    assert LEAF in printed
    assert "X, Y" in printed
    assert "None" not in printed


def test_table__no_rows__says_so(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit_table([], {"a": "first"}, "there is nothing")
    assert capsys.readouterr().out == "there is nothing\n"


def test_table__json__is_the_rows_with_all_members(capsys: pytest.CaptureFixture[str]) -> None:
    output.use_json(on=True)
    output.emit_table([{"a": 1, "hidden": b"\x01"}], {"a": "first"})
    assert json.loads(capsys.readouterr().out) == [{"a": 1, "hidden": "0x01"}]


@pytest.mark.parametrize("text", ["[bold]not markup[/bold]", "[/closing] alone", "MSH|^~\\&|[x]"])
def test_emit__what_looks_like_markup__is_printed_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.emit({}, [text])
    output.complain(text, text)
    printed = capsys.readouterr()
    assert printed.out == f"{text}\n"
    assert printed.err == f"salus: {text}\n  {text}\n"


def test_clock__seconds__are_told_in_shanghai() -> None:
    assert output.clock(1_795_744_520) == "2026-11-27 09:55:20 +08:00"


def test_in_a_line__report__has_day_name_and_first_results() -> None:
    def result(name: str, value: str) -> dict[str, object]:
        quantity = {"value": value, "unit": "mmol/L"}
        return {"resource": {"resourceType": "Observation", "code": {"text": name}, "valueQuantity": quantity}}

    report = {
        "resource": {
            "resourceType": "DiagnosticReport",
            "code": {"coding": [{"code": "24323-8", "display": "体检生化"}]},
            "effectiveDateTime": "2026-11-27T08:15:04+08:00",
        }
    }
    results = [result("葡萄糖", "5.40"), result("钾", "4.10"), result("尿素", "5"), result("总胆固醇", "4")]
    bundle = {"resourceType": "Bundle", "entry": [report, *results]}
    said = "2026-11-27 体检生化 (葡萄糖 5.40 mmol/L, 钾 4.10 mmol/L, 尿素 5 mmol/L and 1 more)"
    assert in_a_line(bundle) == said


def test_in_a_line__bare_resource__is_named_by_its_type() -> None:
    assert in_a_line({"resourceType": "Patient"}) == "Patient"
