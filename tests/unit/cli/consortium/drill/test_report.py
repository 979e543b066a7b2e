"""What is said of a drill."""

from __future__ import annotations

from cli.consortium.drill.counts import Counts
from cli.consortium.drill.course import Result
from cli.consortium.drill.report import facts, lines, markdown

SEEN = {"the sender of a": {"AE 207": 2, "AA": 30}, "the doctor": {"opened": 3, "503 NODE_STALE": 1}}


def result(*, lost: int = 0, recovered: float | None = 4.25, wrong: tuple[str, ...] = ()) -> Result:
    counts = Counts(messages=30, lost=lost, envelopes=28)
    return Result("one-dead", "one validator dead", "x dead for 40 s", SEEN, recovered, counts, ["x dead"], list(wrong))


def test_result__all_right__passed() -> None:
    assert result().passed
    assert facts(result())["passed"] is True


def test_result__lost_wrong_or_not_recovered__did_not_pass() -> None:
    assert not result(lost=1).passed
    assert not result(recovered=None).passed
    assert not result(wrong=("opened after a revocation",)).passed


def test_lines__what_came_off_stands_before_what_did_not() -> None:
    told = "\n".join(lines(result()))
    assert "the sender of a: AA ×30, AE 207 ×2" in told
    assert "the doctor: opened ×3, 503 NODE_STALE ×1" in told


def test_markdown__a_row_for_each_drill_and_what_people_saw() -> None:
    page = markdown([result(), result(lost=2)], "salus consortium drill all", 5.0)
    assert "| one-dead | x dead for 40 s | 4.2 | 0 | 0 | 0 | 0 | 30 | 0 | 0 | 28 |" in page
    assert "| one-dead | x dead for 40 s | 4.2 | 2 | 0 | 0 | 0 | 30 | 0 | 0 | 28 |" in page
    assert "`salus consortium drill all`" in page
    assert "503 NODE_STALE ×1" in page


def test_markdown__of_the_stores__says_what_the_world_stood_on() -> None:
    page = markdown([result()], "salus consortium drill stores", 5.0, stores=True)
    assert page.startswith("# Drills of the stores\n")
    assert "three Kubo nodes" in page
    assert "Kubo" not in markdown([result()], "salus consortium drill all", 5.0)
