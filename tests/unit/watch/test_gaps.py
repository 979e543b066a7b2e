"""A log that does not add up is noticed, and a log that does again is trusted again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.core.audit import EntryKind
from salus.core.ids import chain_key
from salus.core.ports_index import Alert, AlertKind, IndexStore, Page
from tests.unit.watch.ledger import HOLDER, HOSPITAL, Ledger, account, deploy, one_day, word
from watch.alerts import acknowledge
from watch.follow import Follower
from watch.metrics import Metrics


def open_kinds(store: IndexStore) -> set[AlertKind]:
    return {alert.kind for alert in store.alerts(open_only=True, page=Page(limit=1000)).items}


def place_of(ledger: Ledger, access: bytes) -> tuple[int, int]:
    """Block and index of an access's log entry."""
    for event in ledger.events(0, ledger.head().number):
        if event.name == "Appended" and event.args["referenceId"] == access:
            return event.block_number, event.log_index
    raise AssertionError


def follower(ledger: Ledger, store: IndexStore) -> Follower:
    return Follower(ledger, store, Metrics())


def test_step__honest_chain__is_ready_and_raises_nothing_grave(ledger: Ledger, store: IndexStore) -> None:
    watch = follower(ledger, store)
    watch.step()
    assert watch.status.reasons == ()
    assert watch.status.lag == 0
    assert open_kinds(store) == set()


def test_step__entry_hidden_by_the_node__raises_gap_and_mismatch(ledger: Ledger, store: IndexStore) -> None:
    ledger.hidden.add(place_of(ledger, word("access 1")))
    watch = follower(ledger, store)
    watch.step()
    assert {AlertKind.ENTRY_GAP, AlertKind.HEAD_MISMATCH, AlertKind.ENTRY_UNEXPLAINED} <= open_kinds(store)
    assert watch.status.reasons


def test_step__last_entry_hidden__still_raises_mismatch(ledger: Ledger, store: IndexStore) -> None:
    last = [e for e in ledger.events(0, ledger.head().number) if e.name == "Appended"][-1]
    ledger.hidden.add((last.block_number, last.log_index))
    follower(ledger, store).step()
    assert AlertKind.HEAD_MISMATCH in open_kinds(store)


@pytest.mark.parametrize(
    "change",
    [
        {"code": 99},
        {"kind": 2},
        {"referenceId": word("forged")},
        {"time": 1},
        {"emitter": account("other")},
        {"key": word("other chain")},
    ],
)
def test_step__any_field_of_an_entry_altered__raises_mismatch(
    ledger: Ledger, store: IndexStore, change: dict[str, object]
) -> None:
    ledger.tamper(*place_of(ledger, word("access 1")), **change)
    follower(ledger, store).step()
    assert AlertKind.HEAD_MISMATCH in open_kinds(store)


def test_step__entry_by_a_contract_never_admitted__raises_unknown_writer(store: IndexStore) -> None:
    ledger = Ledger()
    deploy(ledger)
    ledger.append("Council", word("key"), EntryKind.HOLD_SET, 1, word("x"))
    ledger.mine()
    follower(ledger, store).step()
    assert open_kinds(store) == {AlertKind.UNKNOWN_WRITER}


def test_step__access_without_its_event__raises_unexplained(store: IndexStore) -> None:
    ledger = Ledger()
    deploy(ledger)
    ledger.append("AccessGateway", chain_key(HOLDER), EntryKind.ACCESS_GRANTED, 1, word("ghost"))
    ledger.mine()
    follower(ledger, store).step()
    (alert,) = store.alerts(open_only=True, page=Page()).items
    assert (alert.kind, alert.reference) == (AlertKind.ENTRY_UNEXPLAINED, word("ghost"))


def test_step__event_nobody_knows__raises_unknown_event_once(ledger: Ledger, store: IndexStore) -> None:
    watch = follower(ledger, store)
    for _ in range(3):
        ledger.emit("AccessGateway", "AccessPainted", colour=3)
        ledger.mine()
        watch.step()
    (alert,) = store.alerts(open_only=True, page=Page()).items
    assert (alert.kind, alert.reference) == (AlertKind.UNKNOWN_EVENT, b"AccessGateway.AccessPainted")


def test_step__chain_replaced__raises_changed_and_repairs_the_mismatch(ledger: Ledger, store: IndexStore) -> None:
    watch = follower(ledger, store)
    block, index = place_of(ledger, word("access 4"))
    ledger.hidden.add((block, index))
    watch.step()
    assert watch.status.reasons
    ledger.hidden.clear()
    ledger.shorten(ledger.head().number - block + 1)
    for _ in range(9):
        ledger.request(word(f"new {ledger.now}"), HOSPITAL, word("consent 2"), chain_key(HOLDER), code=20)
        ledger.mine()
    watch.step()
    assert open_kinds(store) & {AlertKind.HEAD_MISMATCH, AlertKind.ENTRY_GAP} == set()
    assert AlertKind.CHAIN_CHANGED in open_kinds(store)


def test_step__chain_shortened__raises_shortened_and_goes_on(ledger: Ledger, store: IndexStore) -> None:
    watch = follower(ledger, store)
    watch.step()
    ledger.shorten(3)
    watch.step()
    assert open_kinds(store) == {AlertKind.CHAIN_SHORTENED}
    assert watch.status.lag == 0
    assert dict(watch.status.open_alerts) == {"chain-shortened": 1}
    assert watch.status.reasons == ()


def test_step__emergency_unreviewed__raises_until_reviewed(store: IndexStore) -> None:
    ledger = Ledger()
    one_day(ledger)
    last = ledger.head().number
    place = next(e for e in ledger.events(0, last) if e.name == "AccessReviewed")
    ledger.final_depth = last - place.block_number + 1
    watch = follower(ledger, store)
    watch.step()
    assert open_kinds(store) == {AlertKind.EMERGENCY_OPENED}
    ledger.final_depth = 0
    watch.step()
    assert open_kinds(store) == set()


def test_raise_alert__same_cause_again__is_kept_once(store: IndexStore) -> None:
    alert = Alert(AlertKind.CHAIN_CHANGED, b"\x01", 3, 5, "indexed again")
    assert store.raise_alert(alert) is True
    assert store.raise_alert(alert) is False
    assert store.raise_alert(replace(alert, reference=b"\x02")) is True
    assert store.resolve(alert.kind, alert.reference, 7) is True
    assert store.resolve(alert.kind, alert.reference, 7) is False
    assert store.raise_alert(alert) is True
    assert [a.resolved_at for a in store.alerts(open_only=False, page=Page()).items] == [7, None, None]
    assert [a.id for a in store.alerts(open_only=True, page=Page(limit=1, newest_first=True)).items] == [3]


def test_acknowledge__shortened_chain_and_mismatch__closes_only_what_waits_for_a_person(
    ledger: Ledger, store: IndexStore
) -> None:
    watch = follower(ledger, store)
    watch.step()
    ledger.shorten(1)
    last = [e for e in ledger.events(0, ledger.head().number) if e.name == "Appended"][-1]
    ledger.hidden.add((last.block_number, last.log_index))
    watch.step()
    store.write(last.block_number, ())
    watch.step()
    assert open_kinds(store) == {AlertKind.CHAIN_SHORTENED, AlertKind.HEAD_MISMATCH}
    assert [alert.kind for alert in acknowledge(store, 9)] == [AlertKind.CHAIN_SHORTENED]
    assert open_kinds(store) == {AlertKind.HEAD_MISMATCH}
