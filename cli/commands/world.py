"""`salus demo`, `up`, `down`, `status`: the world on this machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.demo import auditing, claiming, destroying, opening, reading, revoking, writing
from cli.demo.ledger import Ledger
from cli.demo.stage import Stage
from cli.world.layout import World, base_port, home, load
from cli.world.raising import raise_world
from cli.world.services import service_parts
from cli.world.tour import facts, what_to_try
from devnet.supervisor import Supervisor
from salus.core.errors import SetupError

_KINDS = ("up", "demo")
_ACTS: tuple[Callable[[Stage], None], ...] = (
    writing.play,
    claiming.play,
    reading.play,
    revoking.play,
    auditing.play,
    destroying.play,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("demo", help="Tell the whole story with real parts, in a world of its own, and stop it again.")(demo)
    app.command("up", help="Start everything and leave it running.")(up)
    app.command("down", help="Stop what `up` started.")(down)
    app.command("status", help="What of the world is running.")(status)


def demo(
    patients: Annotated[int, typer.Option(min=1, max=200, help="Patients of the hospital day.")] = 6,
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the world running afterwards.")] = False,
) -> None:
    """Run all acts."""
    began = time.perf_counter()
    folder = home() / "demo"
    _clear(folder)
    ledger, steps = Ledger(), list[float]()

    def step(text: str) -> None:
        steps.append(time.perf_counter())
        output.say(f"   {text} …")

    ledger.act(1, "A chain starts, contracts are deployed, the Council votes institutions in")
    world, supervisor = raise_world(folder, base_port(), step)
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
            supervisor.stop()


def up() -> None:
    """Start everything; a second call says that it runs."""
    folder = home() / "up"
    supervisor = Supervisor(folder)
    if alive := supervisor.running():
        world = load(folder)
        output.say(f"{len(alive)} of {len(service_parts(world)) + 1} parts run already; `make down` stops them")
        output.emit(facts(world, supervisor), what_to_try(world))
        return
    world, supervisor = raise_world(folder, base_port(), lambda text: output.say(f"   {text}"))
    output.emit(facts(world, supervisor), what_to_try(world))


def down() -> None:
    """Stop everything, also a demo that was kept or was interrupted."""
    stopped = [name for kind in _running() for name in Supervisor(home() / kind).stop()]
    output.emit({"stopped": stopped}, [f"{len(stopped)} parts stopped" if stopped else "nothing was running"])


def status() -> None:
    """List running parts."""
    rows = [
        {"world": kind, "part": name, "pid": pid, "log": str(Supervisor(home() / kind).log(name))}
        for kind in _running()
        for name, pid in Supervisor(home() / kind).running().items()
    ]
    headings = {"world": "world", "part": "part", "pid": "pid", "log": "log"}
    output.emit_table(rows, headings, "nothing is running: `make up` starts everything")


def running_world() -> World:
    """The world that runs: that of `up`, or of a demo that was kept.

    Raises:
        SetupError: none does.
    """
    if not (kinds := _running()):
        raise SetupError("nothing is running: `make up` starts everything")
    return load(home() / kinds[0])


def _running() -> list[str]:
    return [kind for kind in _KINDS if (home() / kind).exists() and Supervisor(home() / kind).running()]


def _clear(folder: Path) -> None:
    if Supervisor(folder).running():
        raise SetupError("a demo is still running: `make down` stops it")
    shutil.rmtree(folder, ignore_errors=True)
