"""The lives of one oracle: its database backed up, restored, lost, and what it learns from custodians then."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from salus.adapters.database import oracle_tables as tables
from salus.core.deposit import DepositItem
from salus.core.remembered import Adopted
from tests.databases import on_postgres
from tests.unit.oracle.oracle_world import Oracle, Outside, Tripwire, report, results

BEFORE = (report("1", "L1", "5.40"), report("2", "L2", "5.40"))
MIDDLE = (
    report("3", "L1", "6.60", "C", at="20261101093000"),
    report("4", "L3", "7.70", patient="P2"),
    report("5", "L3", "8.80", "C", patient="P2", at="20261101103000"),
)
AFTER = (
    report("6", "L1", "7.70", "C", at="20261102083000"),
    report("7", "L3", "5.40", "C", patient="P2", at="20261102093000"),
    report("8", "L4", "5.40", patient="P2"),
)
ONE = results("1", ("2345-7", "5.40", "F"), said="20261101093000")
LATE = results("2", ("2160-0", "6.60", "F"))
"""A part of the same report that was said an hour before."""


def again(raw: bytes) -> bytes:
    """The same message under another control id."""
    return raw.replace(b"ORU_R01|", b"ORU_R01|again-")


class Lives:
    """The lives of one oracle: `back_up` keeps its database as it is now, `restore` begins again with what was kept."""

    def __init__(self, folder: Path) -> None:
        self.outside = Outside()
        self._folder, self._count = folder, 0
        self.oracle = Oracle(self._path, self.outside)

    @property
    def _path(self) -> Path:
        return self._folder / f"oracle-{self._count}.db"

    def back_up(self) -> None:
        self.oracle.close()
        copy(self._path, self._folder / "backup.db")
        self.oracle = Oracle(self._path, self.outside)

    def restore(self) -> None:
        copy(self._folder / "backup.db", self._folder / f"oracle-{self._count + 1}.db")
        self.lose()

    def lose(self, wire: Tripwire | None = None) -> None:
        self.oracle.close()
        self._count += 1
        self.oracle = Oracle(self._path, self.outside, wire)

    def start_again(self, custodian_set: int = 1) -> None:
        self.oracle.close()
        self.oracle = Oracle(self._path, self.outside, custodian_set=custodian_set)

    def take(self, *raws: bytes) -> None:
        assert all(self.oracle.take(*raws))
        self.oracle.pipeline.settle()

    def catch_up(self) -> Adopted:
        found = self.oracle.catching.run()
        assert self.oracle.catching.is_done
        return found

    def lose_bytes_of(self, *raws: bytes) -> Adopted:
        """Take these between a backup and its restore, and catch up: their versions are known, their bytes are not."""
        self.back_up()
        self.take(*raws)
        self.restore()
        return self.catch_up()

    def numbers(self) -> list[int]:
        """Version numbers of everything anchored, sorted; fails if a record has one twice or a gap."""
        items = self.outside.anchored_items()
        of_record: dict[bytes, list[int]] = {}
        leaves = {item.leaf.hash(self.outside.chain.chain_id) for item in items}
        for item in items:
            of_record.setdefault(item.leaf.record_id, []).append(item.leaf.version)
            assert item.leaf.version == 1 or item.leaf.previous in leaves
        assert all(sorted(found) == list(range(1, len(found) + 1)) for found in of_record.values())
        return sorted(item.leaf.version for item in items)

    def merged(self) -> int:
        """Subjects that the database knows to be merged into another."""
        merged = select(func.count()).select_from(tables.subject).where(tables.subject.c.survivor.is_not(None))
        with self.oracle.database.reading() as connection:
            return int(connection.execute(merged).scalar_one())

    def newest(self) -> set[str]:
        """Values in the version with the highest number."""
        return told(self.outside, max(self.outside.anchored_items(), key=lambda item: item.leaf.version))

    def values(self) -> Counter[str]:
        """Newest values of all records, as readers open them."""
        newest: dict[bytes, DepositItem] = {}
        for item in self.outside.anchored_items():
            if item.leaf.version > (newest[item.leaf.record_id].leaf.version if item.leaf.record_id in newest else 0):
                newest[item.leaf.record_id] = item
        found: Counter[str] = Counter()
        for item in newest.values():
            found.update(told(self.outside, item))
        return found


def copy(path: Path, to: Path) -> None:
    """Copy a closed database."""
    databases = on_postgres()
    if databases is None:
        shutil.copy(path, to)
    else:
        databases.copy(path, to)


def told(outside: Outside, item: DepositItem) -> set[str]:
    """Values of ours in a version's content."""
    said = json.dumps(outside.open(item).content, default=str)
    return {value for value in ("5.40", "6.60", "7.70", "8.80") if value in said}
