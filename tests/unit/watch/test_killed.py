"""A watch that dies beside a write of its index has lost no alert when it comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from salus.core.ports_index import AlertKind, IndexStore
from tests.unit.watch.ledger import Ledger, word
from tests.unit.watch.test_gaps import follower, open_kinds, place_of


class Killed(BaseException):
    """The process died here."""


class Dying:
    """An index whose process dies before or after its first write."""

    def __init__(self, store: IndexStore, *, written: bool) -> None:
        self._store = store
        self._written = written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def write(self, first_block: int, rows: Any) -> None:
        if self._written:
            self._store.write(first_block, rows)
        raise Killed


def die(ledger: Ledger, store: IndexStore, *, written: bool) -> None:
    with pytest.raises(Killed):
        follower(ledger, Dying(store, written=written)).step()  # type: ignore[arg-type]  # it passes all on


@pytest.mark.parametrize("written", [False, True])
def test_step__killed_beside_the_write_of_a_range__raises_what_it_would_have_raised(
    written: bool, ledger: Ledger, make_store: Callable[[], IndexStore]
) -> None:
    ledger.hidden.add(place_of(ledger, word("access 1")))
    calm, killed = make_store(), make_store()
    follower(ledger, calm).step()
    die(ledger, killed, written=written)
    follower(ledger, killed).step()
    assert {AlertKind.ENTRY_GAP, AlertKind.ENTRY_UNEXPLAINED} <= open_kinds(killed)
    assert open_kinds(killed) == open_kinds(calm)
    assert killed.digest() == calm.digest()


@pytest.mark.parametrize("written", [False, True])
def test_step__killed_beside_the_way_back_from_a_fork__still_says_that_the_chain_was_shortened(
    written: bool, ledger: Ledger, index: IndexStore
) -> None:
    ledger.shorten(4)
    die(ledger, index, written=written)
    follower(ledger, index).step()
    assert AlertKind.CHAIN_SHORTENED in open_kinds(index)
