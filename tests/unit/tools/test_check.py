"""The runner of all checks: what it counts, and whom it believes."""

from __future__ import annotations

import os
import sys
import tempfile

import pytest

from tools.check import Stage, Totals, run, run_all

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


def test_run_all__stages_of_solidity__run_beside_one_that_waits_and_count(capfd: pytest.CaptureFixture[str]) -> None:
    """Each of the two ends only when it has seen the other's mark, so one after the other would never end."""
    with tempfile.TemporaryDirectory() as folder:
        stages = [
            Stage("before", (sys.executable, "-c", "print('first')")),
            Stage("forge", (sys.executable, "-c", _meeting(folder, "forge", "waits", FORGE.format(1))), seconds=30),
            Stage(
                "waits",
                (sys.executable, "-c", _meeting(folder, "waits", "forge", FORGE.format(0))),
                seconds=30,
                waits=True,
            ),
        ]
        totals = Totals()
        assert run_all(stages, totals, deep=False, environment=dict(os.environ)) == ["forge"]
    assert (totals.passed, totals.failed) == (24, 1)
    said = capfd.readouterr().out
    assert said.index("── before") < said.index("── waits: ok") < said.index("── forge: FAILED")


def _meeting(folder: str, mine: str, other: str, text: str) -> str:
    return (
        "import pathlib, time\n"
        f"here = pathlib.Path({folder!r})\n"
        f"(here / {mine!r}).touch()\n"
        f"while not (here / {other!r}).exists():\n    time.sleep(0.01)\n"
        f"print({text!r})"
    )
