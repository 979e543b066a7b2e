"""What every content store does, on both columns: a folder, and a swarm of real Kubo nodes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from salus.adapters.content.kubo import MAX_BLOCK
from salus.core.errors import IntegrityError, NotFoundError
from salus.core.hashing import sha256
from tests.integration.content.conftest import Site


def blobs(count: int, size: int = 700) -> list[bytes]:
    """Blobs that nobody has."""
    return [os.urandom(size) for _ in range(count)]


@pytest.mark.parametrize("size", [0, 1, 5_000, MAX_BLOCK - 1, MAX_BLOCK])
def test_put__any_size_of_one_block__comes_back(site: Site, size: int) -> None:
    data = os.urandom(size)
    digest = site.store.put(data)
    assert digest == sha256(data)
    assert site.store.get(digest) == data
    assert b"".join(site.store.stream(digest)) == data


@pytest.mark.parametrize("size", [MAX_BLOCK + 1, 3 << 20, (5 << 20) + 17])
def test_put__longer_than_a_block__comes_back_under_the_same_digest(site: Site, size: int) -> None:
    data = os.urandom(size)
    assert site.store.put(data) == sha256(data)
    assert site.again().get(sha256(data)) == data
    assert site.store.check(expected=[sha256(data)]).lost == ()


def test_put_many__more_than_a_batch__all_come_back_in_order(site: Site) -> None:
    given = blobs(1_203, 50)
    given += [given[3], os.urandom(MAX_BLOCK + 5)]
    digests = site.store.put_many(given)
    assert digests == [sha256(blob) for blob in given]
    reader = site.again()
    assert [reader.get(digest) for digest in digests] == given
    assert set(digests) <= set(reader.digests())


def test_put__again__is_fine(site: Site) -> None:
    given = blobs(30)
    assert site.store.put_many(given) == site.store.put_many(given)
    assert site.store.put(given[5]) == sha256(given[5])
    assert site.store.get(sha256(given[5])) == given[5]


def test_put_stream__pieces_of_odd_sizes__are_one_envelope(site: Site) -> None:
    data = os.urandom((9 << 20) + 123)
    digest = site.store.put_stream(data[place : place + 777_777] for place in range(0, len(data), 777_777))
    assert digest == sha256(data)
    pieces = list(site.store.stream(digest))
    assert max(map(len, pieces)) <= 1 << 20
    assert b"".join(pieces) == data == site.store.get(digest)


def test_put_stream__short__is_the_same_as_put(site: Site) -> None:
    (data,) = blobs(1)
    assert site.store.put_stream([data[:100], data[100:]]) == sha256(data)
    assert site.store.get(sha256(data)) == data
    assert sha256(data) in set(site.store.digests())


def test_put__from_many_threads__all_are_there(site: Site) -> None:
    batches = [blobs(40) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(site.store.put_many, batches))
    assert [[site.store.get(digest) for digest in some] for some in digests] == batches


def test_get__unknown__is_not_found(site: Site) -> None:
    with pytest.raises(NotFoundError):
        site.store.get(sha256(os.urandom(8)))
    with pytest.raises(NotFoundError):
        list(site.store.stream(sha256(os.urandom(8))))


@pytest.mark.parametrize("count", [1, 40])
def test_get__every_copy_damaged__is_noticed_and_put_heals_it(site: Site, count: int) -> None:
    given = blobs(count)
    site.store.put_many(given)
    site.damage(given[0])
    with pytest.raises(IntegrityError):
        site.store.get(sha256(given[0]))
    assert sha256(given[0]) in site.store.check().lost
    site.store.put_many(given)
    assert site.store.get(sha256(given[0])) == given[0]
    assert sha256(given[0]) not in site.store.check(repair=True).lost


def test_stream__long_and_damaged__never_gives_the_last_piece(site: Site) -> None:
    data = os.urandom(4 << 20)
    digest = site.store.put(data)
    site.damage(data[-1_000_000:])
    got = list[bytes]()
    with pytest.raises(IntegrityError):
        got.extend(site.store.stream(digest))  # keeps what came before the error
    assert sum(map(len, got)) < len(data)
    assert digest in site.store.check().lost
    site.store.erase(digest)


def test_erase__one_of_a_batch__is_gone_everywhere_and_the_others_stay(site: Site) -> None:
    given = blobs(50)
    digests = site.store.put_many(given)
    erasure = site.store.erase(digests[7])
    assert erasure.removed
    assert erasure.unreached == ()
    assert not any(
        given[7] in path.read_bytes() for folder in site.folders for path in folder.rglob("*") if path.is_file()
    )
    with pytest.raises(NotFoundError):
        site.again().get(digests[7])
    assert digests[7] not in set(site.store.digests())
    for digest, blob in zip(digests, given, strict=True):
        if digest != digests[7]:
            assert site.store.get(digest) == blob
    again = site.store.erase(digests[7])
    assert (again.removed, again.unreached) == ((), ())
    assert len(again.absent) == len(erasure.removed + erasure.absent)


def test_erase__in_two_batches_and_alone__is_gone(site: Site) -> None:
    given = blobs(21)
    site.store.put_many(given)
    site.store.put_many([*blobs(20), given[0]])
    site.store.put(given[0])
    assert site.store.delete(sha256(given[0])) is True
    with pytest.raises(NotFoundError):
        site.store.get(sha256(given[0]))
    assert site.store.get(sha256(given[1])) == given[1]
    assert site.store.delete(sha256(given[0])) is False


def test_erase__all_of_a_batch_at_once__leaves_nothing(site: Site) -> None:
    given = blobs(24)
    digests = site.store.put_many(given)
    with ThreadPoolExecutor(4) as pool:
        erasures = list(pool.map(site.store.erase, digests))
    assert all(erasure.removed for erasure in erasures)
    assert not any(erasure.unreached for erasure in erasures)
    assert not set(digests) & set(site.store.digests())
    for digest in digests:
        assert site.store.erase(digest).removed == ()


def test_erase__longer_than_a_block__leaves_no_piece(site: Site) -> None:
    data = os.urandom(5 << 20)
    digest = site.store.put(data)
    assert site.store.erase(digest).removed
    with pytest.raises(NotFoundError):
        site.store.get(digest)
    for folder in site.folders:
        held = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        assert not any(data[place : place + 4096] in one for one in held for place in range(0, len(data), 1 << 20))


def test_check__all_well_but_one_expected_that_never_came__says_so(site: Site) -> None:
    digests = site.store.put_many(blobs(20))
    absent = sha256(os.urandom(8))
    found = site.store.check(expected=[*digests, absent])
    assert found.lost == (absent,)
    assert not found.is_sound
    assert found.envelopes >= 20
    assert site.store.check(expected=digests).is_sound


def test_ready__at_work__is_silent(site: Site) -> None:
    site.store.ready()
