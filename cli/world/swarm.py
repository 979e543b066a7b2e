"""The content swarm of a world: a Kubo node at each of three institutions, in place of the one content folder."""

from __future__ import annotations

from enum import StrEnum

from cli.world.cast import Name
from cli.world.layout import World
from devnet.kubo_binary import kubo_binary
from devnet.supervisor import Part
from devnet.swarm import found, load
from devnet.swarm_nodes import node_part
from salus.core.errors import SetupError

KEEPERS = (Name.HOSPITAL_A, Name.HOSPITAL_B, Name.CHECKUP)
"""Who keeps ciphertext: two copies of everything at three of them."""


class Content(StrEnum):
    """Where a world's envelopes lie."""

    FOLDER = "folder"
    KUBO = "kubo"


def part_name(name: str) -> str:
    """Part that is an institution's content node."""
    return f"{name}-content"


def found_swarm(world: World) -> None:
    """Give a world its swarm, if it has none yet.

    Raises:
        SetupError: there is no Kubo and it can't be built, or the world keeps its envelopes in a folder already.
    """
    if world.has_swarm:
        return
    if any(world.content.glob("*")):
        raise SetupError(
            f"the world in {world.folder} keeps its content in a folder: start it so again, or remove that folder"
        )
    found(world.swarm, KEEPERS, world.ports.content, kubo_binary())


def content_parts(world: World) -> list[Part]:
    """Nodes of the world's swarm; none where it has a folder.

    Raises:
        SetupError: there is no Kubo, and it can't be built.
    """
    if not world.has_swarm:
        return []
    swarm, binary = load(world.swarm), kubo_binary()
    return [node_part(swarm, name, binary, part_name(name)) for name in swarm.nodes]
