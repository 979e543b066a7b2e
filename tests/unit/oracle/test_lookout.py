"""What the lookout makes of what it can ask, and of what does not answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from oracle.alerts import Change, Limits
from oracle.lookout import Lookout, Probe, Senses
from oracle.pressure import Bounds, Pressure
from oracle.sources import Source
from salus.core.errors import UnavailableError
from salus.core.ids import Root
from salus.core.journal import Backlog, Batch, BatchState

LIMITS = Limits(away_seconds=60, calm_seconds=0)
EMPTY = Backlog(0, 0, 0, 0, 0, 0)
CUSTODIANS = ("0xc1", "0xc2", "0xc3")


def batch(created_at: int, acknowledged: int = 0) -> Batch:
    return Batch(1, Root(bytes(32)), 1, 5, acknowledged, BatchState.OPEN, created_at)


@dataclass
class Scene:
    """An oracle's surroundings at a time; what is an exception is raised."""

    folder: Path
    now: int = 1000
    backlog: Backlog | Exception = EMPTY
    head: Any = field(default_factory=lambda: SimpleNamespace(number=7, timestamp=1000))
    content: Exception | None = None
    heard: dict[str, int] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    open: list[Batch] = field(default_factory=list)
    deposited: list[Batch] = field(default_factory=list)
    rejected: tuple[str, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    told: list[Change] = field(default_factory=list)
    overdue_after: int | None = None

    def __post_init__(self) -> None:
        self.pressure = Pressure(Bounds(), lambda: _or_raise(self.backlog), lambda _: None, lambda: self.now)
        self.chain = Probe("chain", lambda: _or_raise(self.head), lambda: self.now)
        self.store = Probe("content", lambda: _or_raise(self.content), lambda: self.now)
        self.registry = CollectorRegistry()
        senses = Senses(
            pressure=self.pressure,
            chain=self.chain,
            content=self.store,
            verdicts=dict,
            heard=lambda: self.heard,
            sources=lambda: self.sources,
            rejected=lambda: self.rejected,
            failing=dict,
            missing=lambda _: self.missing,
            deposits=lambda: self.open,
            deposited=lambda: self.deposited,
            members=lambda _: CUSTODIANS,
            places={"content": self.folder, "gone": self.folder / "not here"},
            overdue=lambda seconds: int(self.overdue_after is not None and seconds >= self.overdue_after),
        )
        limits = replace(LIMITS, disk_percent=0)
        self.lookout = Lookout(senses, limits, lambda: self.now, self.registry, self.told.append)

    def look(self, seconds: int = 0) -> list[tuple[str, str]]:
        """Let time pass, look, and say which alerts are raised."""
        self.now += seconds
        for part in (self.pressure, self.chain, self.store, self.lookout):
            part.look()
        return [(one.kind.value, one.source) for one in self.lookout.raised]


def _or_raise(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    assert made.look() == []
    return made


@pytest.mark.parametrize("part", ["backlog", "head", "content"])
def test_lookout__part_that_fails__is_an_alert_after_a_while_and_cleared_when_it_is_back(
    part: str, scene: Scene
) -> None:
    kind = {"backlog": "database-away", "head": "chain-away", "content": "content-away"}[part]
    well = getattr(scene, part)
    setattr(scene, part, UnavailableError("away"))
    assert scene.look(5) == []
    assert scene.look(54) == []
    assert scene.look(6) == [(kind, "")]
    setattr(scene, part, well)
    scene.head.timestamp = scene.now if part != "head" else well.timestamp
    assert scene.look(1) == []
    assert [change.raised for change in scene.told] == [True, False]
    samples = {"alert": kind, "source": ""}
    assert scene.registry.get_sample_value("salus_oracle_alert", samples) == 0


def test_lookout__order_not_carried_out__rings_after_its_limit(scene: Scene) -> None:
    scene.overdue_after = LIMITS.destruction_seconds + 1
    assert scene.look(1) == []
    scene.overdue_after = LIMITS.destruction_seconds
    assert scene.look(1) == [("destruction-overdue", "")]


def test_lookout__silent_source__counts_from_its_last_message_or_the_start(scene: Scene) -> None:
    scene.sources = [
        Source("his", "HIS", "HB", silence_minutes=10),
        Source("lis", "LIS", "HB", silence_minutes=10),
        Source("pacs", "PACS", "HB"),
    ]
    scene.heard["lis"] = 1300
    assert scene.look(599) == []
    assert scene.look(1) == [("source-silent", "his")]
    assert scene.look(300) == [("source-silent", "his"), ("source-silent", "lis")]
    scene.heard["his"] = scene.now
    assert scene.look(1) == [("source-silent", "lis")]


def test_lookout__changed_source_files_that_are_wrong__are_an_alert_for_each_file_at_once(scene: Scene) -> None:
    scene.rejected = (
        "his.toml: name: must be a text",
        "his.toml: mllp.port: must be a number",
        "lis: mllp.port: taken",
    )
    assert scene.look(2) == [("sources-rejected", "his.toml"), ("sources-rejected", "lis")]
    assert [(one.alert.source, one.alert.value) for one in scene.told] == [("his.toml", 2), ("lis", 1)]
    scene.rejected = ()
    assert scene.look(2) == []


def test_lookout__batch_without_an_acknowledgment__names_the_custodian(scene: Scene) -> None:
    scene.open = [batch(1000, 0b101), batch(1050, 0b000)]
    assert scene.look(59) == []
    assert scene.look(1) == []  # seen late for the first time
    assert scene.look(30) == [("custodian-away", "0xc2")]
    scene.open = []
    assert scene.look(1) == []


def test_lookout__chain_away__blames_no_custodian(scene: Scene) -> None:
    scene.open, scene.head = [batch(1000)], UnavailableError("away")
    for _ in range(5):
        found = scene.look(50)
    assert found == [("chain-away", "")]


def test_lookout__head_grows_old__only_while_a_batch_waits_for_a_block(scene: Scene) -> None:
    assert scene.look(5000) == []
    scene.deposited = [batch(scene.now)]
    assert scene.look(59) == []
    assert scene.look(1) == [("chain-away", "")]
    scene.head.timestamp = scene.now
    assert scene.look(1) == []


def test_lookout__missing_numbers__by_source(scene: Scene) -> None:
    scene.missing = {"lis": 3}
    assert scene.look(2) == [("numbers-missing", "lis")]


def test_lookout__database_away__asks_it_nothing_more(scene: Scene) -> None:
    scene.backlog = UnavailableError("away")
    scene.missing = {"lis": 3}
    assert scene.look(2) == []


def test_probe__that_hangs__counts_from_when_it_was_asked() -> None:
    times = iter([0.0, 4.0, 9.0])
    probe = Probe("chain", lambda: seen.append(probe.seconds), lambda: next(times))
    seen: list[int] = []
    probe.look()  # asked at 0; while it runs it is 4, so not late yet
    assert seen == [0]
    assert probe.seconds == 0
    times = iter([10.0, 16.0, 17.0])
    probe.look()
    assert seen == [0, 6]
