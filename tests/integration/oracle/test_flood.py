"""Senders that mean harm, over real sockets, at an oracle's intake in a process of its own.

Its memory stays bounded, others are served meanwhile, and what it counts is right.
The process has reception and journal, MLLP and HTTP, and no chain behind: what is at stake here is the door.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.mllp_client import outcome_of
from tests.integration.oracle.stack import Sender
from tests.integration.services import ROOT
from tests.unit.oracle.oracle_world import report
from tests.unit.oracle.sources.certificates import Authority

_DOOR = Path(__file__).with_name("door.py")
_MEGABYTE = 1024 * 1024
START, END = b"\x0b", b"\x1c\r"
HEAD = b"MSH|^~\\&|LIS|HB|SALUS|HB|20260105090000||ORU^R01|%s|P|2.5.1||||||UNICODE UTF-8\r"


@dataclass
class Door:
    """A running intake; `plain`, `tls` and `http` are its ports."""

    child: subprocess.Popen[str]
    plain: int
    tls: int
    http: int
    folder: Path

    @property
    def resident(self) -> int:
        """Bytes of memory it holds now (VmRSS)."""
        lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

    @property
    def largest(self) -> int:
        """The most it ever held (VmHWM)."""
        lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    def serves(self, control: str) -> None:
        """Another sender's message is taken, on a connection of its own."""
        sender = Sender(self.plain)
        assert outcome_of(sender.once(report(control))) == ("AA", control.encode())
        sender.close()

    def counts(self) -> dict[str, int]:
        """Its counters, as it tells them over HTTP."""
        with socket.create_connection(("127.0.0.1", self.http), timeout=20) as client:
            client.sendall(b"GET /counters HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            said = b""
            while more := client.recv(65536):
                said += more
        pairs = (line.split("=") for line in said.decode().split("\r\n\r\n", 1)[1].split())
        return {name: int(value) for name, value in pairs}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    authority = Authority(tmp_path)
    authority.issue("server")
    authority.issue("client")
    child = subprocess.Popen(
        [sys.executable, str(_DOOR), str(tmp_path)],
        cwd=ROOT,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        plain, tls, http = (int(port) for port in child.stdout.readline().split())
        yield Door(child, plain, tls, http, tmp_path)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        yield client


def reply_of(client: socket.socket) -> tuple[str, bytes]:
    said = b""
    while not said.endswith(END):
        got = client.recv(65536)
        assert got, said
        said += got
    return outcome_of(said.strip(b"\x0b\x1c\r"))


def pour(client: socket.socket, piece: bytes, times: int) -> int:
    """Send the same again and again; bytes that were taken before the other side hung up."""
    sent = 0
    with suppress(OSError):
        for _ in range(times):
            client.sendall(piece)
            sent += len(piece)
    return sent


@pytest.mark.parametrize("megabytes", [128, pytest.param(1024, marks=pytest.mark.deep)])
def test_message__that_never_ends__is_refused_and_memory_stays(door: Door, megabytes: int) -> None:
    before = door.resident
    with connection(door.plain) as client:
        client.sendall(START + HEAD % b"BIG1")
        pour(client, b"NTE|1||" + b"A" * (_MEGABYTE - 8) + b"\r", 20)
        assert reply_of(client) == ("AR", b"BIG1")
        pour(client, b"A" * _MEGABYTE, megabytes - 20)
        door.serves("others")
        client.sendall(END + START + HEAD % b"next" + b"PID|1||P1\rOBR|1||L1|T\r" + END)
        assert reply_of(client) == ("AA", b"next")
    assert door.largest - before < 120 * _MEGABYTE
    assert door.counts()["oversized_frames"] == 1


MONSTERS = (
    (b"NTE|\r" * 1_000_000, "AR"),
    (b"\r" * 8_000_000, "AR"),
    (b"PID|1||" + b"~" * 8_000_000, "AA"),
    (b"PID|1||" + b"&" * 8_000_000, "AA"),
    (b"PID" + b"|" * 8_000_000, "AA"),
    (b"PID|1||" + b"\\X41\\" * 1_500_000, "AA"),
    (b"PID|1||" + b"\\.sp100\\" * 1_000_000, "AA"),
    (b"PID|1||" + b"\x00" * 8_000_000, "AA"),
    (b"PID|1||" + "誠".encode("gb18030") * 4_000_000, "AA"),
    (b"PID|1||" + b"\xff" * 8_000_000, "AE"),
    (b"PID|1||\xe7\x8e\x8b" + "王".encode("gb18030"), "AE"),
    (b"\xef\xbb\xbf" * 1000 + b"PID|1\r", "AA"),
)


def test_message__monstrous_inside__is_judged_in_bounds(door: Door) -> None:
    for number, (body, code) in enumerate(MONSTERS):
        control = b"M%d" % number
        with connection(door.plain) as client:
            client.sendall(START + HEAD % control + body + END)
            assert reply_of(client) == (code, control)
            door.serves(f"after-{number}")
    assert door.largest < 400 * _MEGABYTE


def test_header__monstrous__is_refused(door: Door) -> None:
    for raw, code in (
        (b"MSH|^~\\&|" + b"A" * 9_000_000, "AE"),
        (b"MSH" + b"|" * 9_000_000, "AE"),
        (b"MSH|^~\\&" + b"|A" * 1_000_000, "AR"),
        (b"\x00" * 1_000_000, "AR"),
        (b"", "AR"),
    ):
        with connection(door.plain) as client:
            client.sendall(START + raw + END)
            assert reply_of(client)[0] == code
    door.serves("after")
    assert door.largest < 400 * _MEGABYTE


def test_senders__slow_silent_and_half_open__hold_up_nobody(door: Door) -> None:
    with ExitStack() as left:
        for number in range(200):
            client = left.enter_context(socket.create_connection(("127.0.0.1", door.plain), timeout=20))
            with suppress(OSError):
                client.sendall((b"", START, START + b"MSH|", b"garbage", START + HEAD[:20])[number % 5])
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:  # one byte a second, and meanwhile others
            door.serves(f"others-{int(time.monotonic() * 1000)}")
            with suppress(OSError):
                client.sendall(b"x")
            time.sleep(1)
        assert door.counts()["connections"] >= 200


def test_connections__thousands_opened_and_left__others_are_served(door: Door) -> None:
    before = door.resident
    with ExitStack() as left:
        for number in range(10_000):
            client = socket.socket()
            client.connect(("127.0.0.1", door.plain))
            if number % 200 == 0:
                left.enter_context(client)  # some hundreds stay, the others are dropped without a word
            else:
                client.close()
            if number % 1000 == 999:
                door.serves(f"others-{number}")
        hold = [left.enter_context(socket.create_connection(("127.0.0.1", door.plain))) for _ in range(300)]
        assert len(hold) == 300
        door.serves("last")
        counts = door.counts()
        assert counts["crowded_out"] >= 100
        assert counts["refused_connections"] == 0
    assert door.resident - before < 60 * _MEGABYTE


def test_handshakes__left_open__hold_up_nobody(door: Door) -> None:
    context = ssl.create_default_context(cafile=str(door.folder / "test-CA.pem"))
    context.load_cert_chain(door.folder / "client.pem", door.folder / "client.key")
    before = door.resident
    with ExitStack() as left:
        for number in range(500):
            client = left.enter_context(socket.create_connection(("127.0.0.1", door.tls), timeout=20))
            with suppress(OSError):
                client.sendall((b"", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n", b"\x0bMSH|")[number % 4])
        with socket.create_connection(("127.0.0.1", door.tls), timeout=20) as plain:
            client = left.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))
            client.sendall(START + report("tls") + END)
            assert reply_of(client) == ("AA", b"tls")
        assert door.counts()["failed_handshakes"] >= 430
    assert door.resident - before < 100 * _MEGABYTE


def test_http__bodies_half_sent__hold_up_nobody(door: Door) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 8000000\r\n\r\n"
    before = door.resident
    with ExitStack() as left:
        for _ in range(100):
            client = left.enter_context(socket.create_connection(("127.0.0.1", door.http), timeout=20))
            with suppress(OSError):
                client.sendall(head + b"x" * 2_000_000)
        body = report("posted")
        with socket.create_connection(("127.0.0.1", door.http), timeout=30) as client:
            client.sendall(
                b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
                + body
            )
            said = b""
            while more := client.recv(65536):
                said += more
        assert said.startswith(b"HTTP/1.1 200")
        assert b"MSA|AA|posted" in said
        door.serves("others")
    assert door.largest - before < 300 * _MEGABYTE
