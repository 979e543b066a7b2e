"""`salus demo`, `up`, `down`, `status`: the world on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import output
from cli.commands.store_options import CONTENT_HELP, ContentOption, DatabaseOption
from cli.exits import exit_code
from cli.world.layout import base_port, home, load
from cli.world.networks import Network
from cli.world.running import supervisors
from cli.world.swarm import Content
from devnet.supervisor import Supervisor
from salus.core.errors import UnavailableError


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("demo", help="Tell the whole story with real parts, in a world of its own, and stop it again.")(demo)
    app.command("up", help="Start everything and leave it running.")(up)
    app.command("down", help="Stop what `up`, or a demo that was cut off, left running.")(down)
    app.command("status", help="What is running, and where its log is.")(status)


def demo(
    patients: Annotated[int, typer.Option(min=1, max=200, help="Patients of the hospital day.")] = 6,
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 1,
    network: Annotated[Network, typer.Option(help="The chain: one Anvil, or a consortium's four nodes.")] = Network.DEV,
    content: Annotated[Content, typer.Option(help=CONTENT_HELP)] = Content.FOLDER,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the world running afterwards.")] = False,
) -> None:
    """Run all acts."""
    from cli.demo.story import tell  # noqa: PLC0415 - other commands need none of what the story imports

    tell(home() / "demo", base_port(), patients, seed, keep=keep, network=network, content=content)


def up(content: ContentOption = None, database: DatabaseOption = None) -> None:
    """Start everything; a second call says where it is."""
    from cli.commands.doctor import examined  # noqa: PLC0415 - as below
    from cli.world.raising import raise_world  # noqa: PLC0415 - `status` and `down` need none of what this imports
    from cli.world.services import service_parts  # noqa: PLC0415 - as above
    from cli.world.tour import facts, what_to_try  # noqa: PLC0415 - as above

    folder = home() / "up"
    supervisor = Supervisor(folder)
    alive = supervisor.running()
    if alive and (folder / "world.json").exists():
        world = load(folder)
        output.say(f"{len(alive)} of {len(service_parts(world)) + 1} parts run already; `make down` stops them")
    else:
        world, supervisor = raise_world(
            folder, base_port(), lambda text: output.say(f"   {text} …"), content=content, database=database
        )
    sick = [row for row in examined(world) if row["state"] != "well"]
    output.emit({**facts(world, supervisor), "notWell": sick}, what_to_try(world))
    for row in sick:
        output.complain(f"{row['part']} is not well", row["advice"])
    if sick:
        raise typer.Exit(exit_code(UnavailableError()))


def down() -> None:
    """Stop everything, also a demo that was kept or was interrupted."""
    from cli.world.raising import stop  # noqa: PLC0415 - as above

    stopped = [name for supervisor in supervisors().values() for name in stop(supervisor)]
    output.emit({"stopped": stopped}, [f"{len(stopped)} parts stopped" if stopped else "nothing was running"])


def status() -> None:
    """List running parts."""
    rows = [
        {"world": kind, "part": name, "pid": pid, "log": str(supervisor.log(name))}
        for kind, supervisor in supervisors().items()
        for name, pid in supervisor.running().items()
    ]
    headings = {"world": "world", "part": "part", "pid": "pid", "log": "log"}
    output.emit_table(rows, headings, "nothing is running: `make up` starts everything")
