"""Figures and senders' numbers, from the journal to what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from oracle.gaps import LATE_SECONDS, GapWatch
from oracle.sources.model import Source
from oracle.sources.numbers import number_of
from salus.adapters.database.oracle_quality import DatabaseQuality
from salus.core.days import day_at
from salus.core.numbering import Gap, OpenGap
from salus.core.quality import total
from tests.unit.oracle.oracle_world import Oracle, Outside, Tripwire, report

_SOURCE = Source("his", "Hospital B", "HB", sequence_numbers=True)


@pytest.fixture
def oracle(tmp_path: Path) -> Iterator[Oracle]:
    opened = counting(tmp_path)
    yield opened
    opened.close()


def counting(folder: Path, outside: Outside | None = None, wire: Tripwire | None = None) -> Oracle:
    return Oracle(
        folder / "oracle.db", outside or Outside(), wire, number_of=lambda _, received: number_of(_SOURCE, received)
    )


def numbered(number: int, control: str = "") -> bytes:
    raw = report(control or f"C{number}", order=f"L{number}")
    return raw.replace(b"|P|2.5.1||", f"|P|2.5.1|{number}|".encode())


def gaps(oracle: Oracle) -> list[tuple[int, int]]:
    return [(one.gap.first, one.gap.last) for one in DatabaseQuality(oracle.database).gaps(oracle.outside.clock.now())]


def figures(oracle: Oracle) -> dict[str, int]:
    return total(DatabaseQuality(oracle.database).figures())


def test_numbers__in_one_group_or_many__leave_the_same_gaps(tmp_path: Path) -> None:
    came = (5, 1, 2, 9, 4, 12, 11)
    for name, groups in (("one", [came]), ("many", [(number,) for number in came])):
        (tmp_path / name).mkdir()
        oracle = counting(tmp_path / name)
        for group in groups:
            oracle.take(*(numbered(number) for number in group))
        assert sorted(gaps(oracle)) == [(3, 3), (6, 8), (10, 10)]
        assert figures(oracle)["numbers"] == len(came)
        oracle.close()


def test_numbers__sent_again__count_once(oracle: Oracle) -> None:
    oracle.take(numbered(1), numbered(2), numbered(3))
    oracle.take(numbered(1), numbered(3), numbered(1, "AGAIN"))
    assert gaps(oracle) == []
    found = figures(oracle)
    assert (found["numbers"], found["messages"], found["messages.replayed"]) == (3, 3, 2)
    assert found["messages.duplicate"] == 1


def test_numbers__of_two_senders__are_two_series(oracle: Oracle) -> None:
    oracle.take(numbered(1), numbered(2), numbered(7).replace(b"|LIS|", b"|PACS|"))
    assert gaps(oracle) == []


def test_numbers__killed_at_any_step__are_counted_once(tmp_path: Path) -> None:
    outside, wire = Outside(), Tripwire(2)
    oracle = counting(tmp_path, outside, wire)
    with pytest.raises(BaseException, match="2"):
        oracle.take(numbered(1), numbered(4))  # durable, but nobody was told
    oracle.close()
    again = counting(tmp_path, outside)
    again.take(numbered(1), numbered(4))
    found = figures(again)
    assert (found["messages"], found["numbers"], found["numbers.missed"]) == (2, 2, 2)
    again.close()


def test_gap_watch__late_number__is_told_once_and_its_coming_too(oracle: Oracle) -> None:
    clock = oracle.outside.clock
    told: list[tuple[str, int]] = []
    watch = GapWatch(DatabaseQuality(oracle.database), clock, oracle.metrics, lambda *one: told.append(one))
    oracle.take(numbered(1), numbered(4))
    watch.look()
    assert told == []
    clock.tick(LATE_SECONDS)
    with capture_logs() as logs:
        watch.look()
        watch.look()
    assert told == [("his", 2)]
    assert [(log["event"], log["source"], log["missing"]) for log in logs] == [("messages missing", "his", 2)]
    shown = generate_latest(oracle.metrics.registry).decode()
    assert 'salus_oracle_quality_missing_numbers{source="his"} 2.0' in shown
    assert f'salus_oracle_quality_oldest_gap_seconds{{source="his"}} {LATE_SECONDS}.0' in shown
    oracle.take(numbered(2))
    watch.look()
    assert told == [("his", 2)]
    oracle.take(numbered(3))
    watch.look()
    assert told == [("his", 2), ("his", 0)]
    assert 'salus_oracle_quality_missing_numbers{source="his"} 0.0' in generate_latest(oracle.metrics.registry).decode()


def test_figures__of_today__are_metrics(oracle: Oracle) -> None:
    quality, clock = DatabaseQuality(oracle.database), oracle.outside.clock
    oracle.metrics.watch_figures(lambda: quality.figures(day_at(clock.now())))
    oracle.take(numbered(1))
    shown = generate_latest(oracle.metrics.registry).decode()
    assert 'salus_oracle_quality_total{measure="messages",source="his"} 1.0' in shown
    clock.tick(86_400)
    assert "salus_oracle_quality_total{" not in generate_latest(oracle.metrics.registry).decode()


def test_figures__through_the_pipeline__hold_no_content(oracle: Oracle) -> None:
    oracle.take(numbered(1), numbered(2, "C2").replace(b"P1^^^HB^MR", b""))
    oracle.pipeline.settle()
    found = figures(oracle)
    assert (found["messages"], found["messages.held"], found["codes"]) == (2, 1, 2)
    assert sum(count for measure, count in found.items() if measure.startswith("anchored.")) == 1
    assert not any(word in str(found) for word in ("小明", "5.40", "L1", "P1", "2345"))


def test_gaps__of_one_source__leave_out_the_others(oracle: Oracle) -> None:
    oracle.take(numbered(1), numbered(3))
    quality, now = DatabaseQuality(oracle.database), oracle.outside.clock.now()
    assert quality.gaps(now, "his") == [OpenGap("his", Gap(2, 2, now))]
    assert quality.gaps(now, "lis") == []
    assert quality.gaps(now - 1) == []
