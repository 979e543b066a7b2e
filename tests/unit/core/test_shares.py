from itertools import combinations, permutations
from secrets import token_bytes

import pytest
from Crypto.Protocol.SecretSharing import Shamir, _Element
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.core.errors import ShareError
from salus.core.field import times
from salus.core.hashing import sha256
from salus.core.shares import SHARE_BYTES, join, split
from tests.unit.core.strategies import bytes32
from tests.vectors.makers import shamir
from tests.vectors.samples import raw32

KEY = raw32("key")


def _digests(shares: tuple[bytes, ...]) -> list[bytes]:
    return [sha256(share) for share in shares]


@given(bytes32)
def test_join__any_two_of_three_in_any_order__the_key(key: bytes) -> None:
    shares = split(key, 2, 3, token_bytes)
    for some in permutations(shares, 2):
        assert join(some, 2, _digests(shares)) == key
    assert join(shares, 2, _digests(shares)) == key


@settings(max_examples=30)
@given(bytes32, st.integers(1, 5), st.data())
def test_join__any_threshold_of_any_count__the_key(key: bytes, threshold: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(threshold, 7))
    shares = split(key, threshold, count, token_bytes)
    chosen = data.draw(st.permutations(shares))[:threshold]
    assert join(chosen, threshold, _digests(shares)) == key


@pytest.mark.parametrize(("threshold", "count"), [(2, 3), (3, 3), (3, 5), (5, 5)])
def test_join__fewer_than_the_threshold__refused(threshold: int, count: int) -> None:
    shares = split(KEY, threshold, count, token_bytes)
    for size in range(threshold):
        for some in combinations(shares, size):
            with pytest.raises(ShareError):
                join(some, threshold, _digests(shares))


def test_join__one_share_twice__counts_once() -> None:
    shares = split(KEY, 2, 3, token_bytes)
    with pytest.raises(ShareError) as caught:
        join([shares[0], shares[0]], 2, _digests(shares))
    assert caught.value.positions == ()


@given(st.integers(0, 2), st.integers(1, SHARE_BYTES - 1), st.integers(1, 255))
def test_join__any_byte_of_a_share_changed__its_position_is_named(position: int, at: int, mask: int) -> None:
    shares = split(KEY, 2, 3, token_bytes)
    changed = bytearray(shares[position])
    changed[at] ^= mask
    mixed = [*shares[:position], bytes(changed), *shares[position + 1 :]]
    with pytest.raises(ShareError) as caught:
        join(mixed, 2, _digests(shares))
    assert caught.value.positions == (position + 1,)


def test_join__two_wrong_shares__both_named() -> None:
    shares, others = split(KEY, 2, 3, token_bytes), split(KEY, 2, 3, token_bytes)
    with pytest.raises(ShareError) as caught:
        join([others[2], shares[1], others[0]], 2, _digests(shares))
    assert caught.value.positions == (1, 3)


@pytest.mark.parametrize(
    "share", [b"", b"\x01", KEY, b"\x01" + KEY + b"\x00", b"\x00" + KEY, b"\x04" + KEY, b"\xff" + KEY]
)
def test_join__malformed_share__refused(share: bytes) -> None:
    shares = split(KEY, 2, 3, token_bytes)
    with pytest.raises(ShareError):
        join([*shares, share], 2, _digests(shares))


@pytest.mark.parametrize(
    ("key", "threshold", "count"),
    [(b"", 2, 3), (KEY[:31], 2, 3), (KEY + b"\x00", 2, 3), (KEY, 0, 3), (KEY, 4, 3), (KEY, 2, 256), (KEY, -1, 3)],
)
def test_split__impossible__refused(key: bytes, threshold: int, count: int) -> None:
    with pytest.raises(ValueError):
        split(key, threshold, count, token_bytes)


@given(bytes32, bytes32)
def test_split__one_share_of_a_dealing__fits_every_other_key(key: bytes, other: bytes) -> None:
    """For each share and each key there is one second share that joins to that key: the share excludes none."""
    share = split(key, 2, 3, token_bytes)[0]
    index, halves = share[0], (share[1:17], share[17:])
    second = bytes([2])
    for part, half in enumerate(halves):
        secret = int.from_bytes(other[part * 16 : part * 16 + 16], "big")
        slope = shamir.times(int.from_bytes(half, "big") ^ secret, shamir.inverse(index))
        second += shamir.value_at(2, secret, [slope]).to_bytes(16, "big")
    assert join([share, second], 2, [sha256(share), sha256(second)]) == other


@pytest.mark.parametrize("key", [bytes(32), b"\xff" * 32])
def test_split__many_dealings_of_one_key__every_byte_of_a_share_is_spread_evenly(key: bytes) -> None:
    dealings = 4_000
    shares = [split(key, 2, 3, token_bytes)[1] for _ in range(dealings)]
    for at in range(1, SHARE_BYTES):
        ones = sum(share[at].bit_count() for share in shares)
        # Eight fair bits a byte: mean 4 each, standard deviation sqrt(2 n); nine of them is once in 10^18 runs.
        assert abs(ones - 4 * dealings) < 9 * (2 * dealings) ** 0.5, at


def test_split__twice__other_shares() -> None:
    assert not set(split(KEY, 2, 3, token_bytes)) & set(split(KEY, 2, 3, token_bytes))


@given(bytes32, st.integers(2, 4), st.integers(0, 3), st.data())
def test_join__shares_of_an_independent_implementation__the_key(
    key: bytes, threshold: int, more: int, data: st.DataObject
) -> None:
    pair = st.tuples(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
    coefficients = data.draw(st.lists(pair, min_size=threshold - 1, max_size=threshold - 1))
    shares = shamir.deal(key, threshold + more, coefficients)
    assert join(shares[more:], threshold, _digests(shares)) == key


@given(bytes32, st.integers(2, 6), st.integers(0, 9))
def test_split__any_key__dealt_as_pycryptodome_joins_and_deals(key: bytes, threshold: int, more: int) -> None:
    dealt = split(key, threshold, threshold + more, token_bytes)
    for half in (slice(1, 17), slice(17, 33)):
        last = [(share[0], share[half]) for share in dealt[-threshold:]]
        first = [(share[0], share[half]) for share in dealt[:threshold]]
        assert Shamir.combine(last, ssss=False) == Shamir.combine(first, ssss=False)
    assert Shamir.combine([(s[0], s[1:17]) for s in dealt[-threshold:]], ssss=False) == key[:16]


@given(st.integers(0, 2**128 - 1), st.integers(1, 255))
def test_times__any_index__product_of_pycryptodomes_field(value: int, index: int) -> None:
    assert times(value, index) == int(_Element(value) * _Element(index))
