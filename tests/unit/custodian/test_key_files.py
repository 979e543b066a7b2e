"""Files of erasable keys after a kill at every system call: what was forgotten is in none, what was not is not lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salus.adapters.memory import SeededRandomness
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.errors import ConflictError, IntegrityError, NotFoundError
from salus.core.key_tree import KeyTree

PERIOD = "2026-11"
_CALLS = ("open", "fdopen", "fsync", "link", "close")
_PATHS = ("rename", "unlink", "open")


class Killed(BaseException):
    """The process is gone."""


class Axe:
    """Kills at the n-th system call that changes something, before it is done."""

    def __init__(self, patch: pytest.MonkeyPatch, after: int) -> None:
        self._left = after
        for name in _CALLS:
            patch.setattr(os, name, self._wrapped(getattr(os, name), always=name == "close"))
        for name in _PATHS:
            patch.setattr(Path, name, self._wrapped(getattr(Path, name)))

    def _wrapped(self, act: Callable[..., Any], *, always: bool = False) -> Callable[..., Any]:
        def acted(*args: Any, **named: Any) -> Any:
            if not always:
                if self._left == 0:
                    raise Killed
                self._left -= 1
            return act(*args, **named)

        return acted


def keys_in(folder: Path, number: int) -> set[bytes]:
    """Every key with this number that any file in the folder can make, whatever the file is called."""
    found = set()
    for file in folder.iterdir():
        for skipped in (0, 32):
            try:
                found.add(KeyTree.from_bytes(file.read_bytes()[skipped:]).key(number))
            except (IntegrityError, NotFoundError):
                continue
    return found


def kill_at_each_call(folder: Path, act: Callable[[FolderPeriodKeys], None], then: Callable[[int], None]) -> int:
    """Do something in a new process, killed at its first call, its second, and so on until it lives."""
    for after in range(1000):
        keys = FolderPeriodKeys(folder, SeededRandomness("later"))
        with pytest.MonkeyPatch.context() as patch:
            Axe(patch, after)
            try:
                act(keys)
            except Killed:
                pass
            else:
                return after
        then(after)
    raise AssertionError("it never ended")


def test_forget__killed_at_any_call__the_next_one_leaves_no_file_with_the_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys = FolderPeriodKeys(folder, SeededRandomness())
    given = dict(keys.fresh(PERIOD) for _ in range(200))
    numbers, gone = list(given), set[int]()

    def another_then(after: int) -> None:
        mine, other = numbers[2 * after : 2 * after + 2]
        FolderPeriodKeys(folder, SeededRandomness()).forget(PERIOD, [other])  # of another record: the first has to wait
        assert not keys_in(folder, other)
        FolderPeriodKeys(folder, SeededRandomness()).forget(PERIOD, [mine])
        assert not keys_in(folder, mine)
        gone.update((mine, other))
        left = FolderPeriodKeys(folder, SeededRandomness())
        assert all(left.past(PERIOD, number) == key for number, key in given.items() if number not in gone)

    place = iter(numbers[::2])
    calls = kill_at_each_call(folder, lambda one: one.forget(PERIOD, [next(place)]), another_then)
    assert calls > 10


def test_erase__after_a_forgetting_was_killed_at_any_call__leaves_no_file_with_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    number = FolderPeriodKeys(folder, SeededRandomness()).fresh(PERIOD)[0]

    def erased(_: int) -> None:
        FolderPeriodKeys(folder, SeededRandomness()).erase(PERIOD)
        assert keys_in(folder, number) == set()
        assert {file.name for file in folder.iterdir()} <= {".lock", ".giving"}
        FolderPeriodKeys(folder, SeededRandomness()).fresh(PERIOD)

    assert kill_at_each_call(folder, lambda one: one.forget(PERIOD, [number]), erased) > 10


def test_erase__killed_at_any_call__done_again_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    FolderPeriodKeys(folder, SeededRandomness()).fresh(PERIOD)

    def erased(_: int) -> None:
        FolderPeriodKeys(folder, SeededRandomness()).erase(PERIOD)
        assert {file.name for file in folder.iterdir()} <= {".lock", ".giving"}
        FolderPeriodKeys(folder, SeededRandomness()).fresh(PERIOD)

    assert kill_at_each_call(folder, lambda one: one.erase(PERIOD), erased) > 3


def test_fresh__killed_at_any_call__never_gives_a_number_twice(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    given: list[int] = []

    def again(_: int) -> None:
        number, key = FolderPeriodKeys(folder, SeededRandomness("again")).fresh(PERIOD)
        assert FolderPeriodKeys(folder, SeededRandomness()).past(PERIOD, number) == key
        given.append(number)

    assert kill_at_each_call(folder, lambda one: given.append(one.fresh(PERIOD)[0]), again) > 5
    assert len(set(given)) == len(given)


def test_forget__number_of_a_tree_that_was_lost__takes_no_key_of_the_new_one(tmp_path: Path) -> None:
    old = FolderPeriodKeys(tmp_path / "lost", SeededRandomness("lost"))
    new = FolderPeriodKeys(tmp_path / "keys", SeededRandomness("new"))
    before = [old.fresh(PERIOD)[0] for _ in range(20)]
    given = dict(new.fresh(PERIOD) for _ in range(20))
    new.forget(PERIOD, before)  # their rows are there still, and their records are destroyed now
    left = FolderPeriodKeys(tmp_path / "keys", SeededRandomness())
    assert {number: left.past(PERIOD, number) for number in given} == given


def test_forget__draft_of_a_killed_write__is_overwritten_before_it_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys = FolderPeriodKeys(folder, SeededRandomness())
    number = keys.fresh(PERIOD)[0]
    draft = folder / f"{PERIOD}.keys.new"
    draft.write_bytes((folder / f"{PERIOD}.keys").read_bytes())
    with draft.open("rb") as held:
        keys.forget(PERIOD, [number])
        assert not any(held.read())
    assert not draft.exists()


def test_keep_only__killed_at_any_call__named_keys_stay_and_the_others_go_at_the_next_try(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    named: dict[int, bytes] = {}
    unnamed: list[int] = []

    def give() -> None:
        keys = FolderPeriodKeys(folder, SeededRandomness())
        named.update([keys.fresh(PERIOD)])
        unnamed.append(keys.fresh(PERIOD)[0])

    def then(_: int) -> None:
        after = FolderPeriodKeys(folder, SeededRandomness())
        after.keep_only(PERIOD, named)
        assert {number: after.past(PERIOD, number) for number in named} == named
        assert not any(keys_in(folder, number) for number in unnamed)
        give()

    give()
    assert kill_at_each_call(folder, lambda one: one.keep_only(PERIOD, named), then) > 10


def test_keep_only__a_service_gives_out_keys__refuses_and_changes_nothing(tmp_path: Path) -> None:
    keys = FolderPeriodKeys(tmp_path / "keys", SeededRandomness())
    number, key = keys.fresh(PERIOD)
    with pytest.raises(ConflictError, match="stop it first"):
        FolderPeriodKeys(tmp_path / "keys", SeededRandomness()).keep_only(PERIOD, ())
    with pytest.raises(ConflictError, match="this process"):
        keys.keep_only(PERIOD, ())
    assert keys.past(PERIOD, number) == key


def test_keep_only__numbers_not_given_out_yet__are_given_out_after_it(tmp_path: Path) -> None:
    keys = FolderPeriodKeys(tmp_path / "keys", SeededRandomness())
    given = {keys.fresh(PERIOD)[0] for _ in range(10)}
    del keys
    FolderPeriodKeys(tmp_path / "keys", SeededRandomness()).keep_only(PERIOD, ())
    later = FolderPeriodKeys(tmp_path / "keys", SeededRandomness())
    number, key = later.fresh(PERIOD)
    assert number not in given
    assert later.past(PERIOD, number) == key
