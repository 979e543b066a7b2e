"""Rows of the journal that a bad disk has changed: they hold up neither purge, anchoring nor destruction of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from salus.adapters.database.oracle_tables import raw, secret
from salus.core.errors import IntegrityError
from salus.core.journal import BatchState
from tests.unit.oracle.oracle_world import Oracle, Outside, report


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def oracle(tmp_path: Path, outside: Outside) -> Iterator[Oracle]:
    made = Oracle(tmp_path / "oracle.db", outside)
    yield made
    made.close()


def otherwise(sealed: bytes) -> bytes:
    return b"\x07" + sealed[1:]


def damage(oracle: Oracle, row: sa.Column[int], number: int, change: Callable[[bytes], bytes] = otherwise) -> None:
    """Change the sealed bytes of the row with a number."""
    sealed = row.table.c.sealed
    with oracle.database.writing() as connection:
        before = connection.execute(sa.select(sealed).where(row == number)).scalar_one()
        connection.execute(sa.update(row.table).where(row == number).values({sealed: change(bytes(before))}))


@pytest.mark.parametrize("change", [otherwise, lambda _: b"\x02", lambda sealed: b"\x02\xff\xff\xff" + sealed[4:]])
def test_purge__one_row_does_not_say_which_key_it_has__all_go_and_it_is_said(
    oracle: Oracle, outside: Outside, change: Callable[[bytes], bytes]
) -> None:
    oracle.take(report("1"), report("2", "L2"), report("3", "L3"))
    oracle.pipeline.settle()
    rows = [oracle.messages.sealed(key) for key in (1, 3)]
    damage(oracle, raw.c.message, 2, change)
    with capture_logs() as said:
        assert oracle.purge(outside.clock.now() + 10) == 3
    assert [line["rows"] for line in said if "key" in line["event"]] == [1]
    for row in rows:
        with pytest.raises(IntegrityError, match="destroyed"):
            oracle.site.open_row("raw", b"", row.sealed)


def test_anchor__shares_of_one_version_are_damaged_after_their_deposit__batch_is_done_and_others_are(
    oracle: Oracle,
) -> None:
    for number in range(2):
        oracle.take(report(f"C{number}", f"L{number}"))
        oracle.pipeline.seal()
        oracle.pipeline.deposit()
    damage(oracle, secret.c.version, 1)
    oracle.pipeline.settle()
    assert len(oracle.outbox.batches(BatchState.ANCHORED, 10)) == 2


def test_erase__message_of_the_record_is_damaged__goes_all_the_same(oracle: Oracle, outside: Outside) -> None:
    oracle.take(report("1"))
    oracle.pipeline.settle()
    damage(oracle, raw.c.message, 1)
    [item] = outside.anchored_items()

    def forget(raws: list[bytes], shares: list[bytes]) -> None:
        oracle.site.forget_rows("raw", raws)
        oracle.site.forget_rows("shares", shares)

    oracle.records.erase(item.leaf.record_id, 1, forget)  # type: ignore[arg-type]  # lists are sequences
    with oracle.database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM oracle_raw").scalar() == 0
