import asyncio
import io
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.hl7.errors import HL7Error
from oracle.intake.batch import Enclosed, Envelope, pieces, shape_of
from oracle.intake.folders import Folders
from oracle.intake.ports import Peer, Taken
from oracle.intake.throttle import Throttles
from oracle.sources import BatchFolder, LiveSources, Source

FHS = b"FHS|^~\\&|LIS|H1|ESB|H2|20260101||night.hl7||F1"
BHS = b"BHS|^~\\&|LIS|H1|ESB|H2|20260101||||B1"


def message(number: int) -> bytes:
    return f"MSH|^~\\&|LIS|H1|ESB|H2|20260101||ORU^R01|{number}|P|2.5.1\rPID|1||7".encode()


def joined(*lines: bytes, end: bytes = b"\r") -> bytes:
    return b"".join(line.replace(b"\r", end) + end for line in lines)


WHOLE = joined(FHS, BHS, message(1), message(2), b"BTS|2", BHS, message(3), b"BTS|1", b"FTS|2")


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_shape__whole_file__counts_messages_and_batches(end: bytes) -> None:
    shape = shape_of(io.BytesIO(WHOLE.replace(b"\r", end)))
    assert (shape.problem, shape.messages, shape.batches, shape.counts) == ("", 3, 2, [(2, 2), (1, 1)])
    assert shape.mismatches == []


@pytest.mark.parametrize(
    "lines",
    [
        (message(1), message(2)),
        (BHS, message(1), b"BTS"),
        (BHS, b"BTS|0"),
        (FHS, b"FTS|0"),
        (FHS, message(1), b"FTS"),
        (b"\xef\xbb\xbf" + message(1),),
        (b"\x0b" + message(1), b"\x1c", b"\x0b" + message(2) + b"\x1c"),
    ],
)
def test_shape__what_may_be_left_out__is_no_problem(lines: tuple[bytes, ...]) -> None:
    shape = shape_of(io.BytesIO(joined(*lines)))
    assert (shape.problem, shape.mismatches) == ("", [])


@pytest.mark.parametrize(
    ("lines", "problem", "line"),
    [
        ((b"",), "no message", 0),
        ((b"%PDF-1.7", message(1)), "a line of no message is not expected at the start", 1),
        ((b"PID|1||7", message(1)), "a line of no message is not expected at the start", 1),
        ((FHS, BHS, message(1)), "BTS is missing: the file is cut off", 0),
        ((FHS, BHS, message(1), b"BTS|1"), "FTS is missing: the file is cut off", 0),
        ((BHS, message(1), BHS), "BHS is not expected inside a batch", 4),
        ((message(1), b"BTS|1"), "BTS is not expected among messages without BHS", 3),
        ((b"FTS|1",), "FTS is not expected at the start", 1),
        ((FHS, FHS), "FHS is not expected after FHS", 2),
        ((FHS, BHS, message(1), b"BTS|1", message(2), b"FTS|1"), "a message is not expected after a batch", 6),
        ((FHS, b"FTS|0", message(1)), "a message is not expected after FTS", 3),
    ],
)
def test_shape__not_a_batch_file__says_why_and_where(lines: tuple[bytes, ...], problem: str, line: int) -> None:
    shape = shape_of(io.BytesIO(joined(*lines)))
    assert (shape.problem, shape.line) == (problem, line)


def test_shape__wrong_counts__are_named() -> None:
    text = WHOLE.replace(b"BTS|2", b"BTS|5").replace(b"FTS|2", b"FTS|1")
    assert shape_of(io.BytesIO(text)).mismatches == [
        "batch 1: BTS-1 says 5, found 2",
        "FTS-1 says 1 batches, found 2",
    ]


def test_pieces__message_longer_than_allowed__is_cut_and_the_next_is_whole() -> None:
    long = message(1) + b"\rOBX|1|ED|" + b"A" * 5000
    found = [one for one in pieces(io.BytesIO(joined(long, message(2))), 1000) if isinstance(one, Enclosed)]
    assert [(one.cut, len(one.raw) <= 1000) for one in found] == [(True, True), (False, True)]
    assert found[1].raw == message(2)


def test_pieces__one_line_without_end__holds_no_more_than_allowed() -> None:
    class Endless(io.RawIOBase):
        """Sixty-four megabytes without a line end."""

        left = 1 << 26

        def read(self, size: int = -1) -> bytes:
            if self.left == 1 << 26:
                self.left -= 9
                return b"MSH|^~\\&|"
            part = min(size, self.left)
            self.left -= part
            return bytes(part)

    (found,) = list(pieces(Endless(), 10_000))  # type: ignore[arg-type]  # read is all that is asked of it
    assert isinstance(found, Enclosed)
    assert (found.cut, len(found.raw)) == (True, 10_000)


_TEXT = st.text(
    st.characters(codec="gb18030", exclude_characters="\r\n\x0b\x1c", exclude_categories=["Cc"]), max_size=40
)


@given(st.lists(st.lists(_TEXT, max_size=4), min_size=1, max_size=6), st.sampled_from(["utf-8", "gb18030"]))
def test_pieces__any_messages__come_out_as_they_went_in(texts: list[list[str]], codec: str) -> None:
    raws = [
        b"\r".join([message(number), *(f"NTE|1||{text}".encode(codec) for text in lines)])
        for number, lines in enumerate(texts)
    ]
    found = list(pieces(io.BytesIO(joined(BHS, *raws, b"BTS")), 1 << 20))
    assert [one.raw for one in found if isinstance(one, Enclosed)] == raws
    assert [one.name for one in found if isinstance(one, Envelope)] == ["BHS", "BTS"]


# the watched folder


class ListTaker:
    """A taker that keeps what it took; it is busy the first `busy` times."""

    def __init__(self, busy: int = 0) -> None:
        self.taken: list[bytes] = []
        self._busy = busy

    def take(self, raw: bytes, peer: Peer) -> asyncio.Future[Taken]:
        assert peer == Peer("file", "", "lis")
        told: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        if self._busy:
            self._busy -= 1
            told.set_result(Taken(b"MSH|\rMSA|AE|x\r", busy=True))
            return told
        self.taken.append(raw)
        control = raw.split(b"|")[9]
        refused = control == b"666"
        told.set_result(
            Taken(b"MSH|\rMSA|" + (b"AR" if refused else b"AA") + b"|" + control + b"\r", b"" if refused else b"n")
        )
        return told

    def receive(self, raw: bytes, peer: Peer) -> asyncio.Future[bytes]:
        raise AssertionError

    def refuse(self, head: bytes, peer: Peer, error: HL7Error) -> bytes:
        return b"MSH|\rMSA|AR|long\r"


class Drop:
    """A watched folder and a clock of the test's own."""

    def __init__(self, folder: Path, taker: ListTaker, most: int = 1 << 20) -> None:
        self.folder = folder
        self.now = 100.0
        source = Source("lis", "x", "H1", batch=BatchFolder(folder, 2.0), max_message_bytes=most)
        sources = LiveSources([source])
        numbers = count(1)
        self.told: list[str] = []
        self.folders = Folders(
            taker,
            sources,
            Throttles(sources, lambda: self.now),
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            next_control_id=lambda: f"R{next(numbers)}",
            monotonic=lambda: self.now,
            told=self.told.append,
        )

    async def settle(self) -> int:
        """Files are noticed, time passes, and they are taken."""
        assert await self.folders.look("lis") == 0
        self.now += 2.5
        return await self.folders.look("lis")

    def names(self) -> set[str]:
        return {str(one.relative_to(self.folder)) for one in self.folder.rglob("*") if one.is_file()}


def run(case: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(case())


def test_folder__whole_file__is_answered_beside_and_moved_to_done(tmp_path: Path) -> None:
    async def case() -> None:
        taker = ListTaker()
        drop = Drop(tmp_path, taker)
        (tmp_path / "night.hl7").write_bytes(WHOLE)
        assert await drop.settle() == 1
        assert taker.taken == [message(1), message(2), message(3)]
        assert drop.names() == {"night.hl7.ack", "done/night.hl7"}
        reply = (tmp_path / "night.hl7.ack").read_bytes().split(b"\r")
        assert reply[0].startswith(b"FHS|^~\\&|ESB|H2|LIS|H1|2026")
        assert reply[0].endswith(b"|R1|F1")
        assert [line[:5] for line in reply if line[:3] in (b"BHS", b"BTS", b"FTS")] == [
            b"BHS|^",
            b"BTS|2",
            b"BHS|^",
            b"BTS|1",
            b"FTS|2",
        ]
        assert [line for line in reply if line.startswith(b"MSA")] == [b"MSA|AA|1", b"MSA|AA|2", b"MSA|AA|3"]
        assert (await drop.settle(), drop.told) == (0, ["done"])

    run(case)


def test_folder__reply__is_itself_a_batch_file(tmp_path: Path) -> None:
    async def case() -> None:
        drop = Drop(tmp_path, ListTaker())
        for name, text in (("a.hl7", WHOLE), ("b.hl7", joined(message(1), message(2)))):
            (tmp_path / name).write_bytes(text)
        assert await drop.settle() == 2
        for name, messages in (("a.hl7.ack", 3), ("b.hl7.ack", 2)):
            shape = shape_of(io.BytesIO((tmp_path / name).read_bytes()))
            assert (shape.problem, shape.mismatches, shape.messages) == ("", [], messages)

    run(case)


def test_folder__names_of_unfinished_files_replies_and_links__are_left_alone(tmp_path: Path) -> None:
    async def case() -> None:
        taker = ListTaker()
        drop = Drop(tmp_path, taker)
        for name in (".hidden.hl7", "night.hl7.part", "night.TMP", "old.hl7.ack", "old.report.json"):
            (tmp_path / name).write_bytes(WHOLE)
        (tmp_path / "link.hl7").symlink_to(tmp_path / "night.TMP")
        assert (await drop.settle(), taker.taken) == (0, [])

    run(case)


def test_folder__file_written_to_meanwhile__waits_until_it_stays_as_it_is(tmp_path: Path) -> None:
    async def case() -> None:
        taker = ListTaker()
        drop = Drop(tmp_path, taker)
        file = tmp_path / "night.hl7"
        for end in (100, 200, 300):
            file.write_bytes(WHOLE[:end])
            assert await drop.folders.look("lis") == 0
            drop.now += 1.5
        assert taker.taken == []
        file.write_bytes(WHOLE)
        assert await drop.settle() == 1
        assert len(taker.taken) == 3

    run(case)


def test_folder__no_batch_file__goes_to_failed_with_a_report_without_content(tmp_path: Path) -> None:
    async def case() -> None:
        taker = ListTaker()
        drop = Drop(tmp_path, taker)
        (tmp_path / "cut.hl7").write_bytes(WHOLE[:-8])
        assert await drop.settle() == 1
        assert taker.taken == []
        assert drop.names() == {"failed/cut.hl7", "failed/cut.hl7.report.json"}
        report = json.loads((tmp_path / "failed" / "cut.hl7.report.json").read_text())
        assert report["problem"].startswith("FTS is missing")
        assert "PID" not in json.dumps(report)
        assert drop.told == ["failed"]

    run(case)


def test_folder__wrong_counts__all_are_taken_and_reply_and_report_say_so(tmp_path: Path) -> None:
    async def case() -> None:
        taker = ListTaker()
        drop = Drop(tmp_path, taker)
        (tmp_path / "night.hl7").write_bytes(WHOLE.replace(b"FTS|2", b"FTS|3"))
        assert await drop.settle() == 1
        assert len(taker.taken) == 3
        assert b"FTS|2|FTS-1 says 3 batches, found 2\r" in (tmp_path / "night.hl7.ack").read_bytes()
        report = json.loads((tmp_path / "done" / "night.hl7.report.json").read_text())
        assert (report["durable"], report["answers"]) == (3, {"AA": 3})

    run(case)


def test_folder__refused_and_too_long_messages__are_answered_and_hold_up_nobody(tmp_path: Path) -> None:
    async def case() -> None:
        taker = ListTaker()
        drop = Drop(tmp_path, taker, most=1000)
        long = message(9) + b"\rOBX|1|ED|" + b"A" * 2000
        (tmp_path / "night.hl7").write_bytes(joined(message(1), message(666), long, message(2)))
        assert await drop.settle() == 1
        lines = (tmp_path / "night.hl7.ack").read_bytes().split(b"\r")
        assert [line for line in lines if line.startswith(b"MSA")] == [
            b"MSA|AA|1",
            b"MSA|AR|666",
            b"MSA|AR|long",
            b"MSA|AA|2",
        ]
        assert taker.taken == [message(1), message(666), message(2)]

    run(case)


def test_folder__journal_has_no_room__is_tried_again_and_the_file_stays_until_then(tmp_path: Path) -> None:
    async def case() -> None:
        taker = ListTaker(busy=2)
        drop = Drop(tmp_path, taker)
        (tmp_path / "night.hl7").write_bytes(joined(message(1)))
        assert await drop.settle() == 1
        assert taker.taken == [message(1)]
        assert "done/night.hl7" in drop.names()

    run(case)


def test_folder__same_name_again__keeps_both(tmp_path: Path) -> None:
    async def case() -> None:
        drop = Drop(tmp_path, ListTaker())
        for _ in range(2):
            (tmp_path / "night.hl7").write_bytes(WHOLE)
            drop.now += 100
            assert await drop.settle() == 1
        assert drop.names() == {"night.hl7.ack", "done/night.hl7", "done/night.hl7.2"}

    run(case)
