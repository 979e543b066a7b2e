"""Raise a world: chain, founding, every service; and take it down again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from cli.world.cast import Ports
from cli.world.founding import found
from cli.world.keys import KeyFolder
from cli.world.layout import World
from cli.world.services import chain_part, service_parts
from devnet.anvil import instant_blocks
from devnet.supervisor import Supervisor, require_free
from salus.core.errors import ConflictError, SetupError

Progress = Callable[[str], None]


def raise_world(folder: Path, base_port: int, progress: Progress) -> tuple[World, Supervisor]:
    """Start the chain, found the world if it is not yet, and start every service; all is stopped again on an error.

    Raises:
        SetupError: a port is taken (looked at before anything starts), or a part does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports, supervisor = Ports(base_port), Supervisor(folder)
    for port in ports.all():
        require_free(port)
    keys = KeyFolder(folder / "keys")
    try:
        world = _founded(folder, ports, keys, supervisor, progress)
        progress("custodians, watch, oracles and one API per institution start")
        supervisor.start(service_parts(world), patience=120)
    except BaseException:
        stop(supervisor)
        raise
    return world, supervisor


def stop(supervisor: Supervisor) -> None:
    """Stop every part; a Ctrl-C meanwhile does not leave some of them running."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        supervisor.stop()
    finally:
        signal.signal(signal.SIGINT, before)


def _founded(folder: Path, ports: Ports, keys: KeyFolder, supervisor: Supervisor, progress: Progress) -> World:
    progress("keys and a development chain (Anvil, blocks every second)")
    keys.make()
    supervisor.start([chain_part(folder, ports)])
    deployment_url = f"http://127.0.0.1:{ports.chain}"
    try:
        with instant_blocks(ports.chain):
            _, ids = found(folder, deployment_url, keys, progress)
    except ConflictError as error:
        raise SetupError(
            f"the world in {folder} was founded by another version of Salus ({error}): remove that folder, start again"
        ) from error
    world = World(folder, ports, ids)
    world.content.mkdir(exist_ok=True)
    world.save()
    return world
