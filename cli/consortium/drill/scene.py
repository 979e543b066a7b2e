"""The consortium a drill plays in: a world of its own, whose parts can be killed, kept dead, cut off and slowed down.

Parts are started by the keeper only; a drill kills by pid and tells the keeper what to leave dead.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import output
from cli.consortium.keeper import keeper_part
from cli.consortium.orders import Orders, read_orders, write_orders
from cli.consortium.status import rows
from cli.world.database import Database
from cli.world.layout import World
from cli.world.networks import Network, clique_of, node_part_name
from cli.world.raising import raise_world, start_missing, stop
from cli.world.swarm import Content
from devnet.clique import CliqueNetwork
from devnet.clique_nodes import node_part
from devnet.geth_binary import geth_binary
from devnet.links import Links
from devnet.small_disk import unmount_below
from devnet.supervisor import Supervisor, free_ports
from salus.core.errors import SalusError, SetupError, UnavailableError

PORTS = 200
"""A world takes the first 180 ports of its base."""
_POLL_SECONDS = 0.5
_DEATH_PATIENCE, _DEATH_POLL = 5.0, 0.02
_APART_BLOCKS, _LAG_SECONDS = 4, 6


@dataclass(frozen=True, slots=True)
class Scene:
    """A running consortium and what can be done to it."""

    world: World
    supervisor: Supervisor

    @property
    def network(self) -> CliqueNetwork:
        """The chain's nodes."""
        return clique_of(self.world.folder, self.world.ports)

    @property
    def links(self) -> Links:
        """What nodes reach each other through."""
        return Links(self.network.control)

    def parts(self) -> list[str]:
        """Names of the parts that run."""
        return list(self.supervisor.running())

    def kill(self, *names: str) -> None:
        """Kill -9, all at one moment; a part that is dead already stays so.

        Those that are children of this process are let go of: a PostgreSQL that finds the number of the one before it
        taken, even by a zombie, does not start.
        """
        pids = self.supervisor.running()
        killed = {name: pids[name] for name in names if name in pids}
        for pid in killed.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(UnavailableError):
            until(
                "killed", lambda: not killed.items() & self.supervisor.running().items(), _DEATH_PATIENCE, _DEATH_POLL
            )
        self.supervisor.reap()

    def keep_dead(self, *names: str) -> None:
        """Kill parts, and let nobody start them until `let_live`."""
        self._order(lambda orders: orders.leave(names))
        self.kill(*names)

    def let_live(self, *names: str) -> None:
        """Let the keeper start parts again."""
        self._order(lambda orders: orders.again(names))

    def start_with(self, name: str, environment: Mapping[str, str]) -> None:
        """Kill a part, and let it live with some more environment; with none, as it was before."""
        self._order(lambda orders: orders.with_environment(name, environment))
        self.kill(name)

    def start_keeper(self) -> None:
        """Start the keeper if it is dead; nobody else would."""
        start_missing(self.supervisor, [keeper_part(self.world.folder)])

    def empty_disk(self, validator: str) -> None:
        """Take away all that a dead node has but its keys and its place among the others."""
        data = self.network.node_folder(validator) / "geth"
        for entry in data.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "nodekey":
                entry.unlink()
        node_part(self.network, validator, geth_binary())  # geth needs the first block on its disk

    def standing(self) -> list[dict[str, Any]]:
        """Every part's row, as `salus consortium status` has them."""
        return rows(self.world)

    def await_well(self, name: str, patience: float) -> float:
        """Wait until a part is well; the seconds it took.

        Raises:
            UnavailableError: it is not in time.
        """
        return until(
            f"{name} is well", lambda: {"well"} == {r["state"] for r in self.standing() if r["part"] == name}, patience
        )

    def ailing(self) -> list[str]:
        """Parts that are not well, and nodes that lag or stand apart from the others."""
        found = self.standing()
        ill = [f"{row['part']} {row['state']}" for row in found if row["state"] != "well"]
        nodes = [row for row in found if "lag" in row]
        ill += [f"{row['part']} {row['lag']} s behind" for row in nodes if row["lag"] > _LAG_SECONDS]
        newest = max((row["final"] for row in nodes), default=0)
        ill += [f"{row['part']} stands apart" for row in nodes if row["final"] < newest - _APART_BLOCKS]
        return ill

    def _order(self, change: Callable[[Orders], Orders]) -> None:
        write_orders(self.world.folder, change(read_orders(self.world.folder)))


def raise_scene(folder: Path, *, stores: bool = False) -> Scene:
    """A consortium in an empty folder, on ports of its own, with its keeper; with `stores` on Kubo and PostgreSQL.

    Raises:
        SetupError: another drill runs in this folder, or a part does not come up.
    """
    if folder.exists() and Supervisor(folder).running():
        raise SetupError(f"a drill runs in {folder} already, or was cut off: `salus consortium drill --stop` ends it")
    unmount_below(folder)
    shutil.rmtree(folder, ignore_errors=True)
    world, supervisor = raise_world(
        folder,
        free_ports(PORTS),
        lambda text: output.say(f"   {text} …"),
        Network.CONSORTIUM,
        Content.KUBO if stores else Content.FOLDER,
        Database.POSTGRES if stores else Database.SQLITE,
    )
    scene = Scene(world, supervisor)
    try:
        scene.start_keeper()
    except BaseException:
        stop(supervisor)
        raise
    return scene


def nodes_of(names: Iterable[str]) -> list[str]:
    """Names of the parts that are these members' nodes."""
    return [node_part_name(name) for name in names]


def until(what: str, holds: Callable[[], bool], patience: float, poll: float = _POLL_SECONDS) -> float:
    """Wait until something holds; the seconds it took.

    Raises:
        UnavailableError: it did not in time; says `what`.
    """
    began = time.monotonic()
    while True:
        with suppress(SalusError, OSError):
            if holds():
                return time.monotonic() - began
        if time.monotonic() - began > patience:
            raise UnavailableError(f"{what}: not within {patience:.0f} s")
        time.sleep(poll)
