"""Which worlds run on this machine: that of `salus up`, and a demo that was kept or cut off."""

from __future__ import annotations

from cli.world.layout import World, home, load
from devnet.supervisor import Supervisor
from salus.core.errors import SetupError

KINDS = ("up", "consortium", "demo")


def supervisors() -> dict[str, Supervisor]:
    """Supervisors of the worlds of which something runs."""
    found = {kind: Supervisor(home() / kind) for kind in KINDS if (home() / kind).exists()}
    return {kind: supervisor for kind, supervisor in found.items() if supervisor.running()}


def running_world() -> World:
    """The world that runs; that of `up` before a demo's.

    Raises:
        SetupError: none does.
    """
    for kind in supervisors():
        return load(home() / kind)
    raise SetupError("nothing is running: `make up` starts everything")
