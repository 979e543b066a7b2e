"""A tree of keys: what a leaf's key is, and that what was taken away stays away."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.errors import IntegrityError, NotFoundError
from salus.core.key_tree import DEPTH, KeyTree

ROOT = bytes(range(32))
LEAVES = st.integers(0, 2**DEPTH - 1)


def by_the_definition(leaf: int) -> bytes:
    node = ROOT
    for step in range(DEPTH):
        node = hmac.new(node, b"salus.tree.v1" + bytes([leaf >> (DEPTH - 1 - step) & 1]), "sha256").digest()
    return hmac.new(node, b"salus.tree.v1\x02", "sha256").digest()


@given(st.lists(LEAVES, max_size=12), st.lists(LEAVES, min_size=1, max_size=12))
def test_tree__without_some__has_all_others_and_none_of_these(gone: list[int], asked: list[int]) -> None:
    tree = KeyTree.fresh(ROOT).without(gone)
    for leaf in [*asked, *gone, *(leaf ^ 1 for leaf in gone)]:
        if leaf in gone:
            with pytest.raises(NotFoundError):
                tree.key(leaf)
        else:
            assert tree.key(leaf) == by_the_definition(leaf)


@given(st.lists(LEAVES, max_size=12), st.lists(LEAVES, max_size=12))
def test_tree__taken_away_in_two_steps_or_in_another_order__is_the_same(first: list[int], second: list[int]) -> None:
    tree = KeyTree.fresh(ROOT)
    stored = tree.without(first).without(second).to_bytes()
    assert stored == tree.without([*second, *first, *second]).to_bytes()
    assert KeyTree.from_bytes(stored).to_bytes() == stored


@given(st.sets(LEAVES, min_size=1, max_size=8))
def test_tree__without_some__holds_no_node_above_them(gone: set[int]) -> None:
    tree = KeyTree.fresh(ROOT).without(gone)
    stored = tree.to_bytes()
    for leaf in gone:
        node = ROOT
        for step in range(DEPTH):
            assert node not in stored
            node = hmac.new(node, b"salus.tree.v1" + bytes([leaf >> (DEPTH - 1 - step) & 1]), "sha256").digest()
        assert node not in stored
    assert tree.size <= DEPTH * len(gone)


def test_tree__numbers_in_a_row__are_as_by_the_definition() -> None:
    tree = KeyTree.fresh(ROOT).without([5])
    for leaf in [0, 1, 2, 3, 4, 6, 7, 8, 2**31, 2**32 - 1, 2]:
        assert tree.key(leaf) == by_the_definition(leaf)
    for leaf in (-1, 2**32):
        with pytest.raises(NotFoundError):
            tree.key(leaf)


@pytest.mark.parametrize("stored", [b"x", bytes([33]) + bytes(36), bytes([1]) + (2).to_bytes(4, "big") + ROOT])
def test_tree__bytes_of_no_tree__are_refused(stored: bytes) -> None:
    with pytest.raises(IntegrityError):
        KeyTree.from_bytes(stored)


@given(
    st.lists(LEAVES, max_size=8),
    st.sets(st.integers(0, 40), max_size=30),
    st.integers(0, 48),
    st.lists(st.integers(0, 48), max_size=10),
)
def test_tree__only_some__has_these_and_all_that_come_later_and_none_beside(
    far: list[int], kept: set[int], onward: int, gone: list[int]
) -> None:
    tree = KeyTree.fresh(ROOT).without(gone).only(kept, onward)
    for leaf in [*range(64), *far]:
        if leaf in gone or (leaf < onward and leaf not in kept):
            with pytest.raises(NotFoundError):
                tree.key(leaf)
        else:
            assert tree.key(leaf) == by_the_definition(leaf)


def test_tree__a_million_of_two_million_kept__is_as_small_as_their_runs() -> None:
    tree = KeyTree.fresh(ROOT).only(range(500_000, 1_500_000), 2_000_000)
    assert tree.size < 4 * DEPTH
    assert tree.key(500_000) == by_the_definition(500_000)
    with pytest.raises(NotFoundError):
        tree.key(499_999)
