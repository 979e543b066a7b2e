"""Destroyed means destroyed: who holds all that is left of every machine, and every backup ever taken, opens nothing.

The thief here has the databases of oracle and custodians as they are and as they were at each backup, the content store
of each, the site key, and the folders of keys as they are now. Those are in no backup (docs/runbook.md says so), and
what they have lost of a destroyed record is the only thing missing.
"""

from __future__ import annotations

import base64
import secrets
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from custodian.wrap import unwrap
from oracle.handover import OpenedBatch
from oracle.journal import open_raw
from oracle.runtime import row_keys
from oracle.sitekey import SiteKey
from salus.adapters.content.folder import FolderStore
from salus.adapters.database import custodian_tables as custody
from salus.adapters.database import oracle_tables as journal
from salus.adapters.database.custodian_rows import kept_record
from salus.adapters.database.engine import open_engine, reading
from salus.adapters.database.oracle_records import leaf_from_bytes
from salus.adapters.period_keys import FolderPeriodKeys
from salus.core.canonical import canonical
from salus.core.custody import WrappedShare
from salus.core.errors import IntegrityError, NotFoundError, SalusError
from salus.core.ids import LeafHash, RecordId
from salus.core.journal import BatchItem, SealedMessage
from salus.core.leaf import Leaf
from salus.core.ports import ContractCall
from salus.core.sealing import open_record
from salus.flows.bind import sign_destruction
from salus.flows.custody import Caller
from tests.integration.oracle.stack import SOURCE, Patient, Stack, SystemClock, started, until
from tests.integration.services import Service
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import report


@dataclass(frozen=True)
class Disks:
    """Databases and content as they were at one moment."""

    oracle: Path
    custodians: tuple[Path, ...]
    content: Path


@pytest.fixture
def stack(chain: ChainWorld, tmp_path: Path) -> Iterator[Stack]:
    with started(chain, tmp_path / "services") as made:
        yield made


def test_record__destroyed__opens_from_no_combination_of_disks_and_backups(stack: Stack, tmp_path: Path) -> None:
    doomed, kept = report("W1", "W-L1", patient="W1"), report("W2", "W-L2", patient="W2")
    stack.custodians[2].stop()
    for raw in (doomed, kept):
        assert stack.sender.insist(raw) == "AA"
    until(lambda: _count(database_of(stack.oracle), "oracle_secret") == 2)
    under_way = backup(stack, tmp_path / "under way")
    (ours,), (theirs,) = stack.said([doomed]), stack.said([kept])
    assert readable(stack, [under_way]) == {ours, theirs}
    stack.custodians[2].start()
    stack.await_idle()
    anchored = backup(stack, tmp_path / "anchored")
    patient = stack.claim("W1")

    everything = [under_way, anchored, disks_of(stack)]
    assert readable(stack, everything) == {ours, theirs}
    assert readable(stack, [anchored]) == {ours, theirs}  # so a backup would do, were the keys not destroyed
    assert {message for one in everything for message in messages(stack, one)} == {doomed, kept}

    destroy(stack, ours, patient)

    everything = [under_way, anchored, disks_of(stack), backup(stack, tmp_path / "after")]
    assert readable(stack, everything) == {theirs}
    assert {message for one in everything for message in messages(stack, one)} == {kept}

    restored = stack.custodians[0]
    restored.stop()
    put_back(anchored.custodians[0], database_of(restored))
    restored.start()
    restored.await_ready()
    assert readable(stack, [*everything, disks_of(stack)]) == {theirs}
    assert {leaf.record_id for leaf in shares_of(restored, database_of(restored))} == {theirs}
    for custodian in stack.custodians:
        assert "whole=1, erased=1, damaged=0, keyless=0, missing=0" in audited(stack, custodian)


def audited(stack: Stack, custodian: Service) -> str:
    """What a custodian's audit says of this source. Batches of other tests are on the same chain, and absent here."""
    said = custodian.run("audit").stdout
    return next(row for row in said.splitlines() if row.startswith(f"0x{stack.source.hex()} "))


# what is left


def database_of(service: Service) -> Path:
    """File of a service's database."""
    return Path(service.settings["DATABASE_URL"].removeprefix("sqlite:///"))


def disks_of(stack: Stack) -> Disks:
    """What stands there now."""
    return Disks(database_of(stack.oracle), tuple(database_of(one) for one in stack.custodians), stack.grounds.content)


def backup(stack: Stack, folder: Path) -> Disks:
    """A backup as the runbook says: databases by SQLite's online backup, content by copying."""
    folder.mkdir()
    now = disks_of(stack)
    copies = []
    for place, file in enumerate((now.oracle, *now.custodians)):
        copies.append(folder / f"{place}.db")
        with sqlite3.connect(file) as source, sqlite3.connect(copies[-1]) as target:
            source.backup(target)
    shutil.copytree(now.content, folder / "content")
    return Disks(copies[0], tuple(copies[1:]), folder / "content")


def put_back(copy: Path, file: Path) -> None:
    """Restore a database."""
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    shutil.copy(copy, file)


# what can be made of it


def readable(stack: Stack, disks: Sequence[Disks]) -> set[RecordId]:
    """Records that open from these disks together, with all keys that exist now."""
    shares: dict[Leaf, set[bytes]] = {}
    for one in disks:
        for leaf, share in in_outbox(stack, one.oracle):
            shares.setdefault(leaf, set()).add(share)
        for service, file in zip(stack.custodians, one.custodians, strict=True):
            for leaf, share in shares_of(service, file).items():
                shares.setdefault(leaf, set()).add(share)
    stores = [FolderStore(one.content) for one in disks]
    return {leaf.record_id for leaf, those in shares.items() if any(opens(leaf, those, store) for store in stores)}


def opens(leaf: Leaf, shares: set[bytes], content: FolderStore) -> bool:
    """Whether a version opens with these shares."""
    try:
        opened = open_record(content.get(leaf.envelope_digest), leaf.envelope_digest, leaf.content_commitment, shares)
    except SalusError:
        return False
    return bool(canonical(opened.content))


def site_of(stack: Stack) -> SiteKey:
    """The site key with the keys of rows that are there now."""
    return SiteKey(stack.journal.site_key, secrets.token_bytes, row_keys(stack.journal.row_keys))


def messages(stack: Stack, one: Disks) -> Iterator[bytes]:
    """Raw messages that open."""
    site, engine = site_of(stack), open_engine(f"sqlite:///{one.oracle}", read_only=True)
    found = select(journal.message, journal.raw.c.sealed).join(
        journal.raw, journal.raw.c.message == journal.message.c.key
    )
    with reading(engine) as connection:
        for row in connection.execute(found).all():
            sealed = SealedMessage(
                row.key, row.listener, bytes(row.message_hash), bytes(row.raw_hash), bytes(row.sealed), row.received_at
            )
            try:
                yield open_raw(site, sealed)
            except IntegrityError:
                continue
    engine.dispose()


def in_outbox(stack: Stack, file: Path) -> Iterator[tuple[Leaf, bytes]]:
    """Shares on their way that open."""
    site, engine = site_of(stack), open_engine(f"sqlite:///{file}", read_only=True)
    v, s = journal.version, journal.secret
    with reading(engine) as connection:
        rows = connection.execute(select(v.c.leaf, v.c.leaf_hash, s.c.sealed).join(s, s.c.version == v.c.key)).all()
    engine.dispose()
    for row in rows:
        item = BatchItem(LeafHash(bytes(row.leaf_hash)), leaf_from_bytes(bytes(row.leaf)), bytes(row.sealed))
        try:
            opened = OpenedBatch(site, [item])
        except IntegrityError:
            continue
        for place in range(len(stack.custodians)):
            yield item.leaf, opened.items_for(place)[0].share


def shares_of(service: Service, file: Path) -> dict[Leaf, bytes]:
    """Shares at rest that open with the custodian's keys."""
    keys = FolderPeriodKeys(Path(service.settings["PERIOD_KEYS"]), secrets.token_bytes)
    engine = open_engine(f"sqlite:///{file}", read_only=True)
    r, s = custody.record, custody.share
    found: dict[Leaf, bytes] = {}
    with reading(engine) as connection:
        rows = connection.execute(select(r, s.c.period, s.c.blob).join(s, s.c.record == r.c.key)).all()
    engine.dispose()
    for row in rows:
        kept, wrapped = kept_record(row), WrappedShare(row.period, bytes(row.blob))
        try:
            found[kept.leaf], _ = unwrap(wrapped, kept.source, kept.leaf_hash, keys)
        except (IntegrityError, NotFoundError):
            continue
    return found


# destroying


def destroy(stack: Stack, record: RecordId, patient: Patient) -> None:
    """Order it with the patient's word, let the cooling-off end, have everybody erase."""
    world, party = stack.world, stack.world.party(SOURCE)
    deadline = world.reader.head().timestamp + 600
    agreed = (stack.source, record, patient.subject, world.custodian_set, deadline)
    signature = sign_destruction(patient.controller, *agreed, world.reader.domain("RecordRegistry"))
    before = _tombstones(stack)
    party.writer.send(ContractCall("RecordRegistry", "order", (agreed, signature)))
    until(lambda: _tombstones(stack) >= before + len(stack.custodians))  # one for each version at each
    caller = Caller(party.operator, world.reader.domain("Council"), SystemClock(), secrets.token_bytes)
    call = canonical(caller.call("erase", stack.source, {"recordId": "0x" + record.hex()}))
    header = {"authorization": "Salus " + base64.urlsafe_b64encode(call).decode()}
    status, answer = stack.oracle.ask("POST", "/v1/erasures", headers=header)
    assert status == 200, answer


def _tombstones(stack: Stack) -> int:
    return sum(_count(database_of(one), "custody_tombstone") for one in stack.custodians)


def _count(file: Path, table: str) -> int:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
