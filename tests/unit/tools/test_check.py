"""The runner of all checks: what it counts, and whom it believes."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

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


SUITE = """
import pathlib, sys
mark = pathlib.Path({mark!r})
again = mark.exists()
mark.touch()
names = ["tests/x.py::test_a[in order]", "tests/x.py::test_b"][: {failing}]
if again:
    assert sys.argv[1:-2] == names, sys.argv
    print("%d passed in 0.1s" % len(names) if {mends} else "%d failed in 0.1s" % len(names))
    sys.exit(0 if {mends} else 1)
for name in names:
    print("FAILED " + name + " - AssertionError: a - b")
print("%d failed, 7 passed in 3.21s" % {counted})
sys.exit(1)
"""


@pytest.mark.parametrize(
    ("again", "mends", "counted", "expected"),
    [(True, True, 2, (9, 0)), (True, False, 2, (7, 2)), (False, True, 2, (7, 2)), (True, True, 4, (7, 4))],
    ids=["passes when run again", "fails again", "not of such a stage", "more failed than are named"],
)
def test_run__tests_failed_once__are_run_again_by_themselves(
    tmp_path: Path, again: bool, mends: bool, counted: int, expected: tuple[int, int]
) -> None:
    program = tmp_path / "pytest"
    body = SUITE.format(mark=str(tmp_path / "mark"), failing=2, mends=mends, counted=counted)
    program.write_text(f"#!{sys.executable}\n{body}")
    program.chmod(0o700)
    totals = Totals()
    stage = Stage("sample", (str(program),), again=again)
    passed = run(stage, totals, deep=False, environment=dict(os.environ))
    assert (totals.passed, totals.failed) == expected
    assert passed == (totals.failed == 0)
    assert totals.unsteady == (["tests/x.py::test_a[in order]", "tests/x.py::test_b"] if passed else [])


def _meeting(folder: str, mine: str, other: str, text: str) -> str:
    return (
        "import pathlib, time\n"
        f"here = pathlib.Path({folder!r})\n"
        f"(here / {mine!r}).touch()\n"
        f"while not (here / {other!r}).exists():\n    time.sleep(0.01)\n"
        f"print({text!r})"
    )
