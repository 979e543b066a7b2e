"""Rows that a bad disk or a hand has changed, when their record is destroyed: no other record loses its key by them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from custodian.audit import audit
from custodian.rules import Custodian
from custodian.sweeps import sweep_orders
from custodian.unnamed import forget_unnamed
from custodian.wrap import number_of, unwrap
from salus.adapters.database import custodian_tables as t
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.memory import MemoryCustodianStore
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.custody import WrappedShare
from salus.core.errors import ConflictError, NotFoundError
from salus.core.ids import LeafHash, hex32
from tests.custody_stage import Draft
from tests.databases import url_of
from tests.unit.custodian.test_mending import LOST, Scene


@pytest.fixture(params=["memory", "sqlite"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    made = Scene()
    keys = FolderPeriodKeys(tmp_path / "keys", secrets.token_bytes)
    store: Any = MemoryCustodianStore()
    if request.param == "sqlite":
        engine = open_engine(url_of(tmp_path / "custodian.db", "custodian"))
        migrate(engine, "custodian")
        store = DatabaseCustodianStore(engine)
    made.members[LOST] = replace(made.lost, store=store, keys=keys)
    yield made
    store.close()


def row(member: Custodian, leaf: LeafHash) -> tuple[int, WrappedShare]:
    [kept] = member.store.find([leaf])[leaf]
    return kept.key, member.store.shares([kept.key])[kept.key]


def damage(member: Custodian, leaf: LeafHash, **changes: Any) -> None:
    """Change `blob` or `period` behind the store's back."""
    key, wrapped = row(member, leaf)
    store: Any = member.store
    if isinstance(store, MemoryCustodianStore):
        store._shares[key] = replace(wrapped, **changes)
        return
    with store._engine.begin() as connection:
        connection.execute(update(t.share).where(t.share.c.record == key).values(**changes))


def test_destroy__damaged_row_names_the_key_of_another_record__that_one_still_opens(scene: Scene) -> None:
    case = scene.case(Draft(), Draft())
    (_, doomed), (_, other) = (row(scene.lost, leaf) for leaf in case.leaves)
    damage(scene.lost, case.leaves[0], blob=other.blob[:5] + doomed.blob[5:])
    scene.destroy(case, 0)
    assert scene.lost.store.find(case.leaves[:1]) == {}
    assert scene.share(scene.lost, case.leaves[1])


@pytest.mark.parametrize("changes", [{"blob": b""}, {"blob": b"\x02"}, {"blob": b"\x07" + bytes(90)}])
def test_destroy__row_does_not_say_which_key_it_has__is_erased_and_holds_up_nothing(
    scene: Scene, changes: dict[str, Any]
) -> None:
    """A custodian serves only once its sweep of orders has gone through."""
    case = scene.case(Draft(), Draft())
    damage(scene.lost, case.leaves[0], **changes)
    scene.order(case, 0)
    scene.stage.end_cooling_off()
    assert sweep_orders(scene.lost) == 1
    assert scene.lost.store.erased(case.leaves) == {case.leaves[0]}
    [entry] = scene.lost.store.log_of("destroy", 0)
    assert entry.content["keysLeft"] == 1


def test_destroy__row_that_was_damaged__its_older_copy_opens_no_more_once_unnamed_keys_are_forgotten(
    scene: Scene, tmp_path: Path
) -> None:
    case = scene.case(Draft(), Draft())
    _, copy = row(scene.lost, case.leaves[0])
    damage(scene.lost, case.leaves[0], blob=b"\x07" + copy.blob[1:])
    scene.destroy(case, 0)
    again = FolderPeriodKeys(tmp_path / "keys", secrets.token_bytes)
    scene.lost.keys._giving.close()  # type: ignore[attr-defined]  # the process that gave out keys has ended
    scene.members[LOST] = replace(scene.lost, keys=again)
    leaf, source = case.records[0].leaf, scene.stage.source
    body = {"sourceId": hex32(source.id), "recordId": hex32(leaf.record_id), "subjectRef": hex32(leaf.subject)}
    call = partial(scene.stage.call, "destroy", scene.lost.id, body, source.operator)
    with pytest.raises(ConflictError, match="its key is left"):
        scene.stage.ask(scene.lost.id, "destroy", call())
    forget_unnamed(scene.lost)
    assert scene.stage.ask(scene.lost.id, "destroy", call())["erased"] == 1
    with pytest.raises(NotFoundError):
        unwrap(copy, scene.stage.source.id, case.leaves[0], again)
    assert audit(scene.lost).is_whole


def test_destroy__row_names_a_key_that_nobody_has__is_not_attested_while_its_own_is_left(
    scene: Scene,
) -> None:
    case = scene.case(Draft(), Draft())
    _, copy = row(scene.lost, case.leaves[0])
    nobodys = (number_of(copy) ^ 3 << 24).to_bytes(4, "big")
    damage(scene.lost, case.leaves[0], blob=copy.blob[:1] + nobodys + copy.blob[5:])
    scene.destroy(case, 0)
    assert unwrap(copy, scene.stage.source.id, case.leaves[0], scene.lost.keys)  # what an old backup holds opens
    leaf, source = case.records[0].leaf, scene.stage.source
    body = {"sourceId": hex32(source.id), "recordId": hex32(leaf.record_id), "subjectRef": hex32(leaf.subject)}
    with pytest.raises(ConflictError, match="its key is left"):
        scene.stage.ask(scene.lost.id, "destroy", scene.stage.call("destroy", scene.lost.id, body, source.operator))


def test_destroy__row_names_by_one_flipped_bit_a_key_that_was_destroyed__loses_its_own(scene: Scene) -> None:
    """As a row does whose key went in a run that was killed: there nothing is left."""
    case = scene.case(*[Draft() for _ in range(3)])
    copies = {leaf: row(scene.lost, leaf)[1] for leaf in case.leaves}
    by_number = {number_of(copy): place for place, copy in enumerate(copies.values())}
    number = next(one for one in by_number if one ^ 1 in by_number)
    before, doomed = by_number[number ^ 1], by_number[number]
    scene.destroy(case, before)
    copy = copies[case.leaves[doomed]]
    damage(scene.lost, case.leaves[doomed], blob=copy.blob[:1] + (number ^ 1).to_bytes(4, "big") + copy.blob[5:])
    scene.destroy(case, doomed)
    with pytest.raises(NotFoundError):
        unwrap(copy, scene.stage.source.id, case.leaves[doomed], scene.lost.keys)
    [entry] = scene.lost.store.log_about(hex32(case.records[doomed].leaf.record_id), "destroy")
    assert "keysLeft" not in entry.content


@pytest.mark.parametrize("period", ["2021-01", "2026-1\x01"])
def test_destroy__row_names_a_period_that_is_gone_or_none__loses_its_own_key(scene: Scene, period: str) -> None:
    case = scene.case(Draft(), Draft())
    _, copy = row(scene.lost, case.leaves[0])
    damage(scene.lost, case.leaves[0], period=period)
    scene.destroy(case, 0)
    with pytest.raises(NotFoundError):
        unwrap(copy, scene.stage.source.id, case.leaves[0], scene.lost.keys)
    assert scene.share(scene.lost, case.leaves[1])


def test_destroy__row_damaged_in_its_ciphertext__loses_its_key_and_is_told_as_one_that_may_not_have(
    scene: Scene,
) -> None:
    case = scene.case(Draft(), Draft())
    _, copy = row(scene.lost, case.leaves[0])
    damage(scene.lost, case.leaves[0], blob=copy.blob[:-1] + bytes([copy.blob[-1] ^ 1]))
    scene.destroy(case, 0)
    with pytest.raises(NotFoundError):
        unwrap(copy, scene.stage.source.id, case.leaves[0], scene.lost.keys)
    assert scene.lost.store.log_of("destroy", 0)[0].content["keysLeft"] == 1  # its number could be what is damaged


def test_forget_unnamed__deposit_of_a_service_that_came_and_went_meanwhile__keeps_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started and stopped after the rows were read and before the keys are locked."""
    scene, folder = Scene(), tmp_path / "keys"
    scene.members[LOST] = replace(scene.lost, keys=FolderPeriodKeys(folder, secrets.token_bytes))
    scene.case(Draft())
    scene.lost.keys._giving.close()  # type: ignore[attr-defined]  # that process has ended
    scene.members[LOST] = replace(scene.lost, keys=FolderPeriodKeys(folder, secrets.token_bytes))
    one, came = scene.lost, []
    wrapped_in = one.store.wrapped_in

    def and_a_deposit(period: str) -> Any:
        rows = list(wrapped_in(period))
        service = FolderPeriodKeys(folder, secrets.token_bytes)
        scene.members[LOST] = replace(one, keys=service)
        try:
            came.append(scene.case(Draft()))
        except ConflictError:
            return rows  # it could not begin while keys are locked
        finally:
            if service._giving:
                service._giving.close()
        return rows

    monkeypatch.setattr(one.store, "wrapped_in", and_a_deposit)
    forget_unnamed(one)
    monkeypatch.undo()
    scene.members[LOST] = replace(one, keys=FolderPeriodKeys(folder, secrets.token_bytes))
    for case in came:
        assert scene.share(scene.lost, case.leaves[0])
    assert audit(scene.lost).is_whole
