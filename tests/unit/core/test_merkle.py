import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.errors import InputError, ProofError
from salus.core.hashing import Tag, keccak
from salus.core.ids import LeafHash
from salus.core.merkle import MerkleTree, check_proof, double_hash, records_leaf, records_root
from tests.unit.core.strategies import bytes32

leaf_lists = st.lists(bytes32, min_size=1, max_size=40)


def _reference_root(leaves: list[bytes]) -> bytes:
    """StandardMerkleTree again, as recursion over the heap instead of an array."""
    ordered = sorted(leaves)
    size = len(ordered)

    def node(i: int) -> bytes:
        if i >= size - 1:
            return ordered[2 * size - 2 - i]
        return keccak(b"".join(sorted((node(2 * i + 1), node(2 * i + 2)))))

    return node(0)


def test_tree__openzeppelin_example__its_root() -> None:
    # @openzeppelin/merkle-tree 1.0, README: [address, amount] of two accounts.
    rows = [
        (0x1111111111111111111111111111111111111111, 5 * 10**18),
        (0x2222222222222222222222222222222222222222, 25 * 10**17),
    ]
    leaves = [double_hash(account.to_bytes(32, "big") + amount.to_bytes(32, "big")) for account, amount in rows]
    assert MerkleTree(leaves).root.hex() == "d4dee0beab2d53f2cc83e567171bd2820e49898130a22622b10ead383e90bd77"


@given(leaf_lists)
def test_tree__any_leaves__root_of_the_reference(leaves: list[bytes]) -> None:
    assert MerkleTree(leaves).root == _reference_root(leaves)


@given(leaf_lists, st.randoms(use_true_random=False))
def test_tree__leaves_shuffled__same_root(leaves: list[bytes], chance: random.Random) -> None:
    shuffled = list(leaves)
    chance.shuffle(shuffled)
    assert MerkleTree(shuffled).root == MerkleTree(leaves).root


@given(leaf_lists)
def test_proof__every_leaf__leads_to_the_root(leaves: list[bytes]) -> None:
    tree = MerkleTree(leaves)
    for leaf in leaves:
        check_proof(leaf, tree.proof(leaf), tree.root)


@given(leaf_lists, bytes32)
def test_proof__leaf_not_in_the_tree__refused(leaves: list[bytes], other: bytes) -> None:
    if other not in leaves:
        with pytest.raises(ProofError):
            MerkleTree(leaves).proof(other)


@given(st.lists(bytes32, min_size=2, max_size=20, unique=True), st.data())
def test_check_proof__any_byte_changed__refused(leaves: list[bytes], data: st.DataObject) -> None:
    tree = MerkleTree(leaves)
    leaf = data.draw(st.sampled_from(leaves))
    parts = [leaf, *tree.proof(leaf), tree.root]
    which = data.draw(st.integers(0, len(parts) - 1))
    at, mask = data.draw(st.integers(0, 31)), data.draw(st.integers(1, 255))
    changed = bytearray(parts[which])
    changed[at] ^= mask
    parts[which] = bytes(changed)
    with pytest.raises(ProofError):
        check_proof(parts[0], parts[1:-1], parts[-1])


@given(st.lists(bytes32, min_size=3, max_size=20, unique=True))
def test_check_proof__step_left_out_or_added__refused(leaves: list[bytes]) -> None:
    tree = MerkleTree(leaves)
    proof = tree.proof(leaves[0])
    for wrong in (proof[:-1], proof[1:], (*proof, leaves[1])):
        with pytest.raises(ProofError):
            check_proof(leaves[0], wrong, tree.root)


def test_tree__inner_node__does_not_pose_as_an_encoded_leaf() -> None:
    # A leaf is a double hash of an encoding, an inner node a single hash of 64 bytes.
    left, right = double_hash(b"a" * 64), double_hash(b"b" * 64)
    tree = MerkleTree([left, right])
    assert double_hash(b"".join(sorted((left, right)))) != tree.root


def test_tree__no_leaves__refused() -> None:
    with pytest.raises(InputError):
        MerkleTree([])
    with pytest.raises(InputError):
        records_root([])


def test_tree__one_leaf__is_its_root() -> None:
    assert MerkleTree([b"\x01" * 32]).root == b"\x01" * 32
    assert MerkleTree([b"\x01" * 32]).proof(b"\x01" * 32) == ()


@given(st.lists(bytes32, min_size=2, max_size=10, unique=True))
def test_records_root__one_record_twice__another_root(leaves: list[bytes]) -> None:
    names = [LeafHash(leaf) for leaf in leaves]
    assert records_root([*names, names[0]]) != records_root(names)


@given(bytes32)
def test_records_leaf__of_a_leaf__tagged(leaf: bytes) -> None:
    assert records_leaf(LeafHash(leaf)) == keccak(keccak(Tag.RECORDS.value + leaf))
