"""`salus demo`, `up`, `down`, `status`: the world on this machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import output
from cli.demo import auditing, claiming, destroying, reading, revoking, writing
from cli.demo.ledger import Ledger
from cli.demo.stage import Stage
from cli.world.cast import CAST, CUSTODIANS, Name
from cli.world.layout import World, base_port, home, load
from cli.world.raising import raise_world
from devnet.supervisor import Supervisor
from salus.core.errors import SetupError
from salus.core.ids import hex32

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
    ledger = Ledger()
    ledger.act(1, "A chain starts, contracts are deployed, the Council votes institutions in")
    world, supervisor = raise_world(folder, base_port(), lambda text: _step(ledger, text))
    try:
        ledger.act(2, "Everything runs")
        for name, pid in supervisor.running().items():
            output.say(f"   {name} (pid {pid})")
        ledger.tell("processes", f"{len(supervisor.running())} running", (time.perf_counter() - began) * 1000)
        stage = Stage(world, supervisor, ledger, seed, patients)
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
    if alive := Supervisor(folder).running():
        output.emit({"running": alive}, [f"{len(alive)} parts run already: `make down` stops them"])
        return
    world, supervisor = raise_world(folder, base_port(), lambda text: output.say(f"   {text}"))
    output.emit(_facts(world, supervisor), _what_to_try(world))


def down() -> None:
    """Stop everything, also a demo that was kept or was interrupted."""
    stopped = [name for kind in ("up", "demo") for name in Supervisor(home() / kind).stop()]
    output.emit({"stopped": stopped}, [f"{len(stopped)} parts stopped" if stopped else "nothing was running"])


def status() -> None:
    """List running parts."""
    rows = [
        {"world": kind, "part": name, "pid": pid, "log": str(Supervisor(home() / kind).log(name))}
        for kind in ("up", "demo")
        if (home() / kind).exists()
        for name, pid in Supervisor(home() / kind).running().items()
    ]
    output.emit_table(rows, ["world", "part", "pid", "log"])


def running_world() -> World:
    """The world of `up`.

    Raises:
        SetupError: there is none.
    """
    return load(home() / "up")


def _clear(folder: Path) -> None:
    if Supervisor(folder).running():
        raise SetupError("a demo is still running: `make down` stops it")
    shutil.rmtree(folder, ignore_errors=True)


def _step(ledger: Ledger, text: str) -> None:
    ledger.facts.setdefault("steps", []).append(text)
    output.say(f"   {text}")


def _facts(world: World, supervisor: Supervisor) -> dict[str, Any]:
    return {
        "folder": str(world.folder),
        "chain": world.chain_url,
        "apis": {i.name: world.api_url(i.name) for i in CAST if i.api},
        "oracles": {
            i.name: {"http": world.oracle_url(i.name), "mllp": world.ports.oracle_mllp(i.name)}
            for i in CAST
            if i.oracle
        },
        "custodians": {name: world.custodian_url(name) for name in CUSTODIANS},
        "participants": {name: hex32(i) for name, i in world.ids.items()},
        "running": supervisor.running(),
    }


def _what_to_try(world: World) -> list[str]:
    mllp = world.ports.oracle_mllp(Name.CHECKUP)
    lines = ["", "Everything runs on 127.0.0.1:", f"   chain {world.chain_url}"]
    for institution in CAST:
        if institution.api:
            account = world.keys.signer(f"{institution.name}.operator").address
            lines.append(f"   {institution.title}: API {world.api_url(institution.name)}/docs, operator {account}")
        if institution.oracle:
            lines.append(
                f"      oracle {world.oracle_url(institution.name)}, MLLP {world.ports.oracle_mllp(institution.name)}"
            )
    lines += [
        "",
        "Try:",
        "   bin/salus simulate day.hl7 --source checkup && bin/salus send day.hl7 --port " + str(mllp),
        "   bin/salus patient new && bin/salus oracle desk-code checkup 'SHILI-TJ|T000000000'",
        "   bin/salus patient claim checkup CODE && bin/salus patient open checkup",
        "   bin/salus patient grant checkup hospital-a --months 3 && bin/salus staff open hospital-a CONSENT_ID",
        "   bin/salus audit list && bin/salus doctor",
        "   make down",
    ]
    return lines
