"""The processes of a content swarm: nodes to start, stop, kill, and replace by an empty one."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from devnet.kubo_binary import kubo_binary
from devnet.supervisor import Part, Supervisor
from devnet.swarm import Swarm, load, replaced

_ORDER_SECONDS = 5.0
_OPENER = build_opener(ProxyHandler({}))  # loopback is never reached through a proxy


def node_part(swarm: Swarm, name: str, binary: Path, part_name: str | None = None) -> Part:
    """The process of a node, ready when it takes orders, settled when it has dialled the peers that run."""
    node = swarm.nodes[name]
    return Part(
        part_name or name,
        (str(binary), "daemon", "--enable-gc=false", "--migrate=false"),
        swarm.environment(name),
        (node.api_port, node.peer_port),
        ready=lambda: "ID" in order(swarm, name, "id"),
        settle=lambda: meet(load(swarm.folder), name),  # read anew: a node that was replaced has another identity
    )


def meet(swarm: Swarm, name: str) -> None:
    """A node and those that run dial each other now, and keep at it: by itself a node waits up to a minute."""
    for other in swarm.nodes:
        if other == name:
            continue
        for here, there in ((name, other), (other, name)):
            address = swarm.nodes[there].peer_address
            with contextlib.suppress(OSError):  # one that is down dials when it starts
                order(swarm, here, "swarm/peering/add", arg=address)
                order(swarm, here, "swarm/connect", arg=address)


def order(swarm: Swarm, name: str, command: str, **options: str) -> dict[str, Any]:
    """What a node's API answers to a command (Kubo's RPC API).

    Raises:
        OSError: it is down, or refuses.
    """
    address = f"{swarm.url(name)}/api/v0/{command}?{urlencode(options)}"
    request = Request(address, method="POST", headers={"Authorization": f"Bearer {swarm.token(name)}"})  # noqa: S310 - http on loopback
    try:
        with _OPENER.open(request, timeout=_ORDER_SECONDS) as answer:
            value: dict[str, Any] = json.loads(answer.read() or b"{}")
            return value
    except HTTPError as error:
        raise OSError(f"the node {name} answers {command} with HTTP {error.code}") from error


class SwarmNodes:
    """Nodes of one swarm. `with SwarmNodes(swarm) as nodes:` starts all of them and stops them at the end."""

    def __init__(self, swarm: Swarm, binary: Path | None = None) -> None:
        self.swarm = swarm
        self.supervisor = Supervisor(swarm.folder)
        self._binary = binary or kubo_binary()

    def start(self, *names: str) -> None:
        """Start nodes (all without names).

        Raises:
            SetupError: a port is taken, or a node does not come up.
        """
        self.supervisor.start([node_part(self.swarm, name, self._binary) for name in names or self.swarm.nodes])

    def stop(self, *names: str) -> None:
        """Stop nodes gently; all without names."""
        self.supervisor.stop(names or None)

    def kill(self, *names: str) -> None:
        """Kill nodes at once, as a power cut would."""
        for name in names:
            self.supervisor.kill(name)

    def running(self) -> list[str]:
        """Nodes that run."""
        return list(self.supervisor.running())

    def replace(self, name: str) -> None:
        """Put an empty node in the place of one, as after the loss of its disk, and start it."""
        self.supervisor.stop([name])
        self.swarm = replaced(self.swarm, name, self._binary)
        self.start(name)

    def peers(self, name: str) -> int:
        """How many peers a node is connected to."""
        return len(order(self.swarm, name, "swarm/peers").get("Peers") or [])

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
