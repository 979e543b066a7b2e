"""Following, restarting, rebuilding, and a chain that changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from salus.core.errors import UnavailableError
from salus.core.ids import chain_key
from salus.core.ports import ChainEvent
from salus.core.ports_index import AccessFilter, EntryFilter, IndexStore, Page
from tests.unit.watch.ledger import HOLDER, HOSPITAL, Ledger, one_day, word
from watch.index import Indexer, rebuild

ALL = Page(limit=1000)


def follow(ledger: Ledger, store: IndexStore, span: int = 500) -> None:
    for _ in Indexer(ledger, store, span=span).catch_up():
        pass


@pytest.mark.parametrize("span", [1, 2, 5])
def test_digest__indexed_in_small_ranges__equals_one_range(
    ledger: Ledger, make_store: Callable[[], IndexStore], span: int
) -> None:
    whole, parts = make_store(), make_store()
    follow(ledger, whole)
    follow(ledger, parts, span)
    assert whole.digest() == parts.digest()


def test_digest__of_both_forms__is_the_same(ledger: Ledger, index: IndexStore) -> None:
    from salus.adapters.memory.index import MemoryIndex

    other = MemoryIndex()
    follow(ledger, other)
    assert other.digest() == index.digest()


def test_rebuild__after_following_block_by_block__gives_the_same_digest(
    make_store: Callable[[], IndexStore],
) -> None:
    ledger, live = Ledger(), make_store()
    mine = ledger.mine

    def mine_and_follow() -> object:
        stamp = mine()
        follow(ledger, live)
        return stamp

    ledger.mine = mine_and_follow  # type: ignore[method-assign, assignment] # the watch looks after every block
    one_day(ledger)
    ledger.mine = mine  # type: ignore[method-assign] # as it was
    assert rebuild(ledger, make_store(), ledger.head().number) == live.digest()


def test_rebuild__up_to_an_earlier_block__stops_there(ledger: Ledger, make_store: Callable[[], IndexStore]) -> None:
    assert rebuild(ledger, make_store(), 5).block == 5


def test_next_range__nothing_new__writes_nothing(ledger: Ledger, index: IndexStore) -> None:
    before = index.digest()
    assert Indexer(ledger, index).next_range() is None
    assert index.digest() == before


def test_next_range__blocks_not_final__are_not_read(ledger: Ledger, store: IndexStore) -> None:
    ledger.final_depth = 3
    follow(ledger, store)
    assert store.indexed() == ledger.block(ledger.head().number - 3)


def test_write__the_same_range_again__changes_nothing(ledger: Ledger, index: IndexStore) -> None:
    before, counts = index.digest(), index.counts()
    index.write(7, ())
    assert index.indexed() == ledger.block(6)
    follow(ledger, index)
    assert index.digest() == before
    assert index.counts() == counts


@pytest.mark.parametrize("dropped", [1, 2, 5, 14])
def test_check_fork__newest_blocks_replaced__index_equals_a_fresh_one(
    ledger: Ledger, index: IndexStore, make_store: Callable[[], IndexStore], dropped: int
) -> None:
    seen = ledger.head().number
    ledger.shorten(dropped)
    for i in range(dropped + 1):
        ledger.request(word(f"late {i}"), HOSPITAL, word("consent 1"), chain_key(HOLDER), code=22)
        ledger.mine()
    fork = Indexer(ledger, index).check_fork()
    assert fork is not None
    assert (fork.seen, fork.shortened) == (seen, False)
    assert fork.common is not None
    assert fork.common <= seen - dropped
    follow(ledger, index)
    fresh = make_store()
    follow(ledger, fresh)
    assert index.digest() == fresh.digest()
    assert index.counts() == fresh.counts()


def test_check_fork__chain_shortened__drops_what_is_gone(ledger: Ledger, index: IndexStore) -> None:
    ledger.shorten(4)
    fork = Indexer(ledger, index).check_fork()
    assert fork is not None
    assert fork.shortened
    last = index.indexed()
    assert last is not None
    assert last.number <= ledger.head().number
    assert all(e.block <= last.number for e in index.entries(EntryFilter(), ALL).items)


def test_check_fork__other_chain_altogether__starts_over(ledger: Ledger, store: IndexStore) -> None:
    follow(ledger, store, span=4)
    other = Ledger()
    other._branch = 99
    one_day(other)
    fork = Indexer(other, store).check_fork()
    assert fork is not None
    assert fork.common in (None, 0)
    follow(other, store)
    assert store.accesses(AccessFilter(), ALL).items


def test_check_fork__same_chain__is_none(ledger: Ledger, index: IndexStore) -> None:
    assert Indexer(ledger, index).check_fork() is None


def test_next_range__chain_changes_while_read__writes_nothing(ledger: Ledger, store: IndexStore) -> None:
    class Changing(Ledger):
        def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
            found = super().events(first_block, last_block)
            self.shorten(2)
            self.mine()
            self.mine()
            return found

    changing = Changing()
    one_day(changing)
    with pytest.raises(UnavailableError):
        Indexer(changing, store).next_range()
    assert store.indexed() is None
