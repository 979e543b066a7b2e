"""One drill after the other in one world: harm, recovery, a pause, and the counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from cli.consortium.drill.counts import Counts
from cli.consortium.drill.ledger import Ledger
from cli.consortium.drill.scene import Scene, until
from cli.consortium.drill.traffic import Traffic
from salus.core.errors import SalusError, UnavailableError

_RECOVERY_PATIENCE, _DRAIN_PATIENCE, _PAUSE_PATIENCE = 240.0, 180.0, 150.0
_POLL_SECONDS = 1.0
_CALM_SECONDS = 8.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """What a drill plays with. `tell` shows what goes on; `status` keeps what an operator was shown of the harm."""

    scene: Scene
    traffic: Traffic
    tell: Tell
    status: list[str] = field(default_factory=list)

    def harm(self, seconds: float, why: str) -> None:
        """Let the harm last, and look at it near its end."""
        self.hold(seconds, why)
        self.status[:] = self.scene.ailing()

    def hold(self, seconds: float, why: str) -> None:
        """Wait."""
        began = time.monotonic()
        while (past := time.monotonic() - began) < seconds:
            self.tell(f"{why} ({past:.0f} of {seconds:.0f} s)")
            time.sleep(min(_POLL_SECONDS, seconds - past))


@dataclass(frozen=True, slots=True)
class Drill:
    """One thing that goes wrong. `play` does it, ends it, and says in words what was done; the time to recover runs
    from its return."""

    name: str
    title: str
    play: Callable[[Stage], str]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a drill: counts are of everything since the world began. `recovered` in seconds, None when not."""

    name: str
    title: str
    done: str
    seen: dict[str, dict[str, int]]
    recovered: float | None
    counts: Counts
    status: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    trouble: str = ""

    @property
    def passed(self) -> bool:
        """Whether it recovered, and nothing was lost, doubled, released early or answered wrongly."""
        return self.recovered is not None and self.counts.all_right and not self.wrong and not self.trouble


def run(drills: Sequence[Drill], stage: Stage, show: Callable[[Result], None]) -> list[Result]:
    """Play all; `show` is given each result. After a drill that did not recover no other is played."""
    ledger, found = Ledger(stage.scene.world), list[Result]()
    for drill in drills:
        result = _one(drill, stage, ledger)
        found.append(result)
        show(result)
        if result.recovered is None or result.trouble:
            break
    return found


def _one(drill: Drill, stage: Stage, ledger: Ledger) -> Result:
    stage.status.clear()
    before, wrong = stage.traffic.answers(), len(stage.traffic.wrong())
    done, recovered, trouble, counts = "", None, "", Counts()
    try:
        done = drill.play(stage)
        revoked = stage.traffic.taker.denied
        recovered = _recover(stage)
        stage.tell("well again; waiting for a revocation that is obeyed")
        until("a revocation is obeyed", lambda: stage.traffic.taker.denied > revoked, _RECOVERY_PATIENCE)
        _drain(stage)
        stage.tell("counting")
        counts = ledger.reconcile(stage.traffic.promises())
    except (SalusError, httpx.HTTPError) as error:
        trouble = str(error) or type(error).__name__
    finally:
        stage.traffic.resume()
    seen = {who: dict(_since(before[who], told)) for who, told in stage.traffic.answers().items()}
    return Result(
        drill.name,
        drill.title,
        done,
        seen,
        recovered,
        counts,
        list(stage.status),
        stage.traffic.wrong()[wrong:],
        trouble,
    )


def _since(before: Counter[str], now: Counter[str]) -> Counter[str]:
    return now - before


def _recover(stage: Stage) -> float:
    """Seconds until every part is well and everybody's work comes off again, and stays so.

    A part that is started again may look well for a moment: nodes that lost their peers are behind some seconds later.

    Raises:
        UnavailableError: it did not come to that in time; says what is ill.
    """
    began, least = time.monotonic(), stage.traffic.progress()
    ill, well_since = list[str](), list[float]()

    def stays_well() -> bool:
        ill[:] = stage.scene.ailing()
        now = time.monotonic()
        waiting = sum(came_off <= before for came_off, before in zip(stage.traffic.progress(), least, strict=True))
        if ill or waiting:
            well_since.clear()
        elif not well_since:
            well_since.append(now)
        stage.tell(f"recovering, {now - began:.0f} s: {'; '.join(ill) or 'all parts well'}; {waiting} wait")
        return bool(well_since) and now - well_since[0] >= _CALM_SECONDS

    try:
        until("recovered", stays_well, _RECOVERY_PATIENCE)
    except UnavailableError as error:
        raise UnavailableError(f"{error}: {'; '.join(ill) or 'somebody waits'}") from error
    return well_since[0] - began


def _drain(stage: Stage) -> None:
    """Let everybody pause, and wait until all that was promised is at a final block of every node."""
    stage.tell("everybody pauses")
    if stuck := stage.traffic.pause(_PAUSE_PATIENCE):
        raise UnavailableError(f"did not come to an end: {', '.join(stuck)}")

    def drained() -> bool:
        with suppress(httpx.HTTPError, ValueError, KeyError):
            left = stage.traffic.under_way()
            stage.tell(f"{left} on the way to the chain")
            return not left
        return False

    until("all is anchored", drained, _DRAIN_PATIENCE)
    heads = [row["head"] for row in stage.scene.standing() if "head" in row]
    target = max(heads)
    until(
        "the last block is final at every node",
        lambda: min(row["final"] for row in stage.scene.standing() if row["part"].endswith("-node")) >= target,
        _DRAIN_PATIENCE,
    )
