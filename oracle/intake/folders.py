"""Batch files that senders put into a watched folder. Each message goes through the same reception as any other.

    folder/NAME          waits until it stayed as it is for some seconds; .NAME, *.tmp, *.part … are still being written
    folder/NAME.ack      the reply batch
    folder/done/NAME     every message of it is durable or was answered AE or AR; a report beside if counts are wrong
    folder/failed/NAME   it is no batch file, nothing of it was taken; NAME.report.json says why, without content

The file moves last. A crash before that means it is read again from the start: the journal knows the bytes it has.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

import structlog

from oracle.hl7.errors import TooLargeError
from oracle.intake.batch import Enclosed, Envelope, Piece, Shape, pieces, shape_of
from oracle.intake.batch_reply import BatchReply
from oracle.intake.gate import Gate
from oracle.intake.ports import Peer, Taken, Taker
from oracle.intake.throttle import Throttles
from oracle.sources import BatchFolder, LiveSources, Source

WINDOW = 64
_AGAIN_SECONDS = 0.5
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".writing", ".crdownload")
_OURS = (".ack", ".report.json")
_HEAD = 8192

_log = structlog.get_logger()
Marks = tuple[int, int, int]


@dataclass(slots=True)
class _Tally:
    """What became of a file's messages: MSA-1 of the replies, "" for none; how many are durable."""

    codes: Counter[str] = field(default_factory=Counter)
    durable: int = 0

    def add(self, taken: Taken) -> None:
        place = taken.reply.find(b"\rMSA")
        self.codes[taken.reply[place + 5 : place + 7].decode("ascii", "replace") if place >= 0 else ""] += 1
        self.durable += bool(taken.name)


class Folders:
    """Watches the folders of all sources. `told` counts files by what became of them; a shut gate makes them wait."""

    def __init__(
        self,
        taker: Taker,
        sources: LiveSources,
        throttles: Throttles,
        *,
        now: Callable[[], datetime],
        next_control_id: Callable[[], str],
        monotonic: Callable[[], float],
        told: Callable[[str], None] = lambda _: None,
        gate: Gate | None = None,
    ) -> None:
        self._taker = taker
        self._sources = sources
        self._throttles = throttles
        self._now = now
        self._next_control_id = next_control_id
        self._monotonic = monotonic
        self._told = told
        self._gate = gate or Gate()
        self._tasks: dict[tuple[str, BatchFolder], asyncio.Task[None]] = {}
        self._seen: dict[Path, tuple[Marks, float]] = {}

    async def watch(self) -> None:
        """Keep a task for each folder in force, until cancelled."""
        try:
            while True:
                wanted = {(source.name, source.batch) for source in self._sources.all() if source.batch is not None}
                for key in set(self._tasks) - wanted:
                    self._tasks.pop(key).cancel()
                for key in wanted - set(self._tasks):
                    self._tasks[key] = asyncio.get_running_loop().create_task(self._serve(*key))
                await asyncio.sleep(1.0)
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def look(self, name: str) -> int:
        """Take the files of a source that are ready, oldest first; how many."""
        source = self._sources.get(name)
        if source is None or source.batch is None:
            return 0
        ready = await asyncio.to_thread(self._ready, source.batch)
        for file in ready:
            await self._take(file, source)
        return len(ready)

    async def _serve(self, name: str, batch: BatchFolder) -> None:
        pause = min(1.0, max(0.05, batch.settle_seconds / 2))
        while True:
            try:
                await self.look(name)
            except Exception as error:  # noqa: BLE001 - the file is where it was, and is looked at again
                _log.warning("batch folder not read", source=name, error=type(error).__name__)
            await asyncio.sleep(pause)

    def _ready(self, batch: BatchFolder) -> list[Path]:
        """Whole files: they stayed as they are for as long as the source says."""
        now, found, seen = self._monotonic(), [], set()
        for file, marks in _files(batch.folder):
            seen.add(file)
            before = self._seen.get(file)
            if before is None or before[0] != marks:
                self._seen[file] = (marks, now)
            elif now - before[1] >= batch.settle_seconds:
                found.append((marks[1], file))
        for file in [one for one in self._seen if one.parent == batch.folder and one not in seen]:
            del self._seen[file]
        return [file for _, file in sorted(found)]

    async def _take(self, file: Path, source: Source) -> None:
        shape = await asyncio.to_thread(_shape, file)
        if shape.problem:
            await asyncio.to_thread(_set_aside, file, "failed", _report(shape, None))
            self._told("failed")
            _log.warning("batch file refused", source=source.name, problem=shape.problem, line=shape.line)
            return
        tally, reply = _Tally(), file.parent / f".{file.name}.ack.tmp"
        with reply.open("wb") as out:
            answer = BatchReply(out, source.charset, self._now, self._next_control_id, shape.mismatches)
            await self._take_messages(file, source, answer, tally)
            out.flush()
            await asyncio.to_thread(os.fsync, out.fileno())
        report = _report(shape, tally) if shape.mismatches else None
        await asyncio.to_thread(_finish, file, reply, report)
        self._told("done" if report is None else "done with wrong counts")
        _log.info("batch file taken", source=source.name, messages=shape.messages, durable=tally.durable)

    async def _take_messages(self, file: Path, source: Source, answer: BatchReply, tally: _Tally) -> None:
        """All messages through the reception, some at once, their replies in order."""
        window: list[Enclosed] = []

        async def flush() -> None:
            for taken in await self._take_all(window, source):
                tally.add(taken)
                answer.reply(taken.reply)
            window.clear()

        with file.open("rb") as opened:
            found = pieces(opened, source.max_message_bytes)
            while some := await asyncio.to_thread(_some, found, source.max_message_bytes):
                for piece in some:
                    if isinstance(piece, Enclosed):
                        window.append(piece)
                    elif isinstance(piece, Envelope):
                        await flush()
                        answer.envelope(piece)
                await flush()
        answer.end()

    async def _take_all(self, window: list[Enclosed], source: Source) -> list[Taken]:
        peer = Peer("file", "", source.name)
        return list(await asyncio.gather(*[self._take_one(one, peer, source) for one in window]))

    async def _take_one(self, one: Enclosed, peer: Peer, source: Source) -> Taken:
        """The answer to one message, however often it takes until the journal has room."""
        if one.cut:
            error = TooLargeError("the message is longer than this source may send")
            return Taken(self._taker.refuse(one.raw[:_HEAD], peer, error))
        throttle = self._throttles.of(source.name)
        if throttle is not None:
            throttle.take(self._monotonic())
            await asyncio.sleep(throttle.wait(self._monotonic()))
        while True:
            if not self._gate.is_shut:
                taken = await self._taker.take(one.raw, peer)
                if not taken.busy:
                    return taken
            await asyncio.sleep(_AGAIN_SECONDS)


def _some(found: Iterator[Piece], most: int) -> list[Piece]:
    """The next pieces of a file: as many as are handed in at once, of `most` bytes and one message."""
    some: list[Piece] = []
    size = 0
    for piece in found:
        some.append(piece)
        size += len(piece.raw) if isinstance(piece, Enclosed) else 0
        if len(some) >= WINDOW or size >= most:
            break
    return some


def _files(folder: Path) -> Iterator[tuple[Path, Marks]]:
    """Regular files that may be whole, with size, time and inode."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.lower()
            if name.startswith(".") or name.endswith((*_UNFINISHED, *_OURS)):
                continue
            if entry.is_file(follow_symlinks=False):
                told = entry.stat(follow_symlinks=False)
                yield Path(entry.path), (told.st_size, told.st_mtime_ns, told.st_ino)


def _shape(file: Path) -> Shape:
    with file.open("rb") as opened:
        return shape_of(opened)


def _report(shape: Shape, tally: _Tally | None) -> dict[str, object]:
    """What people need to know of a file; nothing of what it says."""
    found: dict[str, object] = {
        "messages": shape.messages,
        "batches": shape.batches,
        "problem": shape.problem,
        "line": shape.line,
        "counts": shape.mismatches,
    }
    if tally is not None:
        found |= {"durable": tally.durable, "answers": {code or "none": n for code, n in sorted(tally.codes.items())}}
    return found


def _finish(file: Path, reply: Path, report: dict[str, object] | None) -> None:
    """The reply in its place, then the file away."""
    reply.rename(file.with_name(f"{file.name}.ack"))
    _sync(file.parent)
    _set_aside(file, "done", report)


def _set_aside(file: Path, folder: str, report: dict[str, object] | None) -> None:
    target = file.parent / folder
    target.mkdir(exist_ok=True)
    place = next(one for number in count(1) if not (one := target / _numbered(file.name, number)).exists())
    if report is not None:
        place.with_name(f"{place.name}.report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    file.rename(place)
    _sync(target)
    _sync(file.parent)


def _numbered(name: str, number: int) -> str:
    """A name; the second and later ones of the same name get a number."""
    return name if number == 1 else f"{name}.{number}"


def _sync(folder: Path) -> None:
    """Make what was renamed in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
