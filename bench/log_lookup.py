"""How long a look-up in the index takes with 1,000,000 log entries.

    python -m bench.log_lookup [--entries N]

On SQLite, or on the empty PostgreSQL database that `SALUS_BENCH_DATABASE_URL` names. Every second entry is an access;
institutions and codes are as unequal as in life, so rare and common filters both occur.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice

from sqlalchemy import Engine, insert

from bench.lines import Progress, line, percentile, run, scratch
from salus.adapters.database.engine import open_engine, writing
from salus.adapters.database.index import DatabaseIndex
from salus.adapters.database.index_tables import METADATA, TABLES
from salus.adapters.database.migrate import migrate
from salus.core.audit import EntryKind
from salus.core.hashing import sha256
from salus.core.ids import Address, ConsentId, ParticipantId, to_address
from salus.core.index_rows import AccessRow, AnchorRow, BlockRow, ConsentRow, EntryRow, Row, seq_of
from salus.core.ports_index import AccessFilter, EntryFilter, Page

ENTRIES = 1_000_000
ROUNDS = 400
GENESIS = 1_750_000_000
PER_BLOCK = 20
HOLDERS = 50_000
PARTICIPANTS = 40
CODES = (20, 22, 24, 26, 30, 32, 33, 36)
GATEWAY = Address("0x" + "11" * 20)


def word(kind: str, number: int) -> bytes:
    """32 bytes named by a kind and a number."""
    return sha256(f"{kind}|{number}".encode())


def holder(number: int) -> Address:
    """A holder's account."""
    return to_address(word("holder", number)[:20])


def holder_key(number: int) -> bytes:
    """Chain key of a holder."""
    return bytes(12) + word("holder", number)[:20]


def participant_of(number: int) -> int:
    """A few institutions make most requests."""
    return int(PARTICIPANTS * ((number * 2654435761 % 1000) / 1000) ** 3)


def code_of(number: int) -> int:
    """Most requests are granted; some codes are very rare."""
    if number % 10:
        return 1
    return CODES[min(len(CODES) - 1, (number // 10 & -(number // 10)).bit_length() - 1)]


def rows(entries: int) -> Iterator[Row]:
    """Blocks, entries, accesses, consents and anchors in chain order."""
    for i in range(entries):
        block, place = divmod(i, PER_BLOCK)
        seq, at = seq_of(block, 2 * place + 1), GENESIS + block
        if place == 0:
            yield BlockRow(seq=seq_of(block), number=block, hash=word("block", block), timestamp=at, events=40)
        who = participant_of(i)
        key, kind, code, reference = holder_key(i % HOLDERS), int(EntryKind.CONSENT_GRANTED), 0, word("consent", i)
        participant: bytes | None = None
        if i % 2 == 0:
            code, participant, reference = code_of(i // 2), word("participant", who), word("access", i)
            kind = int(EntryKind.ACCESS_GRANTED if code == 1 else EntryKind.ACCESS_DENIED)
            yield access(seq - 1, i, who, code, at)
        elif i % 10 == 1:
            kind, key = int(EntryKind.BATCH_ANCHORED), word("participant", who)
            participant, reference = key, word("batch", i)
            yield AnchorRow(seq=seq - 1, participant=key, root=reference, count=500, custodian_set=1, tag=1, at=at)
        else:
            yield ConsentRow(seq=seq - 1, at=at, holder=holder(i % HOLDERS), consent=reference, status=1, granted_at=at)
        yield EntryRow(
            seq=seq,
            position=i + 1,
            key=key,
            key_position=i // HOLDERS + 1,
            kind=kind,
            code=code,
            reference=reference,
            emitter=GATEWAY,
            at=at,
            participant=participant,
            head=reference[:26],
            key_head=reference[6:],
            tx=reference,
        )


def access(seq: int, i: int, who: int, code: int, at: int) -> AccessRow:
    """One access row."""
    return AccessRow(
        seq=seq,
        access=word("access", i),
        participant=word("participant", who),
        operator=GATEWAY,
        kind=1,
        reference=word("consent", i % HOLDERS),
        key=holder_key(i % HOLDERS),
        purpose=1 << (i % 7),
        categories=1 << 20,
        actions=6,
        level=4,
        confidentiality=3,
        form=0,
        from_day=20000,
        to_day=20090,
        role=1,
        record_count=3,
        records_root=word("root", i),
        user_digest=word("user", i),
        code=code,
        expiry=at + 3600 if code == 1 else 0,
        at=at,
        tx=word("access", i),
    )


def fill(engine: Engine, entries: int, progress: Progress) -> float:
    """Write the index; returns the seconds it took."""
    written = 0
    began, stream = time.perf_counter(), rows(entries)
    indexes = [index for table in METADATA.sorted_tables for index in table.indexes]
    with writing(engine) as connection:
        for index in indexes:
            index.drop(connection)
    while batch := list(islice(stream, 20_000)):
        grouped: dict[type[Row], list[dict[str, object]]] = {}
        for row in batch:
            names = TABLES[type(row)].columns.keys()
            grouped.setdefault(type(row), []).append({name: getattr(row, name) for name in names})
        with writing(engine) as connection:
            for kind, values in grouped.items():
                connection.execute(insert(TABLES[kind]), values)
        written += len(grouped.get(EntryRow, ()))
        progress.tell(f"{written:,} of {entries:,} entries written", every=1)
    progress.tell("making indexes")
    with writing(engine) as connection:
        for index in indexes:
            index.create(connection)
    return time.perf_counter() - began


def lookups(index: DatabaseIndex, entries: int, chance: random.Random) -> dict[str, Callable[[], object]]:
    """What people and services look up, each with other arguments every time."""

    def participant() -> ParticipantId:
        return ParticipantId(word("participant", chance.randrange(PARTICIPANTS)))

    def page() -> Page:
        start = chance.choice((None, seq_of(chance.randrange(entries // PER_BLOCK))))
        return Page(after=start, limit=50, newest_first=chance.random() < 0.5)

    def period() -> tuple[int, int]:
        start = GENESIS + chance.randrange(entries // PER_BLOCK)
        return start, start + chance.choice((60, 3600, 86_400))

    def ranged() -> object:
        since, until = period()
        which = EntryFilter(participant=participant(), kind=2, since=since, until=until)
        return index.entries(which, page())

    def consent() -> object:
        i = chance.randrange(entries)
        return index.consent(holder(i % HOLDERS), ConsentId(word("consent", i)))

    def anchor() -> object:
        i = chance.randrange(entries // 10) * 10 + 1
        return index.anchor(ParticipantId(word("participant", participant_of(i))), word("batch", i))

    def entries_of(**which: object) -> object:
        return index.entries(EntryFilter(**which), page())  # type: ignore[arg-type] # names of its fields

    return {
        "entry by reference": lambda: entries_of(reference=word("access", chance.randrange(entries // 2) * 2)),
        "a holder's log": lambda: entries_of(keys=(holder_key(chance.randrange(HOLDERS)),)),
        "an institution's entries": lambda: entries_of(participant=participant()),
        "an institution's denials by code": lambda: entries_of(participant=participant(), code=chance.choice(CODES)),
        "entries by kind and code": lambda: entries_of(kind=2, code=chance.choice(CODES)),
        "an institution's denials in a period": ranged,
        "access by id": lambda: index.access(word("access", chance.randrange(entries // 2) * 2)),
        "accesses by purpose and code": lambda: index.accesses(
            AccessFilter(purpose=1 << chance.randrange(7), code=chance.choice(CODES)), page()
        ),
        "consent": consent,
        "anchor of a batch": anchor,
        "head of a holder's chain": lambda: index.head(holder_key(chance.randrange(HOLDERS))),
    }


def measure(index: DatabaseIndex, entries: int, progress: Progress) -> None:
    """Print one line per look-up and one for all."""
    everything: list[float] = []
    kinds = lookups(index, entries, random.Random(7))
    for name, ask in kinds.items():
        progress.tell(f"looking up: {name}", every=1)
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            ask()
            taken.append((time.perf_counter() - began) * 1000)
        everything += taken
        figure = f"p50 {percentile(taken, 0.5):.2f} ms, p99 {percentile(taken, 0.99):.2f} ms"
        line(f"look-up, {name}, {entries:,} entries", figure, "p99 ≤ 50 ms", "log_lookup")
    figure = f"p50 {percentile(everything, 0.5):.2f} ms, p99 {percentile(everything, 0.99):.2f} ms"
    line(f"look-up, all kinds, {entries:,} entries", figure, "p99 ≤ 50 ms", "log_lookup")


def main() -> None:
    """Fill an index and measure it."""
    parser = argparse.ArgumentParser(prog="python -m bench.log_lookup", description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=ENTRIES)
    entries = parser.parse_args().entries
    with scratch("log_lookup") as folder, Progress() as progress:
        url = os.environ.get("SALUS_BENCH_DATABASE_URL", f"sqlite:///{folder}/index.db")
        engine = open_engine(url)
        migrate(engine, "index")
        seconds = fill(engine, entries, progress)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        line(f"filling the index, {entries:,} entries", f"{seconds:.0f} s, {size:,.0f} MB on disk", "", "log_lookup")
        measure(DatabaseIndex(engine), entries, progress)
        engine.dispose()


if __name__ == "__main__":
    run(main)
