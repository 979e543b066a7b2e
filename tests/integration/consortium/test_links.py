"""Links between nodes, with a server that answers what it hears in place of a node."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devnet.links import Links
from devnet.supervisor import Part, Supervisor
from salus.core.errors import InputError

ROOT = Path(__file__).resolve().parents[3]


class Echo:
    """Answers every byte with itself."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                wire, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(wire,), daemon=True).start()

    def _answer(self, wire: socket.socket) -> None:
        with wire:
            while heard := wire.recv(4096):
                wire.sendall(heard)

    def close(self) -> None:
        self._server.close()


class Scene:
    """Two nodes `a` and `b`, a link each way; `a` dials `b` by `dial`."""

    def __init__(self, folder: Path, base: int) -> None:
        self.echo, self.base, self.file = Echo(), base, folder / "links.json"
        self.links = Links(folder / "links.sock")
        self._supervisor = Supervisor(folder)
        self.write([("a", "b", base), ("b", "a", base + 1)])
        command = (sys.executable, "-m", "devnet.links", str(self.file))
        self._supervisor.start([Part("links", command, {"PYTHONPATH": str(ROOT)}, ready=self.links.serving)])

    def write(self, links: list[tuple[str, str, int]]) -> None:
        told = [{"from": a, "to": b, "listen": port, "target": self.echo.port} for a, b, port in links]
        self.file.write_text(json.dumps({"control": str(self.file.parent / "links.sock"), "links": told}))

    def dial(self, port: int | None = None) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port or self.base), timeout=10)

    def close(self) -> None:
        self._supervisor.stop()
        self.echo.close()


def heard(wire: socket.socket, seconds: float) -> bytes:
    wire.settimeout(seconds)
    try:
        return wire.recv(4096)
    except TimeoutError:
        return b""


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory, free_base: Callable[[int], int]) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("links"), free_base(3))
    yield made
    made.close()


def test_link__whole__carries_both_ways(scene: Scene) -> None:
    with scene.dial() as wire:
        wire.sendall(b"hello")
        assert heard(wire, 10) == b"hello"


def test_link__cut__is_silent_and_delivers_when_healed(scene: Scene) -> None:
    with scene.dial() as wire:
        wire.sendall(b"one")
        assert heard(wire, 10) == b"one"
        scene.links.cut([("b", "a")])  # a pair is cut both ways, however it is named
        wire.sendall(b"two")
        assert heard(wire, 0.3) == b""
        scene.links.heal([("a", "b")])
        assert heard(wire, 10) == b"two"


def test_link__dialled_while_cut__connects_when_healed(scene: Scene) -> None:
    scene.links.cut()
    with scene.dial() as wire:
        wire.sendall(b"late")
        assert heard(wire, 0.3) == b""
        scene.links.heal()
        assert heard(wire, 10) == b"late"


def test_link__both_dial_at_once__the_second_waits_for_the_first_to_end(scene: Scene) -> None:
    with scene.dial(scene.base + 1) as second:
        with scene.dial() as first:
            first.sendall(b"first")
            second.sendall(b"second")
            answered = {wire for wire in (first, second) if heard(wire, 0.5)}
            assert len(answered) == 1
            answered.pop().close()
        if second.fileno() != -1:
            assert heard(second, 10) == b"second"


def test_link__delayed__holds_bytes_back_each_way(scene: Scene) -> None:
    scene.links.delay(150)
    with scene.dial() as wire:
        began = time.monotonic()
        wire.sendall(b"late")
        assert heard(wire, 10) == b"late"
        assert time.monotonic() - began >= 0.3


def test_links__partition__cuts_between_groups_only(scene: Scene) -> None:
    scene.write([("a", "b", scene.base), ("b", "a", scene.base + 1), ("a", "c", scene.base + 2)])
    scene.links.reload()
    scene.links.partition(("a", "c"), ("b",))
    cut = {(link["from"], link["to"]): link["cut"] for link in scene.links.state()}
    assert cut == {("a", "b"): True, ("b", "a"): True, ("a", "c"): False}
    with scene.dial(scene.base + 2) as wire:
        wire.sendall(b"on")
        assert heard(wire, 10) == b"on"


def test_links__reloaded__those_that_stay_keep_their_connections(scene: Scene) -> None:
    with scene.dial() as wire:
        wire.sendall(b"before")
        assert heard(wire, 10) == b"before"
        scene.write([("a", "b", scene.base)])
        scene.links.reload()
        wire.sendall(b"after")
        assert heard(wire, 10) == b"after"
    with pytest.raises(ConnectionRefusedError):
        scene.dial(scene.base + 1)


def test_links__nonsense_order__is_refused_and_they_serve_on(scene: Scene) -> None:
    with pytest.raises(InputError, match="no such order"):
        scene.links._order({"do": "explode"})
    assert scene.links.serving()


def test_link__target_away__dialler_is_let_go(scene: Scene) -> None:
    nobody = [{"from": "a", "to": "b", "listen": scene.base + 1, "target": scene.base + 2}]
    scene.file.write_text(json.dumps({**json.loads(scene.file.read_text()), "links": nobody}))
    scene.links.reload()
    with scene.dial(scene.base + 1) as wire:
        wire.settimeout(20)
        assert wire.recv(1) == b""  # closed: it would raise TimeoutError
