"""`salus consortium`: four nodes of four institutions and everything that stands on them, on this machine."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from cli import output
from cli.commands import consortium_besu, consortium_drill, consortium_node, consortium_sidecar
from cli.commands.store_options import ContentOption, DatabaseOption
from cli.exits import exit_code
from cli.world.layout import World, base_port, home, load
from cli.world.networks import Network
from devnet.supervisor import Supervisor
from salus.core.errors import UnavailableError

_KIND = "consortium"
_REFRESH_SECONDS = 1.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    noun = typer.Typer(help="A consortium of four validators on this machine.", no_args_is_help=True)
    noun.command(
        "up",
        help="Start it, or go on with one that was cut off; what dies is started again. "
        "Example: salus consortium up --content kubo --database postgres",
    )(up)
    noun.command(
        "status",
        help="Every part; for nodes head, final block, peers, sealing, age of the head. Nodes of institutions that "
        "joined too, as this machine's nodes see them. Exit code 5 if one is not well. "
        "Example: salus consortium status --watch",
    )(status)
    noun.command(
        "down", help="Stop it; what was written stays, and `up` goes on with it. Example: salus consortium down"
    )(down)
    consortium_sidecar.add_to(noun)
    consortium_node.add_to(noun)
    consortium_besu.add_to(noun)
    consortium_drill.add_to(noun)
    app.add_typer(noun, name="consortium")


def up(
    content: ContentOption = None,
    database: DatabaseOption = None,
    *,
    netns: Annotated[
        bool, typer.Option("--netns", help="Each node in a network namespace of its own (Linux, root).")
    ] = False,
) -> None:
    """Start everything that does not run."""
    from cli.consortium.keeper import keeper_part  # noqa: PLC0415 - `down` needs none of what these import
    from cli.consortium.status import HEADINGS, all_rows  # noqa: PLC0415 - as above
    from cli.world.raising import KEEPER, raise_world, start_missing  # noqa: PLC0415 - as above

    folder = home() / _KIND
    supervisor = Supervisor(folder)
    if KEEPER in supervisor.running():
        world = load(folder)
        output.say("it runs already; `salus consortium down` stops it")
    else:
        began = time.perf_counter()
        network = Network.NAMESPACES if netns else Network.CONSORTIUM
        world, supervisor = raise_world(folder, base_port(), _progress, network, content, database)
        start_missing(supervisor, [keeper_part(folder)])
        output.say(f"up after {time.perf_counter() - began:.0f} s")
    output.emit_table(all_rows(world), HEADINGS)


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
) -> None:
    """Show every part; exit code 5 if one is not well."""
    from cli.consortium.status import HEADINGS, all_rows  # noqa: PLC0415 - as above

    world = load(home() / _KIND)
    if watch and not output.is_json():
        _watch(world)
    found = all_rows(world)
    output.emit_table(found, HEADINGS)
    if unwell := [row for row in found if row["state"] != "well"]:
        output.say(advice(unwell, len(found)))
        raise typer.Exit(exit_code(UnavailableError()))


def down() -> None:
    """Stop every part, the keeper first."""
    from cli.world.raising import stop  # noqa: PLC0415 - as above

    folder = home() / _KIND
    stopped = stop(Supervisor(folder)) if folder.exists() else []
    output.emit({"stopped": stopped}, [f"{len(stopped)} parts stopped" if stopped else "nothing was running"])


def advice(unwell: list[dict[str, Any]], parts: int) -> str:
    """What to do about parts that are not well; a consortium that was stopped is no fault."""
    if len(unwell) == parts and all(row["state"] == "dead" for row in unwell):
        return "nothing of it runs; `salus consortium up` starts it"
    here = [row["part"] for row in unwell if "participant" not in row]
    if not here:
        return "all is well here; the others run on machines of their members, who have their logs"
    return f"`salus doctor` says what to do; the log of {here[0]}: {home() / _KIND}/logs/{here[0]}.log"


def _progress(text: str) -> None:
    output.say(f"   {text} …")


def _watch(world: World) -> None:
    from rich.live import Live  # noqa: PLC0415 - only here

    from cli.consortium.status import HEADINGS, all_rows  # noqa: PLC0415 - as above

    with Live(console=output.console, auto_refresh=False) as live:
        while True:
            live.update(output.table(all_rows(world), HEADINGS), refresh=True)
            time.sleep(_REFRESH_SECONDS)
