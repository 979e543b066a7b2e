"""What a folder holds that a PostgreSQL server archived its log to: whose it is, and whether all of it can be had.

A server that recovers takes the first segment it can't have for the end of the log: it starts, and what came after is
lost without a word. So this looks before (PostgreSQL 15, chapter 26.3; `access/xlog_internal.h` for names and heads).
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from salus.core.errors import InputError, IntegrityError, SetupError

_NAME = re.compile(r"[0-9A-F]{24}")
_HEAD = struct.Struct("=HHIQI4xQII")
"""XLogLongPageHeaderData, in the byte order of the machine: magic, flags, timeline, address, bytes that go on from
before, system, bytes of a segment, bytes of a page."""
_SIXTEEN = 16


@dataclass(frozen=True, slots=True)
class LogStart:
    """Where a base backup ends: timeline, and place in the log in bytes."""

    timeline: int
    place: int


@dataclass(frozen=True, slots=True)
class _Head:
    """Timeline, place in the log, server, and size, as a segment says."""

    timeline: int
    place: int
    system: str
    size: int


def require_log(log: Path, own: Iterable[Path], system: str, start: LogStart, *, to_the_end: bool) -> None:
    """Check the archived log that a base backup is to be recovered with; `own` are segments that lie elsewhere.

    An empty folder passes: the log is lost, and that is known. Whether a time or a named point is reached the server
    says itself; `to_the_end` nobody would.

    Raises:
        InputError: there are files, and none is a segment.
        IntegrityError: it is another server's, a segment is not whole, or one is missing before the last.
    """
    archived, mine = segments(log), list(own)
    if not archived and any(log.iterdir()):
        raise InputError(
            f"{log} holds no segment of the log (24 hexadecimal digits): name the folder that the server's "
            "archive_command writes to; an empty one if the log is lost"
        )
    size = mine[0].stat().st_size
    for one in archived:
        if _number(one.name, size) < start.place // size:
            continue
        head = _head(one)
        if head is not None and head.system != system:
            raise IntegrityError(f"{one} is not of the server of this backup: name the folder of its own log")
        if head is None or (head.size, one.stat().st_size) != (size, size):
            raise IntegrityError(f"{one} is not whole: bring it from another copy of the log, or move it away")
    if to_the_end and archived:
        _require_no_hole(log, {one.name for one in (*archived, *mine)}, size, start)


def require_readable(log: Path, account: tuple[int, int] | None) -> None:
    """Check that the server's account (user, group; None: this one) can read every segment.

    Raises:
        SetupError: it can't.
    """
    named = ["-name", "[0-9A-F]" * 24]
    who = {} if account is None else {"user": account[0], "group": account[1], "extra_groups": []}
    asked = ["find", str(log.absolute()), "-maxdepth", "1", *named, "!", "-readable"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True, cwd="/", **who)  # type: ignore[call-overload]
    if done.returncode or done.stdout:
        closed = (done.stdout.splitlines() or [str(log)])[0]
        raise SetupError(f"the server's account can't read {closed}, and would take that for the end of the log")


def unarchived(data: Path, log: Path, system: str) -> list[Path]:
    """Segments, and histories of timelines, that a server which does not run wrote and did not archive.

    A server that is stopped in order archives all it has; one that was killed could not. Segments that it made ready
    for later have another place in their heads than in their names.
    """
    there = data / "pg_wal"
    if not there.is_dir():
        return []
    found = list(there.glob("*.history"))
    for one in segments(there):
        if (head := _head(one)) is None:
            continue
        named = _Head(_timeline(one.name), _number(one.name, head.size) * head.size, system, head.size)
        found += [one] if head == named else []
    return [one for one in found if not (log / one.name).exists()]


def segments(folder: Path) -> list[Path]:
    """Segments of the log in a folder, by name."""
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _require_no_hole(log: Path, names: set[str], size: int, start: LogStart) -> None:
    timelines = _timelines(log, start, size)
    newest, first_of_it = timelines[-1]
    last = max([first_of_it - 1, *(_number(name, size) for name in names if _timeline(name) == newest)])
    for number in range(start.place // size, last + 1):
        timeline = max(timeline for timeline, first in timelines if first <= number)
        if (name := _name(timeline, number, size)) not in names:
            raise IntegrityError(
                f"{log} has the log after {name} but not {name} itself: the server would end there, and lose what "
                "follows. Bring it from another copy of the log; if there is none, move what follows away"
            )


def _timelines(log: Path, start: LogStart, size: int) -> list[tuple[int, int]]:
    """Timelines up to the one the server will go on with, the newest it finds, each with its first segment."""
    newest = start.timeline
    while _history(log, newest + 1).exists():
        newest += 1
    found = {start.timeline: 0}
    if newest > start.timeline:
        rows = [line.split() for line in _history(log, newest).read_text().splitlines() if line.strip()]
        ends = [(int(row[0]), _place(row[1])) for row in rows if row[0].isdigit()]
        for (_, place), after in zip(ends, [*(timeline for timeline, _ in ends[1:]), newest], strict=True):
            if after > start.timeline:
                found[after] = place // size
    return sorted(found.items())


def _history(log: Path, timeline: int) -> Path:
    return log / f"{timeline:08X}.history"


def _head(segment: Path) -> _Head | None:
    """What a segment says of itself; None if it says nothing."""
    with segment.open("rb") as opened:
        read = opened.read(_HEAD.size)
    if len(read) < _HEAD.size:
        return None
    _, _, timeline, place, _, system, size, _ = _HEAD.unpack(read)
    return _Head(timeline, place, str(system), size) if size else None


def _timeline(name: str) -> int:
    return int(name[:8], _SIXTEEN)


def _number(name: str, size: int) -> int:
    return int(name[8:16], _SIXTEEN) * ((1 << 32) // size) + int(name[16:], _SIXTEEN)


def _name(timeline: int, number: int, size: int) -> str:
    a_file = (1 << 32) // size
    return f"{timeline:08X}{number // a_file:08X}{number % a_file:08X}"


def _place(text: str) -> int:
    high, low = (int(part, _SIXTEEN) for part in text.split("/"))
    return high << 32 | low
