"""Raises the world, starts traffic, plays the drills, and takes everything down again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from cli import output
from cli.consortium.drill.course import Drill, Result, Stage, run
from cli.consortium.drill.report import lines
from cli.consortium.drill.scene import raise_scene
from cli.consortium.drill.traffic import start_traffic
from cli.world.raising import stop
from devnet.small_disk import unmount_below
from devnet.supervisor import Supervisor

_EVERY_SECONDS = 10.0


class Teller:
    """Shows what goes on: on a terminal one line that changes, elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self.drill = ""
        self._live: Any = output.notes.status("") if output.notes.is_terminal and not output.is_json() else None
        self._last = 0.0

    def shown(self) -> AbstractContextManager[Any]:
        """While this lasts, the changing line is there."""
        return nullcontext() if self._live is None else self._live

    def tell(self, what: str) -> None:
        """Show it."""
        if self._live is not None:
            self._live.update(f"{self.drill}: {what}")
        elif time.monotonic() - self._last > _EVERY_SECONDS:
            self._last = time.monotonic()
            output.say(f"   {self.drill}: {what}")


def play(folder: Path, drills: Sequence[Drill], rate: float, *, stores: bool = False) -> list[Result]:
    """Results of the drills that were played, in a world that is gone afterwards; its folder with the logs stays.

    With `stores` the world keeps everything on Kubo and PostgreSQL, else in a folder and SQLite files.

    Raises:
        SetupError: another drill runs, or a part does not come up.
        UnavailableError: the first records do not reach the chain.
    """
    output.say(f"A consortium for drills, in {folder}")
    scene, teller = raise_scene(folder, stores=stores), Teller()
    try:
        output.say("   traffic starts …")
        traffic = start_traffic(scene, rate)
        try:
            with teller.shown():
                return run(_named(drills, teller), Stage(scene, traffic, teller.tell), _show)
        finally:
            traffic.end()
    finally:
        output.say("   stopping …")
        stop(scene.supervisor)
        unmount_below(folder)


def end_left_over(folder: Path) -> list[str]:
    """Stop every part that a drill left running; returns names."""
    if not folder.exists():
        return []
    stopped = stop(Supervisor(folder))
    unmount_below(folder)
    return stopped


def _named(drills: Sequence[Drill], teller: Teller) -> list[Drill]:
    def telling(drill: Drill) -> Drill:
        def play_(stage: Stage) -> str:
            teller.drill = drill.name
            return drill.play(stage)

        return Drill(drill.name, drill.title, play_)

    return [telling(drill) for drill in drills]


def _show(result: Result) -> None:
    for line in lines(result):
        output.say(line)
