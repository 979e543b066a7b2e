import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.cid import cid_of, digest_of
from salus.core.errors import InputError
from salus.core.hashing import sha256
from tests.unit.core.strategies import bytes32

HELLO = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
"""`ipfs add --cid-version=1 --raw-leaves` of "hello world" without a line end (IPFS documentation)."""
EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
"""CID of nothing, as in the IPFS specifications."""


@pytest.mark.parametrize(("content", "cid"), [(b"hello world", HELLO), (b"", EMPTY)])
def test_cid__known_content__known_cid(content: bytes, cid: str) -> None:
    assert cid_of(sha256(content)) == cid
    assert digest_of(cid) == sha256(content)


@given(bytes32)
def test_cid__any_digest__and_back(digest: bytes) -> None:
    cid = cid_of(digest)
    assert cid.startswith("bafkrei")
    assert len(cid) == 59
    assert digest_of(cid) == digest


@pytest.mark.parametrize("size", [0, 20, 31, 33, 64])
def test_cid_of__other_length__refused(size: int) -> None:
    with pytest.raises(InputError):
        cid_of(bytes(size))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        HELLO[:-1],
        HELLO + "a",
        HELLO.upper(),
        "B" + HELLO[1:],
        "z" + HELLO[1:],
        HELLO[:-1] + "f",  # the last character has bits beyond the last byte
        HELLO[:10] + "1" + HELLO[11:],
        HELLO + "=",
        " " + HELLO,
        HELLO + "\n",
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",  # dag-pb
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnR2eu"[:46],  # CIDv0
        "../" + HELLO,
        "bé" + HELLO[2:],
    ],
)
def test_digest_of__no_such_cid__refused(text: str) -> None:
    with pytest.raises(InputError):
        digest_of(text)


@given(bytes32, st.integers(0, 58), st.characters(min_codepoint=33, max_codepoint=126))
def test_digest_of__any_character_changed__never_the_same_digest(digest: bytes, at: int, character: str) -> None:
    cid = cid_of(digest)
    changed = cid[:at] + character + cid[at + 1 :]
    if changed == cid:
        return
    with contextlib.suppress(InputError):
        assert digest_of(changed) != digest
