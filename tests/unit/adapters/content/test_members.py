"""Which nodes count as ready for the next envelope."""

from __future__ import annotations

import pytest

from salus.adapters.content import members
from salus.adapters.content.kubo_node import KuboNode
from salus.adapters.content.members import Members
from salus.core.errors import UnavailableError


class FakeNode(KuboNode):
    """A node that answers, and stores unless its disk is full."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_full = False

    def greet(self) -> None: ...

    def close(self) -> None: ...

    def keep(self) -> None:
        if self.is_full:
            raise UnavailableError(f"{self.name} answers dag/import: no space left on device")


@pytest.fixture
def nodes() -> list[FakeNode]:
    return [FakeNode(name) for name in "abc"]


def put(swarm: Members, node: FakeNode) -> None:
    swarm.tried(node, 1, lambda _: node.keep())


def test_ready__two_of_three_refused_what_they_got__says_why_until_one_takes_something(nodes: list[FakeNode]) -> None:
    swarm = Members(nodes, 2)
    swarm.require_room()
    for node in nodes[:2]:
        node.is_full = True
        put(swarm, node)
    with pytest.raises(UnavailableError, match=r"a answers dag/import: no space.*b answers dag/import: no space"):
        swarm.require_room()
    nodes[0].is_full = False
    put(swarm, nodes[0])
    swarm.require_room()
    swarm.close()


def test_ready__nothing_was_written_since__a_refusal_is_forgotten(
    nodes: list[FakeNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "_REFUSAL_SECONDS", 0.0)
    swarm = Members(nodes, 2)
    for node in nodes:
        node.is_full = True
        put(swarm, node)
    swarm.require_room()  # else an oracle that nobody sends to would say so for ever
    swarm.close()
