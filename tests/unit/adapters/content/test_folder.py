"""The content folder: durable order of steps, damage, many at once."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.adapters.content.folder import FolderStore
from salus.core.cid import cid_of
from salus.core.errors import IntegrityError, NotFoundError, UnavailableError
from salus.core.hashing import sha256


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "content")


def path_of(tmp_path: Path, digest: bytes) -> Path:
    cid = cid_of(digest)
    return tmp_path / "content" / cid[-2:] / cid


def test_put__bytes__lie_under_their_cid(store: FolderStore, tmp_path: Path) -> None:
    digest = store.put(b"sealed")
    assert digest == sha256(b"sealed")
    assert path_of(tmp_path, digest).read_bytes() == b"sealed"
    assert list((tmp_path / "content" / ".new").iterdir()) == []


@given(st.lists(st.binary(max_size=300), max_size=20))
@settings(max_examples=20)
def test_put_many__any_bytes__come_back_in_order(tmp_path_factory: pytest.TempPathFactory, blobs: list[bytes]) -> None:
    store = FolderStore(tmp_path_factory.mktemp("content"))
    digests = store.put_many(blobs)
    assert digests == [sha256(blob) for blob in blobs]
    assert [store.get(digest) for digest in digests] == blobs
    assert store.put_many(blobs) == digests


def test_get__unknown__is_not_found(store: FolderStore) -> None:
    with pytest.raises(NotFoundError):
        store.get(sha256(b"never"))


@pytest.mark.parametrize("damage", [b"", b"seale", b"sealed!", b"Sealed"])
def test_get__damaged__is_noticed_and_put_heals_it(store: FolderStore, tmp_path: Path, damage: bytes) -> None:
    digest = store.put(b"sealed")
    path_of(tmp_path, digest).write_bytes(damage)
    with pytest.raises(IntegrityError, match="damaged"):
        store.get(digest)
    assert store.put(b"sealed") == digest
    assert store.get(digest) == b"sealed"


def test_delete__stored__is_gone_and_a_second_time_false(store: FolderStore) -> None:
    digest = store.put(b"sealed")
    assert store.delete(digest) is True
    assert store.delete(digest) is False
    with pytest.raises(NotFoundError):
        store.get(digest)


def test_store__reopened__still_has_all(store: FolderStore, tmp_path: Path) -> None:
    digests = store.put_many([bytes([n]) for n in range(50)])
    again = FolderStore(tmp_path / "content")
    assert [again.get(digest) for digest in digests] == [bytes([n]) for n in range(50)]


def test_put__from_many_threads_the_same_bytes__is_one_file(store: FolderStore, tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        digests = list(pool.map(lambda n: store.put(bytes([n % 4]) * 100), range(80)))
    assert len(set(digests)) == 4
    files = [file for file in (tmp_path / "content").rglob("*") if file.is_file()]
    assert len(files) == 4


def test_put__named_only_after_its_bytes_are_on_disk(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().parent.name)
        named = list((tmp_path / "content").glob("??/*"))
        if synced[-1] == ".new":
            assert named == []
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    store.put_many([b"one", b"two", b"three"])
    assert synced[:3] == [".new"] * 3
    assert len(synced) > 3


def test_put__where_the_disk_refuses__is_unavailable(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "content")
    (tmp_path / "content" / ".new").rmdir()
    with pytest.raises(UnavailableError, match="cannot be written"):
        store.put(b"sealed")


def test_get__where_the_disk_refuses__is_unavailable(store: FolderStore, tmp_path: Path) -> None:
    digest = sha256(b"sealed")
    path_of(tmp_path, digest).mkdir(parents=True)
    with pytest.raises(UnavailableError, match="cannot be read"):
        store.get(digest)


def test_ready__folder__is_left_as_it_was(store: FolderStore, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    store.ready()
    assert sorted(tmp_path.rglob("*")) == before


def test_ready__no_folder__refuses(store: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "content" / ".new").rmdir()
    with pytest.raises(UnavailableError, match="cannot be written"):
        store.ready()


def test_open__scratch_of_a_writer_that_was_killed__is_removed_and_that_of_one_at_work_stays(tmp_path: Path) -> None:
    scratch = tmp_path / "content" / ".new"
    scratch.mkdir(parents=True)
    (scratch / "stream.dead").write_bytes(b"sealed")
    (scratch / "stream.alive").write_bytes(b"sealed")
    hours_ago = time.time() - 2 * 3600
    os.utime(scratch / "stream.dead", (hours_ago, hours_ago))
    store = FolderStore(tmp_path / "content")
    assert [left.name for left in scratch.iterdir()] == ["stream.alive"]
    store.close()
