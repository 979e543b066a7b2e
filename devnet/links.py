"""Links between nodes that can be cut, slowed down and healed: a TCP proxy for each ordered pair of nodes.

A node dials its peers only through these, so a partition is real at the level of TCP and needs no privileges. A cut
link is silent, as a broken cable is: connections stay, nothing passes, and what was on the way arrives when it heals,
as TCP would send it again. Nodes themselves give up on a silent peer after 30 seconds.

Two nodes that dial each other at one moment may each refuse the other's connection and then wait 35 seconds to dial
again; so a pair has one connection at a time here, and a second one waits for the first to fail.

`python -m devnet.links FILE` serves the links of a JSON file, `{"control": "path of a Unix socket", "links": [{"from",
"to", "listen", "target"}]}` with loopback ports. It reads the file again on the order `reload`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salus.core.errors import InputError, UnavailableError

HOST = "127.0.0.1"
_CHUNK = 65536
_TARGET_PATIENCE_SECONDS = 4.0
"""How long a new connection waits for a node that is not up yet: less than a node waits for a greeting (5 s)."""
_ORDER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Link:
    """One direction of dialling: `origin` reaches `target` (a port) of `peer` by dialling `listen`."""

    origin: str
    peer: str
    listen: int
    target: int


class _Wire:
    """State of one link, shared by its connections."""

    def __init__(self, link: Link, turn: asyncio.Lock) -> None:
        self.link = link
        self.open = asyncio.Event()
        self.open.set()
        self.delay = 0.0
        self.turn = turn
        self.server: asyncio.Server | None = None

    async def serve(self) -> None:
        self.server = await asyncio.start_server(self._accept, HOST, self.link.listen)

    def close(self) -> None:
        if self.server is not None:
            self.server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.open.wait()
            await asyncio.wait_for(self.turn.acquire(), _TARGET_PATIENCE_SECONDS)
        except TimeoutError:
            writer.close()  # the pair is connected
            return
        try:
            there, back = await self._dial()
            try:
                await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
            finally:
                back.close()
        except OSError:
            pass  # the other node is not up
        finally:
            self.turn.release()
            writer.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        deadline = asyncio.get_running_loop().time() + _TARGET_PATIENCE_SECONDS
        while True:
            try:
                return await asyncio.open_connection(HOST, self.link.target)
            except OSError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes one way until either end closes; each chunk leaves `delay` after it came, in order."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)

        async def take() -> None:
            with contextlib.suppress(OSError):
                while chunk := await reader.read(_CHUNK):
                    await queue.put((loop.time() + self.delay, chunk))
            await queue.put((loop.time() + self.delay, b""))

        taking = asyncio.create_task(take())
        try:
            while True:
                due, chunk = await queue.get()
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                await self.open.wait()  # not even a closing passes a cut link
                if not chunk:
                    break
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass  # the other end is gone: closing both is all that is left
        finally:
            taking.cancel()
            writer.close()


class _Switchboard:
    """Every link of a file, and the orders that change them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._wires: dict[tuple[str, str], _Wire] = {}
        self._turns: defaultdict[frozenset[str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def reload(self) -> None:
        """Bring the links in line with the file; those that stay keep their connections."""
        wanted = {(link.origin, link.peer): link for link in read_links(self._file)}
        for pair in [pair for pair, wire in self._wires.items() if wanted.get(pair) != wire.link]:
            self._wires.pop(pair).close()
        for pair, link in wanted.items():
            if pair not in self._wires:
                wire = _Wire(link, self._turns[frozenset(pair)])
                await wire.serve()
                self._wires[pair] = wire

    async def order(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order: `cut`, `heal`, `delay` for `pairs` (all without it), `reload`, `state`."""
        chosen = self._chosen(order.get("pairs"))
        match order.get("do"):
            case "cut":
                for wire in chosen:
                    wire.open.clear()
            case "heal":
                for wire in chosen:
                    wire.open.set()
            case "delay":
                for wire in chosen:
                    wire.delay = int(order["ms"]) / 1000
            case "reload":
                await self.reload()
            case "state":
                pass
            case other:
                raise InputError(f"no such order: {other!r}")
        return {
            "links": [
                {"from": origin, "to": peer, "cut": not wire.open.is_set(), "ms": round(wire.delay * 1000)}
                for (origin, peer), wire in sorted(self._wires.items())
            ]
        }

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One order a connection: a line of JSON in, a line of JSON out."""
        try:
            reply = await self.order(json.loads(await reader.readline()))
        except (InputError, ValueError, KeyError, TypeError, OSError) as error:
            reply = {"error": str(error) or type(error).__name__}
        with contextlib.suppress(OSError):
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        writer.close()

    def _chosen(self, pairs: Any) -> list[_Wire]:
        if pairs is None:
            return list(self._wires.values())
        unordered = {frozenset(pair) for pair in pairs}
        return [wire for pair, wire in self._wires.items() if frozenset(pair) in unordered]


class Links:
    """The orders, for callers: each goes to the serving process at once and is answered when it holds."""

    def __init__(self, control: Path) -> None:
        self._control = control

    def cut(self, pairs: Iterable[tuple[str, str]] | None = None) -> None:
        """Let nothing pass between these pairs, both ways; between all without `pairs`."""
        self._order({"do": "cut", **_named(pairs)})

    def heal(self, pairs: Iterable[tuple[str, str]] | None = None) -> None:
        """Let everything pass again."""
        self._order({"do": "heal", **_named(pairs)})

    def delay(self, milliseconds: int, pairs: Iterable[tuple[str, str]] | None = None) -> None:
        """Hold every byte back for some milliseconds, each way."""
        self._order({"do": "delay", "ms": milliseconds, **_named(pairs)})

    def partition(self, *groups: Iterable[str]) -> None:
        """Cut every pair whose ends are in different groups, heal the others."""
        side = {name: number for number, group in enumerate(groups) for name in group}
        pairs = {frozenset((link["from"], link["to"])) for link in self.state()}
        apart = [tuple(pair) for pair in pairs if len({side.get(name) for name in pair}) > 1]
        self._order({"do": "heal"})
        self._order({"do": "cut", "pairs": apart})

    def reload(self) -> None:
        """Read the file again."""
        self._order({"do": "reload"})

    def state(self) -> list[dict[str, Any]]:
        """Every link: `from`, `to`, `cut`, `ms`."""
        links: list[dict[str, Any]] = self._order({"do": "state"})["links"]
        return links

    def serving(self) -> bool:
        """Whether the process answers."""
        try:
            self.state()
        except UnavailableError:
            return False
        return True

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as wire:
                wire.settimeout(_ORDER_SECONDS)
                wire.connect(str(self._control))
                wire.sendall(json.dumps(order).encode() + b"\n")
                with wire.makefile("rb") as answer:
                    reply: dict[str, Any] = json.loads(answer.readline())
        except (OSError, ValueError) as error:
            raise UnavailableError(f"the links between nodes do not answer ({error})") from error
        if "error" in reply:
            raise InputError(f"the links refuse: {reply['error']}")
        return reply


def read_links(file: Path) -> list[Link]:
    """Links of a file."""
    value = json.loads(file.read_text())
    return [Link(link["from"], link["to"], int(link["listen"]), int(link["target"])) for link in value["links"]]


def serve(file: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    control = Path(json.loads(file.read_text())["control"])
    control.unlink(missing_ok=True)
    os.umask(0o077)  # the control socket is its owner's
    try:
        asyncio.run(_serve(file, control))
    finally:
        control.unlink(missing_ok=True)


async def _serve(file: Path, control: Path) -> None:
    board = _Switchboard(file)
    await board.reload()
    server = await asyncio.start_unix_server(board.answer, control)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    server.close()


def _named(pairs: Iterable[tuple[str, str]] | None) -> dict[str, Any]:
    return {} if pairs is None else {"pairs": [list(pair) for pair in pairs]}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m devnet.links FILE")
    serve(Path(sys.argv[1]))
