"""The whole story, act by act, in a world of its own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from cli import output
from cli.demo import auditing, claiming, destroying, opening, reading, revoking, writing
from cli.demo.ledger import Ledger
from cli.demo.stage import Stage
from cli.world.networks import Network
from cli.world.raising import raise_world, stop
from cli.world.swarm import Content
from devnet.supervisor import Supervisor
from salus.core.errors import SetupError

_ACTS: tuple[Callable[[Stage], None], ...] = (
    writing.play,
    claiming.play,
    reading.play,
    revoking.play,
    auditing.play,
    destroying.play,
)


def tell(
    folder: Path,
    base_port: int,
    patients: int,
    seed: int,
    *,
    keep: bool,
    network: Network = Network.DEV,
    content: Content | None = None,
) -> None:
    """Make the world anew, play every act, show the table, and stop everything unless `keep`.

    Raises:
        SetupError: a demo still runs, or a port is taken.
        StoryError: something did not happen as promised.
    """
    began = time.perf_counter()
    _clear(folder)
    ledger, steps = Ledger(), list[float]()

    def step(text: str) -> None:
        steps.append(time.perf_counter())
        output.say(f"   {text} …")

    ledger.act(1, "A chain starts, contracts are deployed, the Council votes institutions in")
    world, supervisor = raise_world(folder, base_port, step, network, content)
    try:
        stage = Stage(world, supervisor, ledger, seed, patients)
        opening.founded(stage, (steps[-1] - began) * 1000)
        ledger.act(2, "Custodians, oracles, the watch and one API per institution")
        opening.running(stage, (time.perf_counter() - steps[-1]) * 1000)
        for act in _ACTS:
            act(stage)
        ledger.facts["seconds"] = round(time.perf_counter() - began)
        ledger.show()
        output.say(f"\nThe whole story took {ledger.facts['seconds']} s. Logs and receipts: {folder}")
    finally:
        if not keep:
            output.say("Stopping …")
            stop(supervisor)


def _clear(folder: Path) -> None:
    if Supervisor(folder).running():
        raise SetupError("a demo is still running: `make down` stops it")
    shutil.rmtree(folder, ignore_errors=True)
