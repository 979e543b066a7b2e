"""An oracle that dealt its shares to set 1 and, started again, deals to set 2; orders of its operator beside it."""

from __future__ import annotations

from pathlib import Path

from oracle.audit import Auditing, Seal
from oracle.reseal import Reseal, Resealed
from salus.adapters.database.oracle_operations import DatabaseOperations
from salus.adapters.database.oracle_reseal import DatabaseReseal
from salus.adapters.database.oracle_retention import DatabaseRetention
from salus.core.ids import RecordId, SubjectRef
from salus.core.retention import OpenOrder
from tests.unit.oracle.oracle_world import SOURCE, Oracle, Outside

ME = "os:night"


class SecondSet:
    """It deals to set 1 until `restart`; `seconds` is how long its operator's orders have waited."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outside = Outside()
        self.oracle = Oracle(path, self.outside)
        self.seconds = 0.0

    def take(self, *raws: bytes) -> None:
        assert all(self.oracle.take(*raws))
        self.oracle.pipeline.settle()

    def restart(self, custodian_set: int = 2) -> None:
        self.oracle.close()
        self.oracle = Oracle(self.path, self.outside, custodian_set=custodian_set)

    @property
    def operations(self) -> DatabaseOperations:
        return DatabaseOperations(self.oracle.database, Seal(self.oracle.site))

    @property
    def auditing(self) -> Auditing:
        return Auditing(self.operations, self.oracle.site, self.outside.clock)

    def reseal(self, *, processing: bool = True, rate: int = 50) -> Resealed:
        """Move what set 1 keeps, the oracle at work meanwhile unless `processing` is False."""

        def sleep(seconds: float) -> None:
            self.seconds += seconds + 0.001
            if processing:
                self.oracle.pipeline.settle()

        store = DatabaseReseal(self.oracle.database)
        return Reseal(store, self.operations, self.auditing, sleep, lambda: self.seconds).run(1, ME, rate)

    def order(self, record: RecordId) -> None:
        """A destruction order that is not carried out yet."""
        order = OpenOrder(SOURCE, record, SubjectRef(bytes(32)), 1, 99)
        DatabaseRetention(self.oracle.database, SOURCE).note([order], 1, bytes(32))
