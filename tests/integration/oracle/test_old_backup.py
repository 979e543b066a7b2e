"""An oracle restored from an old backup, or begun anew: it learns from custodians what it had anchored and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from salus.adapters.database.backup import back_up, restore
from tests.integration.oracle.stack import Stack, started, until
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report

OLD, MIDDLE = 110, 110
"""Messages before the backup, and after it."""


@pytest.fixture
def stack(chain: ChainWorld, tmp_path: Path) -> Iterator[Stack]:
    with started(chain, tmp_path / "services") as made:
        yield made


def first(number: int) -> bytes:
    """First version of a record of one of ten patients."""
    return report(f"A{number}", f"L{number}", f"{number}.1", patient=f"P{number % 10}")


def middle(number: int) -> bytes:
    """What came after the backup: new versions of old records, and records of old and new patients."""
    if number % 2:
        return report(f"B{number}", f"L{number}", f"{number}.2", "C", f"P{number % 10}", "20261102083000")
    return report(f"B{number}", f"N{number}", f"{number}.3", patient=f"Q{number % 4}")


def last(number: int) -> bytes:
    """What comes after the restore: new versions of all of them."""
    if number % 2:
        return report(f"C{number}", f"L{number}", f"{number}.4", "C", f"P{number % 10}", "20261103083000")
    return report(f"C{number}", f"N{number}", f"{number}.5", "C", f"Q{number % 4}", "20261103083000")


def send(stack: Stack, *raws: bytes) -> None:
    sender = stack.sender
    assert {sender.insist(raw) for raw in raws} == {"AA"}
    sender.close()


def is_ready(stack: Stack, *, caught_up: bool) -> bool:
    found = stack.oracle.get("/ready")
    return found is not None and found["caughtUp"] is caught_up


def test_oracle__restored_from_an_old_backup__goes_on_without_a_gap_or_a_double(stack: Stack, tmp_path: Path) -> None:
    url = stack.oracle.settings["DATABASE_URL"]
    old = [first(number) for number in range(OLD)]
    send(stack, *old)
    stack.await_idle()
    made = back_up(url, "oracle", tmp_path / "backups", datetime.now(UTC))
    before = len(stack.anchored())
    lost = [middle(number) for number in range(MIDDLE)]
    send(stack, *lost)
    stack.await_idle()
    versions = len(stack.anchored()) - before
    assert versions == MIDDLE

    stack.oracle.stop()
    restore(url, "oracle", tmp_path / "backups", made.file)
    checked = stack.oracle.run("check")
    assert f"batches with {versions} record versions were anchored" in checked.stdout
    assert "FAIL journal" in checked.stdout
    assert checked.returncode == 0

    others = stack.custodians[1:]
    for custodian in (stack.custodians[0], *others):
        custodian.stop()
    stack.oracle.start()
    further = [last(number) for number in range(MIDDLE)]
    send(stack, *further[:10])  # taken, and nothing is made of them yet
    until(lambda: (found := stack.oracle.get("/ready")) is not None and found["unknownBatches"] > 0)
    assert is_ready(stack, caught_up=False)
    for custodian in others:
        custodian.start()
    until(lambda: is_ready(stack, caught_up=True))
    stack.custodians[0].start()
    stack.await_idle()
    assert len(stack.anchored()) == before + versions + 10

    send(stack, *lost)  # the source sends the time since again
    send(stack, *further[10:])
    stack.await_idle()
    found = stack.anchored()
    assert len(found) == before + versions + MIDDLE
    numbers: dict[bytes, list[int]] = {}
    for one in found:
        numbers.setdefault(one.record_id, []).append(one.version)
    assert all(sorted(listed) == list(range(1, len(listed) + 1)) for listed in numbers.values())
    assert "ok   journal" in stack.oracle.run("check").stdout

    patients = [
        stack.claim(f"{letter}{number}")
        for letter, some in (("P", 10), ("Q", 4))
        for number in range(some)
        if (letter, number % 2) != ("Q", 1)
    ]
    assert stack.opened_by(patients) == stack.said([*old, *lost, *further])


def test_oracle__database_lost_and_no_backup__has_everything_again_from_its_site_key(
    stack: Stack, tmp_path: Path
) -> None:
    raws = [first(number) for number in range(20)] + [middle(number) for number in range(20)]
    send(stack, *raws)
    stack.await_idle()
    before = stack.anchored()
    stack.oracle.stop()
    database = Path(stack.oracle.settings["DATABASE_URL"].removeprefix("sqlite:///"))
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    stack.oracle.start()
    until(lambda: is_ready(stack, caught_up=True))
    send(stack, *raws)
    stack.await_idle()
    assert stack.anchored() == before
    further = [last(number) for number in range(20)]
    send(stack, *further)
    stack.await_idle()
    patients = [stack.claim(f"P{number}") for number in range(10)] + [stack.claim("Q0"), stack.claim("Q2")]
    assert stack.opened_by(patients) == stack.said([*raws, *further])
