"""The database of an oracle and its site key, and what is made of these two alone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from oracle.audit import Auditing, Seal
from oracle.claims import Desk
from oracle.quarantine import Quarantine
from oracle.reseal import Reseal
from oracle.settings import JournalSettings
from oracle.sitekey import RAW, SHARES, SiteKey
from oracle.status import Lookup
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_desk import DatabaseDeskCodes
from salus.adapters.database.oracle_links import DatabaseLinks
from salus.adapters.database.oracle_messages import DatabaseMessages
from salus.adapters.database.oracle_operations import DatabaseOperations
from salus.adapters.database.oracle_quality import DatabaseQuality
from salus.adapters.database.oracle_reseal import DatabaseReseal
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.erasable_keys import ErasableKeys


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())


@dataclass(frozen=True, slots=True)
class Kept:
    """The oracle's database with its key: all that the desk and the quarantine need."""

    engine: Engine
    database: OracleDatabase
    site: SiteKey

    @property
    def messages(self) -> DatabaseMessages:
        """The journal's messages."""
        return DatabaseMessages(self.database)

    @property
    def links(self) -> DatabaseLinks:
        """Links of patients that are not on chain yet."""
        return DatabaseLinks(self.database)

    @property
    def desk(self) -> Desk:
        """Issues claim codes."""
        return Desk(DatabaseDeskCodes(self.database), self.site, SystemClock(), secrets.token_bytes)

    @property
    def quality(self) -> DatabaseQuality:
        """Figures of quality, and numbers of senders that have not come."""
        return DatabaseQuality(self.database)

    @property
    def operations(self) -> DatabaseOperations:
        """What operators ask of the journal and do in it."""
        return DatabaseOperations(self.database, Seal(self.site))

    @property
    def auditing(self) -> Auditing:
        """The operators' log."""
        return Auditing(self.operations, self.site, SystemClock())

    @property
    def quarantine(self) -> Quarantine:
        """Lists, shows, releases and discards what waits for a person; has finished messages processed again."""
        return Quarantine(self.messages, self.operations, self.site, self.auditing)

    @property
    def reseal(self) -> Reseal:
        """Has records of an old custodian set made again for the present one."""
        return Reseal(DatabaseReseal(self.database), self.operations, self.auditing, time.sleep, time.monotonic)

    @property
    def lookup(self) -> Lookup:
        """Finds messages by control id."""
        return Lookup(self.operations, self.site)


def row_keys(folder: Path) -> dict[str, ErasableKeys]:
    """The keys that are destroyed with what they seal, by purpose.

    Raises:
        SetupError: the folder is open to others.
    """
    return {purpose: FolderPeriodKeys(folder / purpose, secrets.token_bytes) for purpose in (RAW, SHARES)}


@contextmanager
def opened_journal(settings: JournalSettings) -> Iterator[Kept]:
    """The database of an oracle that may be running, its schema brought up to date.

    Raises:
        SetupError: it was made with another site key.
    """
    engine = open_engine(settings.database_url)
    try:
        migrate(engine, "oracle")
        database = OracleDatabase(engine)
        site = SiteKey(settings.site_key, secrets.token_bytes, row_keys(settings.row_keys))
        database.belong_to({"site_key": site.fingerprint})
        yield Kept(engine, database, site)
    finally:
        engine.dispose()
