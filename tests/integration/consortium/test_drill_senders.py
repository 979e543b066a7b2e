"""The drill's sender against a receiver that refuses, hangs up and answers to other messages: what was said is counted,
and a message is owed once it was answered AA, never before."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date

import pytest

from cli.consortium.drill.senders import Sender
from cli.hospital_day import results
from cli.mllp_client import control_id_of

START, END = b"\x0b", b"\x1c\r"
MESSAGES = list(results(1, 50, "UNICODE UTF-8", date(2026, 11, 27), size_bytes=500))
Answer = Callable[[bytes], bytes | None]


def reply(code: bytes, control: bytes, error: bytes = b"") -> bytes:
    return b"MSH|^~\\&|||||||ACK|1|P|2.5.1\rMSA|" + code + b"|" + control + b"\r" + error


class Receiver:
    """Answers the messages that come, each by the next of `answers`, then AA; None hangs up."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.heard: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                wire, _ = self._server.accept()
                with wire, suppress(OSError):
                    self._converse(wire)

    def _converse(self, wire: socket.socket) -> None:
        while True:
            frame = b""
            while not frame.endswith(END):
                if not (chunk := wire.recv(65536)):
                    return
                frame += chunk
            raw = frame.removeprefix(START).removesuffix(END)
            self.heard.append(raw)
            said = self._answers.pop(0)(raw) if self._answers else reply(b"AA", control_id_of(raw))
            if said is None:
                return
            wire.sendall(START + said + END)

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def receive_(*answers: Answer) -> Receiver:
        made.append(Receiver(*answers))
        return made[-1]

    yield receive_
    for receiver in made:
        receiver.close()


def sent(port: int, acknowledged: int) -> Sender:
    """A sender that has so many messages acknowledged, and has paused."""
    sender = Sender(port, iter(MESSAGES), 100, exactly_one=True)
    sender.start()
    deadline = time.monotonic() + 20
    while sender.acknowledged < acknowledged:
        assert time.monotonic() < deadline, sender.answers
        time.sleep(0.01)
    assert sender.pause(10)
    return sender


def test_sender__acknowledged__owes_each_message_in_order(receive: Callable[..., Receiver]) -> None:
    receiver = receive()
    sender = sent(receiver.port, 5)
    assert [one.raw for one in sender.owed(0)] == receiver.heard == MESSAGES[: sender.acknowledged]
    sender.end()


def test_sender__refused_cut_off_and_misanswered__sends_the_same_message_until_it_is_acknowledged(
    receive: Callable[..., Receiver],
) -> None:
    receiver = receive(
        lambda raw: reply(b"AE", control_id_of(raw), b"ERR|||207^Application internal error^HL70357|E\r"),
        lambda _: None,
        lambda _: reply(b"AA", b"ANOTHER"),
    )
    sender = sent(receiver.port, 1)
    assert receiver.heard[:4] == MESSAGES[:1] * 4
    assert [one.raw for one in sender.owed(0)] == MESSAGES[: sender.acknowledged]
    refused = {told: times for told, times in sender.answers.items() if told != "AA"}
    assert refused == {"AE 207": 1, "cut off before an answer": 1, "answer to another message": 1}
    sender.end()


def test_sender__nobody_listens__owes_nothing_and_goes_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken, and nobody listens
        sender = Sender(taken.getsockname()[1], iter(MESSAGES), 100, exactly_one=True)
        sender.start()
        deadline = time.monotonic() + 20
        while sender.answers["no connection"] < 2:
            assert time.monotonic() < deadline, sender.answers
            time.sleep(0.01)
        assert sender.acknowledged == 0
        assert sender.is_alive()
        sender.end()
