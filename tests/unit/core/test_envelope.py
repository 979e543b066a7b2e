import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.envelope import SUITE_NESTED, SUITE_SINGLE, Header, header_for, parse, seal
from salus.core.errors import EnvelopeError
from salus.core.hashing import sha256
from tests.unit.core.strategies import bytes32
from tests.vectors.samples import raw32

KEY, NONCE = raw32("key"), raw32("nonce")[:12]
HEADER = Header(2, (raw32("s1"), raw32("s2"), raw32("s3")))
headers = st.lists(bytes32, min_size=1, max_size=6).flatmap(
    lambda digests: st.integers(1, len(digests)).map(lambda threshold: Header(threshold, tuple(digests)))
)
suites = st.sampled_from([SUITE_SINGLE, SUITE_NESTED])


@given(st.binary(max_size=200), bytes32, st.binary(min_size=12, max_size=12), headers, suites)
def test_seal__anything__opens_to_it(plaintext: bytes, key: bytes, nonce: bytes, header: Header, suite: int) -> None:
    parsed = parse(seal(plaintext, key, nonce, header, suite))
    assert parsed.open(key) == plaintext
    assert (parsed.header, parsed.suite, parsed.nonce) == (header, suite, nonce)


def test_seal__layout__as_the_protocol_page() -> None:
    raw = seal(b"text", KEY, NONCE, HEADER)
    assert raw[:5] == b"SLE1\x01"
    assert raw[5:17] == NONCE
    assert int.from_bytes(raw[17:19], "big") == 2 + 3 * 32
    assert raw[19:117] == bytes([2, 3]) + b"".join(HEADER.share_digests)
    assert len(raw) == 117 + len(b"text") + 16


def test_open__every_single_byte_changed__caught() -> None:
    raw = seal(b"content", KEY, NONCE, HEADER)
    for at in range(len(raw)):
        for mask in (0x01, 0x03, 0x80, 0xFF):
            changed = bytearray(raw)
            changed[at] ^= mask
            with pytest.raises(EnvelopeError):
                parse(bytes(changed)).open(KEY)


def test_open__cut_or_lengthened_anywhere__caught() -> None:
    raw = seal(b"content", KEY, NONCE, HEADER)
    for end in range(len(raw)):
        with pytest.raises(EnvelopeError):
            parse(raw[:end]).open(KEY)
    with pytest.raises(EnvelopeError):
        parse(raw + b"\x00").open(KEY)


@given(bytes32)
def test_open__another_key__caught(key: bytes) -> None:
    if key != KEY:
        with pytest.raises(EnvelopeError):
            parse(seal(b"content", KEY, NONCE, HEADER)).open(key)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_open__key_of_another_length__caught(size: int) -> None:
    with pytest.raises(EnvelopeError):
        parse(seal(b"content", KEY, NONCE, HEADER)).open(bytes(size))


def test_open__prefix_of_another_envelope__caught() -> None:
    one, other = seal(b"one", KEY, NONCE, HEADER), seal(b"two", KEY, raw32("n2")[:12], HEADER)
    end = len(one) - len(b"one") - 16
    with pytest.raises(EnvelopeError):
        parse(other[:end] + one[end:]).open(KEY)


@pytest.mark.parametrize(
    ("key", "nonce", "suite"),
    [(KEY[:31], NONCE, 1), (KEY, NONCE[:11], 1), (KEY, NONCE + b"\x00", 1), (KEY, NONCE, 0), (KEY, NONCE, 3)],
)
def test_seal__malformed__refused(key: bytes, nonce: bytes, suite: int) -> None:
    with pytest.raises(ValueError):
        seal(b"", key, nonce, HEADER, suite)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02",
        b"\x00\x00",
        b"\x00\x01" + bytes(32),
        b"\x02\x01" + bytes(32),
        b"\x01\x01" + bytes(31),
        b"\x01\x02" + bytes(32),
    ],
)
def test_header__malformed__refused(raw: bytes) -> None:
    with pytest.raises(EnvelopeError):
        Header.from_bytes(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"SLE1", b"SLE2" + bytes(200), b"SLE1\x03" + bytes(200), b"SLE1\x01" + b"\xff" * 40]
)
def test_parse__no_envelope__refused(raw: bytes) -> None:
    with pytest.raises(EnvelopeError):
        parse(raw)


@given(st.binary(max_size=300))
def test_parse__any_bytes__refused_or_an_envelope_and_no_other_error(raw: bytes) -> None:
    for candidate in (raw, b"SLE1" + raw, b"SLE1\x01" + raw):
        try:
            parse(candidate)
        except EnvelopeError:
            continue


def test_header_for__shares__their_digests_in_order() -> None:
    shares = (b"\x01" * 33, b"\x02" * 33)
    assert header_for(2, shares) == Header(2, (sha256(shares[0]), sha256(shares[1])))
