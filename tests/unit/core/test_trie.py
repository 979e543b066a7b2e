"""Proofs of tries built in tests/unit/core/tries.py, and nodes no trie holds under roots that name them."""

import random
from typing import Any

import pytest
import rlp as pyrlp
from hypothesis import example, given
from hypothesis import strategies as st

from salus.core.errors import ProofError
from salus.core.hashing import keccak
from salus.core.trie import EMPTY_ROOT, nibbles, value_at, value_on
from tests.unit.core.tries import Trie

# Few digits and short paths make branches with values, extensions and nodes short enough to stand inside.
paths = st.text("01f", max_size=6)
values = st.binary(min_size=1, max_size=3) | st.binary(min_size=30, max_size=40)
contents = st.dictionaries(paths, values, max_size=25)
secure = st.dictionaries(st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=40), max_size=40)


def _secure(content: dict[bytes, bytes]) -> Trie:
    return Trie({keccak(key).hex(): value for key, value in content.items()})


def test_root__of_nothing__the_known_one() -> None:
    assert EMPTY_ROOT.hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
    assert Trie({}).root == EMPTY_ROOT


def test_trie_of_the_tests__known_example__its_root() -> None:
    # ethereum/tests, TrieTests/trietest.json "dogs": the builder the proofs come from is itself right.
    dogs = {"doe": "reindeer", "dog": "puppy", "dogglesworth": "cat"}
    trie = Trie({key.encode().hex(): value.encode() for key, value in dogs.items()})
    assert trie.root.hex() == "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3"


@given(contents)
def test_value_on__every_path_of_a_trie__its_value(content: dict[str, bytes]) -> None:
    trie = Trie(content)
    for path, value in content.items():
        assert value_on(trie.root, path, trie.prove(path)) == value


@given(contents, paths)
def test_value_on__any_path__its_value_or_absent(content: dict[str, bytes], path: str) -> None:
    trie = Trie(content)
    assert value_on(trie.root, path, trie.prove(path)) == content.get(path)


@given(secure, st.binary(min_size=1, max_size=4))
def test_value_at__any_key_of_a_secure_trie__its_value_or_absent(content: dict[bytes, bytes], key: bytes) -> None:
    trie = _secure(content)
    for asked in {key, *content}:
        assert value_at(trie.root, asked, trie.prove(keccak(asked).hex())) == content.get(asked)


def test_value_at__empty_trie__absent_with_and_without_its_node() -> None:
    assert value_at(EMPTY_ROOT, b"key", []) is None
    assert value_at(EMPTY_ROOT, b"key", [b"\x80"]) is None


@given(contents.filter(bool), paths, st.randoms(use_true_random=False))
def test_value_on__any_nodes_of_the_trie_in_any_order__the_truth_or_refused(
    content: dict[str, bytes], path: str, chance: random.Random
) -> None:
    trie = Trie(content)
    asked = chance.choice([path, *content])
    nodes = chance.choices(list(trie.listed.values()), k=chance.randrange(5))
    for shown in (nodes, trie.prove(chance.choice(list(content)))):
        try:
            assert value_on(trie.root, asked, shown) == content.get(asked)
        except ProofError:
            continue


@given(contents.filter(bool), st.data())
def test_value_on__nodes_left_out__refused_and_never_absent(content: dict[str, bytes], data: st.DataObject) -> None:
    trie = Trie(content)
    path = data.draw(st.sampled_from(sorted(content)) | paths)
    nodes = trie.prove(path)
    left_out = data.draw(st.sets(st.integers(0, len(nodes) - 1), min_size=1))
    with pytest.raises(ProofError):
        value_on(trie.root, path, [node for i, node in enumerate(nodes) if i not in left_out])


@given(contents, paths, st.data())
def test_value_on__surplus_node__refused(content: dict[str, bytes], path: str, data: st.DataObject) -> None:
    trie = Trie(content)
    nodes = trie.prove(path)
    surplus = data.draw(st.sampled_from(sorted(trie.listed.values())) | st.binary(max_size=40))
    with pytest.raises(ProofError):
        value_on(trie.root, path, [*nodes, surplus])


@given(contents, paths, st.data())
def test_value_on__a_bit_turned__refused(content: dict[str, bytes], path: str, data: st.DataObject) -> None:
    trie = Trie(content)
    nodes = trie.prove(path)
    which = data.draw(st.integers(0, len(nodes) - 1))
    place = data.draw(st.integers(0, 8 * len(nodes[which]) - 1))
    turned = bytearray(nodes[which])
    turned[place // 8] ^= 1 << place % 8
    with pytest.raises(ProofError):
        value_on(trie.root, path, [*nodes[:which], bytes(turned), *nodes[which + 1 :]])


@given(contents.filter(bool), paths, st.binary(max_size=33))
@example({"0": b"1"}, "0", b"")
def test_value_on__another_root__refused(content: dict[str, bytes], path: str, root: bytes) -> None:
    with pytest.raises(ProofError):
        value_on(root, path, Trie(content).prove(path))


@pytest.mark.parametrize("root", [b"", bytes(31), bytes(32), keccak(b"")])
def test_value_on__no_nodes_under_another_root__refused(root: bytes) -> None:
    with pytest.raises(ProofError):
        value_on(root, "00", [])


LONG = b"a value that is too long to stand inside a node"
HASH = keccak(b"a child")


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (b"text", "no list"),
        (b"\1" * 40, "no list"),
        ([], "an empty one"),
        ([b"\x20", b"a", b"b"], "neither 17 items nor two"),
        ([b""] * 16, "neither 17 items nor two"),
        ([HASH[:31]] * 16 + [b""], "neither hash nor content"),
        ([HASH + b"\0"] * 16 + [b""], "neither hash nor content"),
        ([[]] * 16 + [b""], "empty or long"),
        ([[b"\x31", LONG]] * 16 + [b""], "empty or long"),
        ([b"", HASH], "partial path"),
        ([[b"\x20"], LONG], "partial path"),
        ([b"\x40", LONG], "unknown prefix"),
        ([b"\xf0", LONG], "unknown prefix"),
        ([b"\x01", HASH], "unknown prefix"),  # even, with padding that is not zero
        ([b"\x21", LONG], "unknown prefix"),
        ([b"\x20", b""], "holds nothing"),
        ([b"\x20", [b"a"]], "is a list"),
        ([b"\x00", HASH], "leads nowhere"),
        ([b"\x10", b""], "leads nowhere"),
        ([b"\x10", b"child"], "neither hash nor content"),
    ],
)
def test_value_on__malformed_node_that_the_root_names__refused(node: Any, why: str) -> None:
    raw = pyrlp.encode(node)
    with pytest.raises(ProofError, match=why):
        value_on(keccak(raw), "00", [raw])


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\xc0\x80", b"\xf8\x01\x80", b"\xc2\x81\x00", b"\xc1" * 40 + b"\xc0"])
def test_value_on__node_that_is_no_canonical_rlp__refused(raw: bytes) -> None:
    with pytest.raises(ProofError):
        value_on(keccak(raw), "00", [raw])


def test_value_on__short_node_beside_its_parent__refused() -> None:
    short = pyrlp.encode([b"\x20", b"a"])
    raw = pyrlp.encode([keccak(short), *[b""] * 16])
    with pytest.raises(ProofError, match="beside"):
        value_on(keccak(raw), "0", [raw, short])


def test_value_on__value_of_a_branch_that_is_a_list__refused() -> None:
    raw = pyrlp.encode([*[b""] * 15, [b"\x20", b"a"], [b"a"]])
    with pytest.raises(ProofError, match="is a list"):
        value_on(keccak(raw), "", [raw])


def test_nibbles__of_a_key__its_hex_digits() -> None:
    assert nibbles(b"\x0f\xa0") == "0fa0"
