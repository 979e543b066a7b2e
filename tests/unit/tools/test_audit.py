"""Findings of slither held against the exceptions."""

from __future__ import annotations

import pytest

from tools.audit import EXCEPTIONS, Allowed, Finding, finding_of, hold

TIME = Allowed("timestamp", ("Gateway.*",), "on purpose")
FINDING = Finding("timestamp", "Gateway.request", "Low", "uses timestamp")


def test_hold__finding_with_its_exception__is_quiet() -> None:
    assert hold([FINDING], [TIME]) == ([], [])


@pytest.mark.parametrize(
    "finding",
    [
        Finding("timestamp", "Council.execute", "Low", "another contract"),
        Finding("suicidal", "Gateway.request", "High", "another detector"),
    ],
)
def test_hold__finding_without_an_exception__is_told(finding: Finding) -> None:
    assert hold([FINDING, finding], [TIME]) == ([finding], [])


def test_hold__exception_that_covers_nothing__is_told() -> None:
    assert hold([], [TIME]) == ([], [TIME])


def test_finding__of_a_node__is_placed_in_its_function() -> None:
    function = {
        "type": "function",
        "name": "request",
        "type_specific_fields": {"parent": {"type": "contract", "name": "Gateway", "type_specific_fields": {}}},
    }
    node = {"type": "node", "name": "x = 1", "type_specific_fields": {"parent": function}}
    result = {"check": "timestamp", "impact": "Low", "description": "uses timestamp\n", "elements": [node]}
    assert finding_of(result) == FINDING


def test_finding__of_a_whole_contract__is_placed_there() -> None:
    contract = {"type": "contract", "name": "Gateway", "type_specific_fields": {}}
    result = {"check": "x", "impact": "Low", "description": "", "elements": [contract]}
    assert finding_of(result).where == "Gateway"


def test_exceptions__each__has_a_reason_and_no_high_impact_detector() -> None:
    dangerous = {"suicidal", "arbitrary-send-eth", "reentrancy-eth", "controlled-delegatecall", "tx-origin"}
    assert all(len(one.reason) > 20 for one in EXCEPTIONS)
    assert not dangerous & {one.detector for one in EXCEPTIONS}
