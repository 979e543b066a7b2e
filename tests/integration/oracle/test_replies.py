"""Deferred acknowledgments of an oracle in a process of its own: on the sender's connection and on one of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

from devnet.anvil import free_port
from salus.core.did import Did, DidKind
from salus.core.ids import hex32
from tests.integration.oracle.stack import Stack, prepare, until
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report
from tests.unit.oracle.sources.certificates import Authority, Pair

PATIENCE = 60.0


def enhanced(control: str, accept: str = "AL", application: str = "AL", patient: str = "E") -> bytes:
    """A result that asks for answers of enhanced mode."""
    raw = report(control, f"{control}-L", patient=patient)
    head, _, rest = raw.partition(b"\r")
    fields = head.split(b"|")
    fields[14], fields[15] = accept.encode(), application.encode()
    return b"|".join(fields) + b"\r" + rest


def without_patient(control: str) -> bytes:
    """One that is taken in, and of which no record can be made."""
    return enhanced(control).replace(b"E^^^HB^MR", b"")


def segments(message: bytes, name: bytes) -> list[list[str]]:
    """Fields of all segments of that name."""
    return [line.decode().split("|") for line in message.split(b"\r") if line.startswith(name)]


def said(message: bytes) -> tuple[str, str]:
    """MSA-1 and MSA-2."""
    (msa,) = segments(message, b"MSA")
    return msa[1], msa[2]


def commit_accept(message: bytes, code: str = "CA") -> bytes:
    """A sender's answer to a deferred acknowledgment."""
    control = segments(message, b"MSH")[0][9]
    return f"MSH|^~\\&|LIS|HB|SALUS|HB|20261101||ACK|x{control}|P|2.5.1\rMSA|{code}|{control}\r".encode()


@dataclass
class Line:
    """One connection of a sender, as a stream of messages both ways."""

    port: int
    tls: ssl.SSLContext | None = None
    _buffer: bytes = b""
    _socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self._socket = plain if self.tls is None else self.tls.wrap_socket(plain, server_hostname="127.0.0.1")

    def send(self, raw: bytes) -> None:
        self._socket.sendall(b"\x0b" + raw + b"\x1c\r")

    def next(self, patience: float = PATIENCE) -> bytes:
        """The next message from the other side; b"" when none comes in time."""
        self._socket.settimeout(patience)
        while b"\x1c\r" not in self._buffer:
            try:
                got = self._socket.recv(65536)
            except TimeoutError:
                return b""
            if not got:
                raise ConnectionResetError("the oracle has gone")
            self._buffer += got
        message, self._buffer = self._buffer.split(b"\x1c\r", 1)
        return message.lstrip(b"\x0b")

    def close(self) -> None:
        self._socket.close()


class Receiver:
    """A sender's listener for deferred acknowledgments; it answers as told and keeps what came."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.came: Queue[bytes] = Queue()
        self.code = "CA"
        self._tls = tls
        self._server = socket.create_server(("127.0.0.1", port))
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            buffer = b""
            while got := connection.recv(65536):
                buffer += got
                while b"\x1c\r" in buffer:
                    message, buffer = buffer.split(b"\x1c\r", 1)
                    self.came.put(message.lstrip(b"\x0b"))
                    connection.sendall(b"\x0b" + commit_accept(message.lstrip(b"\x0b"), self.code) + b"\x1c\r")
        except OSError:
            return

    def take(self, count: int) -> list[bytes]:
        return [self.came.get(timeout=PATIENCE) for _ in range(count)]

    def close(self) -> None:
        self._server.close()


@dataclass
class Ground:
    """The oracle with four senders, and what belongs to them."""

    stack: Stack
    ports: dict[str, int]
    receivers: dict[str, Receiver]
    folder: Path

    def line(self, name: str) -> Line:
        return Line(self.ports[name])


@pytest.fixture(scope="module")
def ground(chain: ChainWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("replies")
    files = folder / "sources"
    files.mkdir()
    authority = Authority(files)
    pairs: dict[str, Pair] = {name: authority.issue(name) for name in ("oracle", "his-receiver")}
    (files / "post.token").write_text("a-token-for-posting")
    ports = {name: free_port() for name in ("same", "anchored", "waiting", "second", "secured", "back", "secured-back")}
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pairs["his-receiver"].certificate, pairs["his-receiver"].key)
    tls.load_verify_locations(authority.file)
    tls.verify_mode = ssl.CERT_REQUIRED
    receivers = {"second": Receiver(ports["back"]), "secured": Receiver(ports["secured-back"], tls)}
    told = {
        "same": "",
        "anchored": '[acknowledge]\napplication = "anchored"\nreceipt = true\n',
        "waiting": '[acknowledge]\noriginal = "processed"\n',
        "second": f'[acknowledge.reply_to]\nhost = "127.0.0.1"\nport = {ports["back"]}\n',
        "secured": (
            f'[acknowledge.reply_to]\nhost = "127.0.0.1"\nport = {ports["secured-back"]}\n'
            '[acknowledge.reply_to.tls]\nca = "test-CA.pem"\ncertificate = "oracle.pem"\nkey = "oracle.key"\n'
        ),
    }
    for name, more in told.items():
        (files / f"{name}.toml").write_text(f'name = "{name}"\n[mllp]\nport = {ports[name]}\n{more}')
    (files / "post.toml").write_text('name = "post"\n[http]\ntoken_file = "post.token"\n')
    (files / "slow.token").write_text("a-token-of-a-slow-sender")
    rate = "[rate]\nmessages_per_second = 0.2\nburst = 2\n"
    (files / "slow.toml").write_text(
        f'name = "slow"\nmax_message_bytes = 2048\n[http]\ntoken_file = "slow.token"\n{rate}'
    )
    stack = prepare(chain, folder / "services", SOURCES=str(files))
    try:
        stack.start()
        yield Ground(stack, ports, receivers, files)
    finally:
        stack.close()
        for receiver in receivers.values():
            receiver.close()


def test_same_connection__accept_then_application__each_names_the_message(ground: Ground) -> None:
    line = ground.line("same")
    line.send(enhanced("S1"))
    assert said(line.next()) == ("CA", "S1")
    deferred = line.next()
    assert said(deferred) == ("AA", "S1")
    (msh,) = segments(deferred, b"MSH")
    assert (msh[14], msh[15]) == ("AL", "NE")
    assert segments(deferred, b"ZSL") == []
    line.send(commit_accept(deferred))
    line.send(without_patient("S2"))
    assert said(line.next()) == ("CA", "S2")
    deferred = line.next()
    assert said(deferred) == ("AE", "S2")
    (err,) = segments(deferred, b"ERR")
    assert (err[2], err[3].split("^")[0], err[4]) == ("PID^1^3^1", "101", "E")
    line.send(commit_accept(deferred))
    assert line.next(1.0) == b""


def test_same_connection__several_messages__are_answered_in_order(ground: Ground) -> None:
    line = ground.line("same")
    for number in range(20):
        line.send(enhanced(f"O{number}", "NE", "AL"))
    came = []
    for _ in range(20):
        came.append(line.next())
        line.send(commit_accept(came[-1]))
    assert [said(one) for one in came] == [("AA", f"O{number}") for number in range(20)]


def test_never__both__gets_no_byte_back_and_is_kept(ground: Ground) -> None:
    line = ground.line("same")
    line.send(enhanced("N1", "NE", "NE", "N"))
    assert line.next(1.5) == b""
    ground.stack.await_idle()
    opened = ground.stack.opened_by([ground.stack.claim("N")])
    assert opened == ground.stack.said([enhanced("N1", "NE", "NE", "N")])


def test_error_only__success__is_not_told(ground: Ground) -> None:
    line = ground.line("same")
    line.send(enhanced("R1", "ER", "ER"))
    line.send(without_patient("R2").replace(b"|AL|AL", b"|ER|ER"))
    deferred = line.next()
    assert said(deferred) == ("AE", "R2")
    line.send(commit_accept(deferred))


def test_unconfirmed__is_sent_again_with_the_same_control_id(ground: Ground) -> None:
    line = ground.line("same")
    line.send(enhanced("U1", "NE", "AL"))
    first = line.next()
    line.send(commit_accept(first, "CE"))
    second = line.next()
    assert [segments(one, b"MSH")[0][9] for one in (first, second)] == [segments(first, b"MSH")[0][9]] * 2
    line.send(commit_accept(second))


def test_anchored__with_receipt__names_the_records_batch_and_root(ground: Ground) -> None:
    line, stack = ground.line("anchored"), ground.stack
    raw = enhanced("A1", "NE", "AL", "A")
    line.send(raw)
    deferred = line.next()
    line.send(commit_accept(deferred))
    assert said(deferred) == ("AA", "A1")
    (record,) = stack.said([raw])
    (zsl,) = segments(deferred, b"ZSL")
    assert zsl[2] == str(Did(stack.world.reader.chain_id, DidKind.RECORD, record))
    roots = {hex32(one.root) for one in stack.anchored() if one.record_id == record}
    assert {zsl[4]} == roots
    assert int(zsl[3]) > 0


def test_original_mode__once_processed__says_whether_a_record_was_made(ground: Ground) -> None:
    sender = ground.stack.sender
    sender.port = ground.ports["waiting"]
    good, bad = enhanced("W1", "", ""), without_patient("W2").replace(b"|AL|AL", b"||")
    assert said(sender.once(good)) == ("AA", "W1")
    assert said(sender.once(good)) == ("AA", "W1")
    reply = sender.once(bad)
    assert said(reply) == ("AE", "W2")
    assert segments(reply, b"ERR")[0][3].startswith("101^")


@pytest.mark.parametrize("name", ["second", "secured"])
def test_second_connection__with_and_without_tls__gets_it_and_the_first_only_the_accept(
    ground: Ground, name: str
) -> None:
    line, receiver = ground.line(name), ground.receivers[name]
    for number in range(3):
        line.send(enhanced(f"{name}{number}"))
        assert said(line.next()) == ("CA", f"{name}{number}")
    assert [said(one) for one in receiver.take(3)] == [("AA", f"{name}{number}") for number in range(3)]
    assert line.next(0.5) == b""


def test_second_connection__receiver_away_and_oracle_killed__gets_all_once_both_are_back(ground: Ground) -> None:
    stack, receiver = ground.stack, ground.receivers["second"]
    line = ground.line("second")
    receiver.code = "CE"
    controls = [f"K{number}" for number in range(5)]
    for control in controls:
        line.send(enhanced(control))
        assert said(line.next()) == ("CA", control)
    assert said(receiver.take(1)[0]) == ("AA", "K0")
    stack.oracle.kill()
    receiver.code = "CA"
    while not receiver.came.empty():
        receiver.came.get()
    stack.oracle.start()
    stack.oracle.await_ready()
    came: list[str] = []
    until(lambda: _gather(receiver, came) == set(controls))
    assert came == controls


def _gather(receiver: Receiver, came: list[str]) -> set[str]:
    while True:
        try:
            control = said(receiver.came.get_nowait())[1]
        except Empty:
            return set(came)
        if not came or came[-1] != control:  # at least once: the same may come twice in a row
            came.append(control)


def test_same_connection__oracle_killed_before_it_was_confirmed__comes_on_the_next_connection(ground: Ground) -> None:
    line, stack = ground.line("same"), ground.stack
    controls = [f"X{number}" for number in range(8)]
    for control in controls:
        line.send(enhanced(control))
    accepted: set[str] = set()
    while len(accepted) < len(controls):
        code, control = said(line.next())
        if code == "CA":
            accepted.add(control)
    stack.oracle.kill()
    line.close()
    stack.oracle.start()
    stack.oracle.await_ready()
    line = ground.line("same")
    came: list[str] = []
    while len(came) < len(controls):
        deferred = line.next()
        line.send(commit_accept(deferred))
        code, control = said(deferred)
        assert code == "AA"
        if control not in came:
            came.append(control)
    assert came == controls
    assert line.next(1.0) == b""


def test_http__enhanced__is_fetched_by_the_name_of_its_answer(ground: Ground) -> None:
    oracle = ground.stack.oracle
    token = {"authorization": "Bearer a-token-for-posting", "content-type": "application/hl7-v2"}
    status, reply = oracle.ask("POST", "/v1/messages", enhanced("H1"), token)
    assert (status, said(reply)) == (200, ("CA", "H1"))
    assert oracle.ask("POST", "/v1/messages", enhanced("H2", "NE", "NE"), token) == (204, b"")
    assert oracle.ask("POST", "/v1/messages", enhanced("H1"))[0] == 401
    place = _posted(ground, enhanced("H3"), token)
    deadline = time.monotonic() + PATIENCE
    while (found := oracle.ask("GET", place, headers=token))[0] == 202:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (found[0], said(found[1])) == (200, ("AA", "H3"))
    assert said(oracle.ask("GET", place, headers=token)[1]) == ("AA", "H3")
    assert oracle.ask("GET", place)[0] == 401
    assert oracle.ask("GET", "/v1/messages/" + "00" * 64 + "/ack", headers=token)[0] == 404
    assert oracle.ask("GET", "/v1/messages/00/ack", headers=token)[0] == 400


def test_http__above_the_sources_rate_and_size__is_told_to_come_later_or_never(ground: Ground) -> None:
    token = {"authorization": "Bearer a-token-of-a-slow-sender"}
    oracle = ground.stack.oracle
    assert oracle.ask("POST", "/v1/messages", report("Q1", "Q-L1", patient="Q"), token)[0] == 200
    assert oracle.ask("POST", "/v1/messages", report("Q2", "Q-L2", patient="Q") + b"x" * 2048, token)[0] == 413
    status, body = oracle.ask("POST", "/v1/messages", report("Q3", "Q-L3", patient="Q"), token)
    assert (status, json.loads(body)["name"]) == (503, "BUSY")


def _posted(ground: Ground, raw: bytes, headers: dict[str, str]) -> str:
    """Where the acknowledgment of a posted message is."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", ground.stack.oracle.port, timeout=30)
    try:
        connection.request("POST", "/v1/messages", raw, headers)
        answer = connection.getresponse()
        assert answer.headers["content-type"] == "application/hl7-v2; charset=UTF-8"
        return answer.headers["location"]
    finally:
        connection.close()


def test_sighup__changed_file__is_in_force_and_the_process_lives(ground: Ground) -> None:
    child = ground.stack.oracle.child
    assert child is not None
    file = ground.folder / "same.toml"
    was = file.read_text()
    file.write_text(was + '[messages]\naccept = ["ADT"]\n')
    os.kill(child.pid, signal.SIGHUP)
    line = ground.line("same")

    def refused() -> bool:
        line.send(enhanced("Z1", "", "", "Z"))
        return said(line.next())[0] == "AR"

    until(refused)
    file.write_text("name = 7\n")
    wrong = "same.toml: name: must be a text that is not empty"
    until(lambda: ground.stack.oracle.get("/ready")["sourcesRejected"] == [wrong])
    raised = {"alert": "sources-rejected", "source": "same.toml"}
    until(lambda: any(raised.items() <= one.items() for one in ground.stack.oracle.get("/ready")["alerts"]))
    assert "same" in ground.stack.oracle.get("/ready")["sources"]
    assert refused()
    file.write_text(was)
    until(lambda: not refused())
    assert ground.stack.oracle.get("/ready")["sourcesRejected"] == []
    assert child.poll() is None
