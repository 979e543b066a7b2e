"""Older copies of a custodian's database after it was begun anew: they open nothing that is destroyed since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from custodian.audit import audit
from custodian.ports import CustodianStore
from custodian.unnamed import forget_unnamed
from custodian.wrap import unwrap
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.memory import MemoryCustodianStore
from salus.core.custody import WrappedShare
from salus.core.errors import ConflictError, NotFoundError
from tests.custody_stage import Case, Draft
from tests.databases import url_of
from tests.unit.custodian.test_mending import LOST, Scene


@pytest.fixture(params=["memory", "sqlite"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CustodianStore]:
    """The store that is begun anew."""
    if request.param == "memory":
        yield MemoryCustodianStore()
        return
    engine = open_engine(url_of(tmp_path / "custodian.db", "custodian"))
    migrate(engine, "custodian")
    store = DatabaseCustodianStore(engine)
    yield store
    store.close()


def copied(scene: Scene, case: Case) -> list[WrappedShare]:
    """What a copy of the database holds of a case."""
    kept = scene.lost.store.find(case.leaves)
    return list(scene.lost.store.shares(one.key for leaf in case.leaves for one in kept[leaf]).values())


def opened(scene: Scene, case: Case, copy: list[WrappedShare]) -> int:
    """How many shares of an older copy the custodian's keys still open."""
    found = 0
    for wrapped, leaf in zip(copy, case.leaves, strict=True):
        try:
            unwrap(wrapped, scene.stage.source.id, leaf, scene.lost.keys)
        except NotFoundError:
            continue
        found += 1
    return found


def begin_anew(scene: Scene, store: CustodianStore) -> None:
    """The database is lost and the keys are not; shares come back by repair."""
    scene.members[LOST] = replace(scene.lost, store=store)
    assert scene.mend().open == []


def test_forget_unnamed__after_a_repair__older_copies_open_nothing_and_what_is_here_stays(
    empty: CustodianStore,
) -> None:
    scene = Scene()
    case = scene.case(Draft(name="gone"), Draft(name="stays"))
    copy = copied(scene, case)
    begin_anew(scene, empty)
    assert opened(scene, case, copy) == 2  # which is why there is this command
    found = forget_unnamed(scene.lost)
    assert (found.periods, found.kept) == (1, 2)
    assert opened(scene, case, copy) == 0
    assert audit(scene.lost).is_whole
    scene.destroy(case, 0)
    assert scene.kinds(scene.lost).count("keys") == 1


def test_forget_unnamed__not_everything_is_here__refuses_and_older_copies_still_open() -> None:
    scene = Scene()
    case = scene.case(Draft())
    copy = copied(scene, case)
    scene.members[LOST] = replace(scene.lost, store=MemoryCustodianStore())
    with pytest.raises(ConflictError, match="older copies may be needed"):
        forget_unnamed(scene.lost)
    assert opened(scene, case, copy) == 1
    forget_unnamed(scene.lost, anyway=True)
    assert opened(scene, case, copy) == 0


def test_forget_unnamed__done_twice_and_then_a_deposit__loses_nothing(empty: CustodianStore) -> None:
    scene = Scene()
    first = scene.case(Draft())
    begin_anew(scene, empty)
    forget_unnamed(scene.lost)
    forget_unnamed(scene.lost)
    later = scene.case(Draft())
    assert audit(scene.lost).is_whole
    for leaf in (*first.leaves, *later.leaves):
        assert scene.share(scene.lost, leaf)
