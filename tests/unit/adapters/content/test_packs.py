"""Packs of the content folder: one sync for many, lost index, damage, deletion, several processes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from salus.adapters.content import packs
from salus.adapters.content.folder import PACKED, FolderStore
from salus.adapters.content.packs import Packs, Place
from salus.core.errors import IntegrityError, NotFoundError, UnavailableError
from salus.core.hashing import sha256

BLOBS = [f"sealed {number} ".encode() * 40 for number in range(PACKED)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "content"


@pytest.fixture
def store(folder: Path) -> FolderStore:
    return FolderStore(folder)


def pack_files(folder: Path) -> list[Path]:
    return sorted((folder / "packs").glob("*.pack"))


def overwrite(file: Path, old: bytes, new: bytes) -> None:
    data = file.read_bytes()
    assert data.count(old) == 1
    file.write_bytes(data.replace(old, new))


def test_put_many__enough__share_one_pack_and_come_back(store: FolderStore, folder: Path) -> None:
    digests = store.put_many(BLOBS)
    assert digests == [sha256(blob) for blob in BLOBS]
    assert [store.get(digest) for digest in digests] == BLOBS
    [pack] = pack_files(folder)
    assert pack.stat().st_size == 4 + sum(36 + len(blob) for blob in BLOBS)
    assert list(folder.glob("??/*")) == []


def test_put_many__one_less__are_files(store: FolderStore, folder: Path) -> None:
    store.put_many(BLOBS[1:])
    assert pack_files(folder) == []
    assert len(list(folder.glob("??/b*"))) == PACKED - 1


def test_put_many__again__writes_nothing(store: FolderStore, folder: Path) -> None:
    store.put_many(BLOBS)
    [size] = [pack.stat().st_size for pack in pack_files(folder)]
    assert store.put_many([*BLOBS, BLOBS[0]]) == [sha256(blob) for blob in [*BLOBS, BLOBS[0]]]
    assert [pack.stat().st_size for pack in pack_files(folder)] == [size]


def test_put_many__returns_only_when_bytes_then_names_are_synced(
    store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put_many([blob + b"before" for blob in BLOBS])
    seen: list[int] = []
    real = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        real(descriptor)
        with sqlite3.connect(folder / "packs" / "index.db") as index:
            seen.append(index.execute("SELECT count(*) FROM place").fetchone()[0])

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    store.put_many(BLOBS)
    assert seen == [PACKED]  # when the new bytes were on disk only the old ones had a name


def test_get__another_process_put_it__is_found(folder: Path) -> None:
    reader, writer = FolderStore(folder), FolderStore(folder)
    with pytest.raises(NotFoundError):
        reader.get(sha256(BLOBS[0]))
    writer.put_many(BLOBS)
    assert reader.get(sha256(BLOBS[0])) == BLOBS[0]
    reader.put_many([blob + b"mine" for blob in BLOBS])
    assert len(pack_files(folder)) == 2
    assert writer.get(sha256(BLOBS[3] + b"mine")) == BLOBS[3] + b"mine"


def test_open__index_lost__packs_are_read_through(store: FolderStore, folder: Path) -> None:
    store.put_many(BLOBS)
    store.delete(sha256(BLOBS[5]))
    for file in (folder / "packs").glob("index.db*"):
        file.unlink()
    with pack_files(folder)[0].open("ab") as pack:
        pack.write(sha256(b"cut off") + (100).to_bytes(4, "big") + b"cut")
    again = FolderStore(folder)
    assert [again.get(sha256(blob)) for blob in BLOBS if blob is not BLOBS[5]] == [*BLOBS[:5], *BLOBS[6:]]
    for digest in (sha256(BLOBS[5]), sha256(b"cut off")):
        with pytest.raises(NotFoundError):
            again.get(digest)


def test_open__foreign_file__is_passed_over(folder: Path) -> None:
    (folder / "packs").mkdir(parents=True)
    (folder / "packs" / "other.pack").write_bytes(b"no pack at all")
    store = FolderStore(folder)
    store.put_many(BLOBS)
    assert store.get(sha256(BLOBS[0])) == BLOBS[0]


@pytest.mark.parametrize("alone", [False, True])
def test_get__damaged_in_its_pack__is_noticed_and_put_heals_it(store: FolderStore, folder: Path, alone: bool) -> None:
    digest, *_ = store.put_many(BLOBS)
    overwrite(pack_files(folder)[0], BLOBS[0], BLOBS[0].replace(b"sealed 0", b"sealed X"))
    with pytest.raises(IntegrityError, match="damaged"):
        store.get(digest)
    store.put_many(BLOBS[:1] if alone else [*BLOBS, *(blob + b"more" for blob in BLOBS)])
    assert store.get(digest) == BLOBS[0]


def test_get__pack_gone__is_damage_not_ignorance(store: FolderStore, folder: Path) -> None:
    digest, *_ = store.put_many(BLOBS)
    pack_files(folder)[0].unlink()
    with pytest.raises(IntegrityError):
        store.get(digest)
    assert store.delete(digest) is True


def test_delete__packed__every_copy_is_overwritten_and_a_second_time_false(store: FolderStore, folder: Path) -> None:
    digest, *_ = store.put_many(BLOBS)
    overwrite(pack_files(folder)[0], BLOBS[0], BLOBS[0].replace(b"sealed 0 s", b"sealed X s", 1))
    store.put_many([*BLOBS, *(blob + b"more" for blob in BLOBS)])  # a second, whole copy
    assert store.delete(digest) is True
    for pack in pack_files(folder):
        assert b"sealed 0 sealed 0" not in pack.read_bytes().replace(BLOBS[0] + b"more", b"")
    assert store.delete(digest) is False
    with pytest.raises(NotFoundError):
        store.get(digest)
    assert store.get(sha256(BLOBS[1])) == BLOBS[1]


def test_delete__same_bytes_are_stored_meanwhile__new_copy_stays_named_and_the_next_one_ends_it(
    store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration beside a destruction. What lies in a pack unnamed nobody could erase, nor find."""
    digest = store.put_many(BLOBS)[0]
    overwrite_place = packs._overwrite

    def and_stored_again(place: Place) -> None:
        overwrite_place(place)
        monkeypatch.undo()
        Packs(folder / "packs").add({digest: BLOBS[0]})

    monkeypatch.setattr(packs, "_overwrite", and_stored_again)
    assert store.delete(digest)
    assert store.get(digest) == BLOBS[0]  # so a destruction knows that it is not done
    assert store.delete(digest)
    assert not any(BLOBS[0] in pack.read_bytes() for pack in pack_files(folder))


def test_delete__longer_than_one_write__is_all_zeros(store: FolderStore, folder: Path) -> None:
    large = os.urandom(3 * (1 << 20) + 17)
    store.put_many([large, *BLOBS])
    assert store.delete(sha256(large)) is True
    data = pack_files(folder)[0].read_bytes()
    assert data[4 + 36 : 4 + 36 + len(large)] == bytes(len(large))
    assert store.get(sha256(BLOBS[0])) == BLOBS[0]


def test_put_many__full_pack__another_begins(folder: Path) -> None:
    folder.mkdir()
    some = Packs(folder / "packs", most=100)
    for blob in BLOBS[:3]:
        some.add({sha256(blob): blob})
    assert len(pack_files(folder)) == 3
    assert set(some.find(map(sha256, BLOBS))) == set(map(sha256, BLOBS[:3]))
    some.close()


def test_put_many__disk_refuses__is_unavailable_and_goes_on_later(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(UnavailableError, match="No space left"):
            store.put_many(BLOBS)
    with pytest.raises(NotFoundError):
        store.get(sha256(BLOBS[0]))
    assert store.get(store.put_many(BLOBS)[0]) == BLOBS[0]


def test_put_many__index_damaged__is_unavailable(folder: Path) -> None:
    (folder / "packs").mkdir(parents=True)
    (folder / "packs" / "index.db").write_bytes(b"no database" * 100)
    with pytest.raises(UnavailableError, match="index of the packs"):
        FolderStore(folder).put_many(BLOBS)


def test_put_many__from_many_threads__all_are_there(store: FolderStore) -> None:
    groups = [[f"{group} {number}".encode() for number in range(PACKED)] for group in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(store.put_many, groups))
    for group, digests in zip(groups, found, strict=True):
        assert [store.get(digest) for digest in digests] == group


def test_adopt__fails_midway__is_tried_again(store: FolderStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put_many(BLOBS)
    for file in (folder / "packs").glob("index.db*"):
        file.unlink()
    again = FolderStore(folder)

    def refuse(_: Path, _begin: int) -> list[tuple[bytes, int, int]]:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(packs, "_entries", refuse)
        with pytest.raises(UnavailableError, match="Input/output"):
            again.get(sha256(BLOBS[0]))
    assert again.get(sha256(BLOBS[0])) == BLOBS[0]


def killed_before_naming(folder: Path, blobs: list[bytes]) -> None:
    """Put blobs in a process that dies when they are on disk and before the index knows them."""
    child = os.fork()
    if child == 0:
        change = Packs._change

        def dies(self: Packs, statement: str, rows: Iterable[tuple[object, ...]], pack: str = "") -> None:
            if statement == packs._INSERT and rows:
                os._exit(137)
            change(self, statement, rows, pack)

        Packs._change = dies  # type: ignore[method-assign]
        FolderStore(folder).put_many(blobs)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 137


def lose_index(folder: Path) -> None:
    for file in (folder / "packs").glob("index.db*"):
        file.unlink()


def test_delete__writer_was_killed_before_it_named_what_it_wrote__leaves_no_copy_of_it(folder: Path) -> None:
    killed_before_naming(folder, BLOBS)
    [pack] = pack_files(folder)
    assert BLOBS[3] in pack.read_bytes()
    store = FolderStore(folder)
    store.put_many(BLOBS)
    digest = sha256(BLOBS[3])
    assert store.delete(digest)
    assert not any(BLOBS[3] in file.read_bytes() for file in pack_files(folder))
    store.close()
    lose_index(folder)
    with pytest.raises(NotFoundError):
        FolderStore(folder).get(digest)


def test_open__index_older_than_the_packs__what_was_stored_since_is_named(folder: Path) -> None:
    first, second = BLOBS, [blob + b"!" for blob in BLOBS]
    store = FolderStore(folder)
    store.put_many(first)
    with sqlite3.connect(folder / "packs" / "index.db") as index, sqlite3.connect(folder / "old.db") as old:
        index.backup(old)
    store.put_many(second)
    store.delete(sha256(second[5]))
    store.close()
    lose_index(folder)
    (folder / "old.db").rename(folder / "packs" / "index.db")
    store = FolderStore(folder)
    for number, blob in enumerate([*first, *second]):
        if number == len(first) + 5:
            with pytest.raises(NotFoundError):
                store.get(sha256(blob))
        else:
            assert store.get(sha256(blob)) == blob


def test_open__beside_a_writer_at_work__leaves_its_pack_to_it(folder: Path) -> None:
    writer = FolderStore(folder)
    writer.put_many(BLOBS)
    other = FolderStore(folder)
    assert other.get(sha256(BLOBS[0])) == BLOBS[0]
    other.close()
    with sqlite3.connect(folder / "packs" / "index.db") as index:
        assert index.execute("SELECT count(*) FROM growing").fetchone() == (1,)
        writer.close()
        assert index.execute("SELECT count(*) FROM growing").fetchone() == (0,)


def test_put_many__index_refuses_to_name__next_one_finds_what_was_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, change = FolderStore(folder), Packs._change

    def refuses(self: Packs, statement: str, rows: Iterable[tuple[object, ...]], pack: str = "") -> None:
        if statement == packs._INSERT and rows:
            raise OSError("disk I/O error")
        change(self, statement, rows, pack)

    monkeypatch.setattr(Packs, "_change", refuses)
    with pytest.raises(UnavailableError):
        store.put_many(BLOBS)
    monkeypatch.setattr(Packs, "_change", change)
    store.put_many(BLOBS)
    assert len(pack_files(folder)) == 2
    store.close()
    again = FolderStore(folder)
    assert again.delete(sha256(BLOBS[3]))
    assert not any(BLOBS[3] in file.read_bytes() for file in pack_files(folder))
