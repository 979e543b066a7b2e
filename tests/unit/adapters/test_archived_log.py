"""The archived log a PostgreSQL server is recovered with: of that server, whole, and without a hole."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from salus.adapters.database.archived_log import LogStart, require_log, require_readable, segments, unarchived
from salus.core.errors import InputError, IntegrityError, SetupError

SYSTEM = 7_400_000_000_000_000_001
SIZE = 1 << 20
START = LogStart(1, 5 * SIZE + 0x128)


def segment(folder: Path, number: int, timeline: int = 1, system: int = SYSTEM, size: int = SIZE) -> Path:
    """A segment as far as its head goes (PostgreSQL 15, XLogLongPageHeaderData)."""
    a_file = (1 << 32) // SIZE
    path = folder / f"{timeline:08X}{number // a_file:08X}{number % a_file:08X}"
    head = struct.pack("=HHIQI4xQII", 0xD110, 2, timeline, number * SIZE, 0, system, SIZE, 8192)
    path.write_bytes(head + bytes(size - len(head)))
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "pg_wal"
    folder.mkdir()
    segment(folder, 5)
    (folder / "archive_status").mkdir()
    return folder


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def look(log: Path, own: Path, start: LogStart = START, *, to_the_end: bool = True) -> None:
    require_log(log, segments(own), str(SYSTEM), start, to_the_end=to_the_end)


def test_require_log__whole_from_the_backup_on__passes(log: Path, own: Path) -> None:
    for number in (2, 4, 6, 7, 8):  # what is before the backup may have gone, the fifth is in the backup itself
        segment(log, number)
    (log / "000000010000000000000002.00000028.backup").write_text("START WAL LOCATION")
    look(log, own)


def test_require_log__empty__passes_for_the_log_is_lost(log: Path, own: Path) -> None:
    look(log, own)


def test_require_log__files_and_no_segment__is_the_wrong_folder(log: Path, own: Path) -> None:
    (log / "postgresql.log").write_text("LOG:  starting")
    with pytest.raises(InputError, match="archive_command writes to"):
        look(log, own)


@pytest.mark.parametrize("lacks", [6, 7])
def test_require_log__hole__is_named_unless_a_time_is_to_be_reached(log: Path, own: Path, lacks: int) -> None:
    for number in (6, 7, 8):
        if number != lacks:
            segment(log, number)
    with pytest.raises(IntegrityError, match=f"but not 00000001000000000000000{lacks} itself"):
        look(log, own)
    look(log, own, to_the_end=False)  # the server itself refuses to start short of it


def test_require_log__hole_across_a_file_of_segments__is_found(log: Path, own: Path) -> None:
    segment(own, 4095)
    segment(log, 4097)
    with pytest.raises(IntegrityError, match="but not 000000010000000100000000 itself"):
        look(log, own, LogStart(1, 4095 * SIZE + 8))


def test_require_log__of_another_server__is_refused(log: Path, own: Path) -> None:
    segment(log, 6)
    segment(log, 7, system=SYSTEM + 1)
    with pytest.raises(IntegrityError, match="not of the server of this backup"):
        look(log, own, to_the_end=False)


@pytest.mark.parametrize("size", [0, 39, 40, SIZE - 1, SIZE + 1])
def test_require_log__segment_that_was_cut_short_or_grew__is_refused(log: Path, own: Path, size: int) -> None:
    segment(log, 6)
    whole = segment(log, 7).read_bytes()
    (log / "000000010000000000000007").write_bytes((whole + b"x")[:size])
    with pytest.raises(IntegrityError, match="000000010000000000000007 is not whole"):
        look(log, own)


def test_require_log__after_an_earlier_restore__follows_the_newest_timeline(log: Path, own: Path) -> None:
    for number in (6, 7, 8):
        segment(log, number)
    (log / "00000002.history").write_text(f"1\t0/{7 * SIZE + 40:X}\tno recovery target specified\n")
    for number in (7, 8, 9):
        segment(log, number, timeline=2)
    look(log, own)
    (log / "000000020000000000000008").unlink()  # the first timeline has one of that number, which does not count
    with pytest.raises(IntegrityError, match="but not 000000020000000000000008 itself"):
        look(log, own)


def test_require_log__timeline_without_a_segment_yet__needs_what_leads_to_it(log: Path, own: Path) -> None:
    (log / "00000002.history").write_text(f"1\t0/{8 * SIZE:X}\tno recovery target specified\n")
    segment(log, 6)
    with pytest.raises(IntegrityError, match="but not 000000010000000000000007 itself"):
        look(log, own)
    segment(log, 7)
    look(log, own)


def test_require_log__two_restores_ago__joins_three_timelines(log: Path, own: Path) -> None:
    (log / "00000002.history").write_text(f"1\t0/{6 * SIZE:X}\tbefore\n")
    (log / "00000003.history").write_text(f"1\t0/{6 * SIZE:X}\tbefore\n\n2\t0/{8 * SIZE:X}\tagain\n")
    for number, timeline in ((6, 2), (7, 2), (8, 3), (9, 3)):
        segment(log, number, timeline)
    look(log, own)
    (log / "000000020000000000000007").unlink()
    with pytest.raises(IntegrityError, match="but not 000000020000000000000007 itself"):
        look(log, own)


def test_unarchived__of_a_killed_server__is_what_it_wrote_and_the_archive_lacks(tmp_path: Path, log: Path) -> None:
    assert unarchived(tmp_path, log, str(SYSTEM)) == []
    there = tmp_path / "data" / "pg_wal"
    there.mkdir(parents=True)
    segment(log, 6)
    segment(there, 6)
    wanted = [segment(there, 7)]
    segment(there, 8, system=SYSTEM + 1)
    segment(there, 5).rename(there / "000000010000000000000009")  # for later, of a segment it needs no more
    (there / "00000001000000000000000A").write_bytes(bytes(SIZE))
    (there / "00000001000000000000000B").write_bytes(b"")
    (there / "00000002.history").write_text("1\t0/700000\tno recovery target specified\n")
    found = unarchived(tmp_path / "data", log, str(SYSTEM))
    assert found == [there / "00000002.history", *wanted]


@pytest.fixture
def reached() -> Iterator[Path]:
    """A folder that every account can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="salus-log-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_require_readable__one_that_the_account_may_not_read__is_named(reached: Path) -> None:
    account = (65534, 65534) if os.geteuid() == 0 else None
    closed, other = segment(reached, 6), segment(reached, 7)
    other.chmod(0o644)
    closed.chmod(0o000)
    with pytest.raises(SetupError, match=f"can't read {closed}"):
        require_readable(reached, account)
    closed.chmod(0o644)
    require_readable(reached, account)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root asks for another account")
def test_require_readable__folder_it_can_not_enter__is_named(reached: Path) -> None:
    segment(reached, 6).chmod(0o644)
    reached.chmod(0o700)
    with pytest.raises(SetupError, match=f"can't read {reached}"):
        require_readable(reached, (65534, 65534))
