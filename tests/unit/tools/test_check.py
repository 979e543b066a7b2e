"""The runner of all checks: what it counts, and whom it believes."""

from __future__ import annotations

import os
import sys

import pytest

from tools.check import Stage, Totals, run

FORGE = "Ran 2 test suites in 1.2s (2.1s CPU time): 12 tests passed, {} failed, 1 skipped (14 total tests)"
PYTEST = "========= {} failed, 7 passed, 2 skipped in 3.21s ========="


def outcome(text: str, code: int = 0) -> tuple[bool, Totals]:
    """A stage that prints a text and ends with a code."""
    totals = Totals()
    stage = Stage("sample", (sys.executable, "-c", f"import sys; print({text!r}); sys.exit({code})"))
    return run(stage, totals, deep=False, environment=dict(os.environ)), totals


@pytest.mark.parametrize("line", [FORGE, PYTEST])
def test_run__failures_counted_but_code_0__is_a_failure(line: str) -> None:
    passed, totals = outcome(line.format(1))
    assert not passed
    assert totals.failed == 1


def test_run__no_failure__passes() -> None:
    passed, totals = outcome(FORGE.format(0))
    assert passed
    assert (totals.passed, totals.failed, totals.skipped) == (12, 0, 1)


def test_run__code_not_0__is_a_failure() -> None:
    passed, _ = outcome("nothing to count", 3)
    assert not passed


def test_run__failures_of_an_earlier_stage__do_not_fail_a_later_one() -> None:
    totals = Totals(failed=2)
    stage = Stage("later", (sys.executable, "-c", f"print({FORGE.format(0)!r})"))
    assert run(stage, totals, deep=False, environment=dict(os.environ))
