"""Which worlds run on this machine: that of `salus up`, and a demo that was kept or cut off."""

from __future__ import annotations

from cli.world.layout import World, home, load
from devnet.supervisor import Supervisor
from salus.core.errors import InputError, SetupError

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


def world_here(kind: str | None = None) -> World:
    """The world of a kind; none said: the one that runs, else the only one that was founded.

    Raises:
        InputError: there is no such kind, or several worlds stand still and none was named.
        SetupError: no world was founded.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"there is no world {kind}; there are {', '.join(KINDS)}")
    founded = [each for each in KINDS if kind in {None, each} and (home() / each / "world.json").exists()]
    if len(found := [each for each in founded if each in supervisors()] or founded) > 1:
        raise InputError(f"say with --world which world is meant: {', '.join(found)}")
    if not found:
        raise SetupError(f"there is no world in {home()}: run `make up` first")
    return load(home() / found[0])
