"""The drills: each harms the running consortium in one way and ends the harm. In the order they are played."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from cli.consortium.drill.course import Drill, Stage
from cli.consortium.drill.scene import nodes_of, until
from cli.consortium.drill.skewed_clock import skewed
from cli.world.cast import VALIDATORS, Name
from cli.world.raising import KEEPER
from cli.world.sidecars import sidecar_name
from devnet.clique_nodes import LINKS

_ROOT = Path(__file__).resolve().parents[3]
_LAST, _LAST_BUT_ONE = VALIDATORS[-1], VALIDATORS[-2]
_DELAY_MILLISECONDS, _SKEW_SECONDS = 200, 120
_BETWEEN_KILLS_SECONDS = (1.0, 8.0)
_KEEPER_RESTS = 2.0
_REVIVAL_PATIENCE = 120.0
HOLD_SECONDS, SHORT_HOLD_SECONDS = 40.0, 12.0


def drills(kills: int, seed: int, hold: float = HOLD_SECONDS) -> list[Drill]:
    """Every drill; `hold` is how long a harm lasts that does not end by itself, in seconds."""
    killed = {
        "node": nodes_of([_LAST])[0],
        "custodian": Name.CUSTODIAN_2.value,
        "watch": "watch",
        "oracle": f"{Name.CHECKUP}-oracle",
        "api": f"{Name.HOSPITAL_B}-api",
        "sidecar": sidecar_name(_LAST),
        "links": LINKS,
        "keeper": KEEPER,
    }
    return [
        *(killing(short, part) for short, part in killed.items()),
        Drill("kill-three", "a node, a custodian and an oracle killed at one moment", _kill_three),
        Drill("one-dead", "one validator of four dead", lambda stage: _dead(stage, (_LAST,), hold)),
        Drill("two-dead", "two validators of four dead", lambda stage: _dead(stage, (_LAST_BUT_ONE, _LAST), hold)),
        Drill("all-dead", "everything killed at one moment", _all_dead),
        Drill(
            "partition-2-2",
            "the network in two halves",
            lambda stage: _partition(stage, VALIDATORS[:2], VALIDATORS[2:], hold),
        ),
        Drill(
            "partition-3-1",
            "one validator cut off",
            lambda stage: _partition(stage, VALIDATORS[:3], VALIDATORS[3:], hold),
        ),
        Drill("empty-disk", "a validator comes back with an empty disk", _empty_disk),
        Drill("delay", f"{_DELAY_MILLISECONDS} ms delay between validators", lambda stage: _delay(stage, hold)),
        Drill(
            "skew-custodian",
            "a custodian's clock is ahead",
            lambda stage: _skew(stage, Name.CUSTODIAN_2.value, _SKEW_SECONDS, hold),
        ),
        Drill(
            "skew-oracle",
            "an oracle's clock is behind",
            lambda stage: _skew(stage, f"{Name.HOSPITAL_B}-oracle", -_SKEW_SECONDS, hold),
        ),
        Drill("kills", "random parts killed at random moments", lambda stage: _random_kills(stage, kills, seed)),
    ]


SHORT = ("kill-three", "two-dead", "partition-3-1", "kills")
"""Drills of the short form."""


def killing(short: str, part: str) -> Drill:
    """A part is killed once; the keeper starts it again."""

    def play(stage: Stage) -> str:
        stage.tell(f"killing {part}")
        stage.scene.kill(part)
        if part == KEEPER:
            time.sleep(_KEEPER_RESTS)
            stage.scene.start_keeper()
            return f"kill -9 of {part}, started again by hand"
        return f"kill -9 of {part}"

    return Drill(f"kill-{short}", f"kill -9 of {part}", play)


def _kill_three(stage: Stage) -> str:
    parts = (*nodes_of([_LAST_BUT_ONE]), Name.CUSTODIAN_3.value, f"{Name.HOSPITAL_B}-oracle")
    stage.scene.kill(*parts)
    return f"kill -9 of {', '.join(parts)} at once"


def _dead(stage: Stage, members: tuple[str, ...], hold: float) -> str:
    nodes = nodes_of(members)
    stage.scene.keep_dead(*nodes)
    stage.harm(hold, f"{' and '.join(nodes)} dead")
    stage.scene.let_live(*nodes)
    return f"{' and '.join(nodes)} dead for {hold:.0f} s"


def _all_dead(stage: Stage) -> str:
    parts = stage.scene.parts()
    # The keeper first: else it starts parts while others are still being killed.
    stage.scene.kill(KEEPER)
    stage.scene.kill(*parts)
    time.sleep(_KEEPER_RESTS)
    stage.scene.start_keeper()
    return f"{len(parts)} parts killed at once, as by a power cut; then the keeper started"


def _partition(stage: Stage, one: tuple[str, ...], other: tuple[str, ...], hold: float) -> str:
    stage.scene.links.partition(one, other)
    stage.harm(hold, f"{', '.join(one)} | {', '.join(other)}")
    stage.scene.links.heal()
    return f"{', '.join(one)} apart from {', '.join(other)} for {hold:.0f} s"


def _empty_disk(stage: Stage) -> str:
    [node] = nodes_of([_LAST])
    stage.scene.keep_dead(node)
    stage.hold(_KEEPER_RESTS, f"{node} dead")
    stage.scene.empty_disk(_LAST)
    stage.scene.let_live(node)
    return f"{node} dead, everything on its disk but its keys removed, started again"


def _delay(stage: Stage, hold: float) -> str:
    before = stage.traffic.progress()
    stage.scene.links.delay(_DELAY_MILLISECONDS)
    stage.harm(hold, "everything between validators is late")
    came_off = [now - then for now, then in zip(stage.traffic.progress(), before, strict=True)]
    stage.scene.links.delay(0)
    return f"{_DELAY_MILLISECONDS} ms each way for {hold:.0f} s; meanwhile {came_off[-1]} openings came off"


def _skew(stage: Stage, part: str, seconds: int, hold: float) -> str:
    scene = stage.scene
    scene.start_with(part, skewed(scene.world.folder, _ROOT, seconds))
    stage.harm(hold, f"the clock of {part} is {seconds} s off")
    scene.start_with(part, {})
    return f"{part} with a clock {abs(seconds)} s {'ahead' if seconds > 0 else 'behind'} for {hold:.0f} s"


def _random_kills(stage: Stage, kills: int, seed: int) -> str:
    chance, killed = random.Random(f"drill/{seed}"), Counter[str]()  # noqa: S311 - which part dies is no secret
    parts = sorted(stage.scene.parts())
    for number in range(1, kills + 1):
        stage.hold(chance.uniform(*_BETWEEN_KILLS_SECONDS), f"kill {number} of {kills}; so far {_named(killed)}")
        part = chance.choice(parts)
        until(f"{part} runs", lambda: part in stage.scene.parts(), _REVIVAL_PATIENCE)  # noqa: B023 - used at once
        stage.scene.kill(part)
        killed[part] += 1
        if part == KEEPER:
            time.sleep(chance.uniform(0, _KEEPER_RESTS))
            stage.scene.start_keeper()
    return f"{kills} kills, seed {seed}: {_named(killed)}; of {len(parts)} parts in all"


def _named(killed: Counter[str]) -> str:
    return ", ".join(f"{part} {times}" for part, times in sorted(killed.items())) or "none"
