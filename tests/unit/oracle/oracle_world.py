"""One oracle over memory fakes and an SQLite file: a chain that refuses a root twice, custodians that open deposits.

`Tripwire` kills it at a chosen step: every call that changes something has a step before it and one after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from oracle.anchor import Anchoring
from oracle.catch_up import CatchingUp
from oracle.deposit import Depositing
from oracle.intake.ports import Peer
from oracle.intake.receive import receive
from oracle.journal import Journal
from oracle.link import Linking
from oracle.metrics import Metrics
from oracle.normalise import SourceProfile
from oracle.pipeline import Pipeline
from oracle.ports import Incoming
from oracle.reading import InlineReader
from oracle.seal import Sealing, Sharing
from oracle.sitekey import RAW, SHARES, SiteKey
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.database.oracle import OracleDatabase
from salus.adapters.database.oracle_desk import DatabaseDeskCodes
from salus.adapters.database.oracle_links import DatabaseLinks
from salus.adapters.database.oracle_messages import DatabaseMessages
from salus.adapters.database.oracle_outbox import DatabaseOutbox
from salus.adapters.database.oracle_recollection import DatabaseRecollection
from salus.adapters.database.oracle_records import DatabaseRecords
from salus.adapters.memory import (
    FixedClock,
    MemoryChain,
    MemoryContent,
    MemoryCustodians,
    MemoryPeriodKeys,
    MemorySigner,
    MemoryWriter,
    SeededRandomness,
)
from salus.core import hpke, signatures
from salus.core.calls import read_call
from salus.core.deposit import DepositItem, decode_items
from salus.core.errors import ChainRevert, NotFoundError
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, ZERO_ADDRESS, ParticipantId, SubjectRef, from_hex, hex32, subject_ref
from salus.core.merkle import MerkleTree
from salus.core.policy import ParticipantRole
from salus.core.recall import RecallAnswer, RecallBody, RecalledVersion, encode_versions
from salus.core.sealing import OpenedRecord, open_record
from salus.core.state import RecordStatus
from salus.flows.custody import Caller
from salus.flows.link import LinkWords
from tests.databases import on_postgres

SOURCE = ParticipantId(sha256(b"hospital"))
CUSTODIANS = tuple(ParticipantId(sha256(f"custodian {i}".encode())) for i in range(3))
CUSTODIAN_KEYS = {one: sha256(b"key" + one) for one in CUSTODIANS}
OPERATOR = MemorySigner.named("operator")
PROFILE = SourceProfile("Hospital B", "HB")
PEER = Peer("mllp", "127.0.0.1", "his")
SITE_SECRET = sha256(b"site")


class Killed(BaseException):
    """The process died here."""


@dataclass
class Tripwire:
    """Counts steps and dies at one."""

    at: int | None = None
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Killed(self.steps)

    def wrap(self, port: Any) -> Any:
        return _Tripped(port, self)


class _Tripped:
    def __init__(self, port: Any, wire: Tripwire) -> None:
        self._port = port
        self._wire = wire

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if not callable(value) or name in _UNTRIPPED:
            return value

        def call(*args: Any, **options: Any) -> Any:
            self._wire.step()
            result = value(*args, **options)
            self._wire.step()
            return result

        return call


# a death beside a reading call is a death beside the next call that changes something
_UNTRIPPED = {
    "pending",
    "subjects",
    "heads",
    "histories",
    "survivor",
    "groups_of",
    "sealed",
    "waiting",
    "batches",
    "items",
    "invalidations",
}


class Outside:
    """What outlives the oracle's process: chain, custodians, content store."""

    def __init__(self) -> None:
        self.clock = FixedClock(1_798_761_600)  # 2027-01-01: after everything that is said here
        self.chain = MemoryChain(self.clock)
        self.chain.set_participant(SOURCE, roles=ParticipantRole.SOURCE, operators=[OPERATOR.address])
        for one in CUSTODIANS:
            key = hpke.public_key(CUSTODIAN_KEYS[one])
            self.chain.set_participant(one, roles=ParticipantRole.CUSTODY, encryption_key=key)
        self.chain.set_custodians(1, CUSTODIANS, 2)
        self.chain.set_custodians(2, CUSTODIANS, 2)
        self.writer = MemoryWriter(
            self.chain,
            SOURCE,
            {
                ("RecordRegistry", "anchor"): self._anchor,
                ("RecordRegistry", "invalidate"): self._invalidate,
                ("SubjectRegistry", "register"): self._register,
                ("SubjectRegistry", "link"): self._link,
                ("SubjectRegistry", "unlink"): self._unlink,
            },
        )
        self.content = MemoryContent()
        self.deposits: dict[ParticipantId, dict[bytes, list[DepositItem]]] = {one: {} for one in CUSTODIANS}
        self.custodians = MemoryCustodians({one: self._custodian(one) for one in CUSTODIANS})
        self.randomness = SeededRandomness("outside")
        self.in_pool = 0
        self.rows = {purpose: MemoryPeriodKeys() for purpose in (RAW, SHARES)}

    def _anchor(self, root: bytes, count: int, custodian_set: int, tag: int) -> None:
        if self.chain.anchor(SOURCE, root, self.chain.head()).anchored_at:
            raise ChainRevert("RecordRegistryAnchored", {"root": root})
        self.chain.set_anchor(SOURCE, root, count, custodian_set, tag)
        args = {"sourceId": SOURCE, "root": root, "count": count, "custodianSet": custodian_set}
        self.chain.emit("RecordRegistry", "BatchAnchored", args)

    def _invalidate(self, leaf: bytes, subject: bytes, reason: int) -> None:
        if self.chain.subject(SubjectRef(subject), self.chain.head()).source != SOURCE:
            raise ChainRevert("RecordRegistryOtherSource", {"subjectRef": subject})
        if self.chain.record_state(SOURCE, leaf, self.chain.head()).status is not RecordStatus.VALID:
            raise ChainRevert("RecordRegistryWrongStatus", {"id": leaf})
        self.chain.set_record_state(SOURCE, leaf, status=RecordStatus.INVALID, reason=reason)

    def _register(self, subject: bytes, source: bytes, seed: bytes) -> None:
        if subject != subject_ref(self.chain.chain_id, ParticipantId(source), seed):
            raise ChainRevert("SubjectRegistryWrongSeed", {"found": subject})
        self.chain.register(SubjectRef(subject), ParticipantId(source))

    def _link(
        self, link: tuple[bytes, bytes, int, int], seeds: tuple[bytes, bytes], signed: tuple[bytes, bytes]
    ) -> None:
        subject, survivor = SubjectRef(link[0]), SubjectRef(link[1])
        for one, seed, signature in zip((subject, survivor), seeds, signed, strict=True):
            if self.chain.subject(one, self.chain.head()).source != SOURCE:
                self._register(one, SOURCE, seed)
            if self.chain.subject(one, self.chain.head()).controller != ZERO_ADDRESS and not signature:
                raise ChainRevert("SubjectRegistryInvalidSignature", {"subjectRef": one})
        states = [self.chain.subject(one, self.chain.head()) for one in (subject, survivor)]
        if subject == survivor or any(state.survivor != ZERO32 for state in states) or self.merged_into(subject):
            raise ChainRevert("SubjectRegistryInvalidLink", {"subjectRef": subject})
        assert link[2] == states[0].nonce
        self.chain.link(subject, survivor)
        self.chain.emit("SubjectRegistry", "SubjectLinked", {"subjectRef": subject, "survivor": survivor})

    def _unlink(self, unlink: tuple[bytes, bytes, bytes, int, int], signature: bytes) -> None:
        subject, survivor, by = map(SubjectRef, unlink[:3])
        head = self.chain.head()
        if self.chain.subject(subject, head).survivor != survivor or by not in {subject, survivor}:
            raise ChainRevert("SubjectRegistryInvalidLink", {"subjectRef": subject})
        side = self.chain.subject(by, head)
        assert unlink[3] == side.nonce
        if side.controller != ZERO_ADDRESS:
            words = LinkWords(subject, survivor, *unlink[3:], by)
            signatures.check(words.digest(self.chain.domain("SubjectRegistry")), signature, side.controller)
        elif by == survivor:
            raise ChainRevert("SubjectRegistryUnclaimed", {"subjectRef": by})
        self.chain.unlink(subject, by)
        self.chain.emit("SubjectRegistry", "SubjectUnlinked", {"subjectRef": subject, "survivor": survivor})

    def merged_into(self, survivor: SubjectRef) -> set[SubjectRef]:
        """Subjects whose survivor on chain is this one, of all that sent links name."""
        head = self.chain.head()
        named = {SubjectRef(call.args[0][0]) for call in self.writer.sent if call.function == "link"}
        return {one for one in named if self.chain.subject(one, head).survivor == survivor}

    def _custodian(self, me: ParticipantId) -> Any:
        def answer(verb: str, value: dict[str, Any]) -> dict[str, Any]:
            call = read_call(value, self.chain.domain("Council"))
            assert (call.call.verb, call.call.recipient) == (verb, me)
            assert self.chain.operator_of(call.signer, self.chain.head()) == SOURCE
            body = call.body
            if verb == "recall":
                return self._recall(me, RecallBody.from_json(body))
            assert verb == "deposit"
            root, number = from_hex(body["root"]), body["custodianSet"]
            info = hpke.deposit_info(self.chain.chain_id, root, number, me)
            items = decode_items(hpke.open_sealed(from_hex(body["sealed"], None), CUSTODIAN_KEYS[me], info), number)
            assert MerkleTree(item.leaf.hash(self.chain.chain_id) for item in items).root == root
            self.deposits[me][root] = items
            return {"root": hex32(root), "stored": len(items)}

        return answer

    def _recall(self, me: ParticipantId, body: RecallBody) -> dict[str, Any]:
        if body.root not in self.deposits[me]:
            raise NotFoundError("never deposited here")
        kept = {item.leaf.hash(self.chain.chain_id): item for item in self.deposits[me][body.root]}
        rest = sorted(leaf for leaf in kept if leaf > body.after)
        page = [RecalledVersion(kept[leaf].leaf, kept[leaf].note) for leaf in rest[: body.limit]]
        info = hpke.recall_info(self.chain.chain_id, SOURCE, body.root, me, body.after)
        sealed = hpke.seal(encode_versions(page), body.session_key, info)
        return RecallAnswer(1, len(kept), sealed, len(rest) > len(page)).to_json()

    # what it came to

    def anchored_roots(self) -> list[bytes]:
        return [call.args[0] for call in self.writer.sent if call.function == "anchor"]

    def anchored_items(self) -> list[DepositItem]:
        """Every anchored version, in order; the same at all custodians."""
        found = []
        for root in self.anchored_roots():
            listed = [[item.leaf for item in self.deposits[one][root]] for one in CUSTODIANS]
            assert listed[0] == listed[1] == listed[2]
            found += self.deposits[CUSTODIANS[0]][root]
        return found

    def open(self, item: DepositItem) -> OpenedRecord:
        """Open a version as a reader would, with the shares of two custodians (three for level 5)."""
        leaf = item.leaf
        of_all = [kept for one in CUSTODIANS for items in self.deposits[one].values() for kept in items]
        mine = [kept for kept in of_all if kept.leaf == leaf]
        return open_record(
            self.content.get(leaf.envelope_digest),
            leaf.envelope_digest,
            leaf.content_commitment,
            [kept.share for kept in mine][:2],
            [kept.inner_share for kept in mine if kept.inner_share is not None],
        )


class Oracle:
    """One run of an oracle's process."""

    def __init__(
        self,
        path: Path,
        outside: Outside,
        wire: Tripwire | None = None,
        sources: Mapping[str, SourceProfile] = MappingProxyType({"his": PROFILE}),
        number_of: Callable[[str, Incoming], tuple[str, int] | None] = lambda _listener, _received: None,
        custodian_set: int = 1,
    ) -> None:
        wrap = (wire or Tripwire()).wrap
        self.outside = outside
        self.engine = open_engine(_journal_at(path))
        database = OracleDatabase(self.engine)
        self.database = database
        self.site = SiteKey(SITE_SECRET, outside.randomness, outside.rows)
        database.belong_to({"site_key": self.site.fingerprint})
        self.messages = DatabaseMessages(database)
        self.purge = partial(self.messages.purge, partial(self.site.forget_rows, RAW))
        self.records = DatabaseRecords(database)
        self.outbox = DatabaseOutbox(database)
        self.codes = DatabaseDeskCodes(database)
        self.metrics = Metrics()
        self.journal = Journal(wrap(self.messages), self.site, outside.clock, number_of=number_of)
        chain = outside.chain
        records, outbox = wrap(self.records), wrap(self.outbox)
        sharing = Sharing(custodian_set, 2, 3)
        sealing = Sealing(records, self.site, SOURCE, chain.chain_id, sharing, outside.clock, outside.randomness)
        caller = Caller(OPERATOR, chain.domain("Council"), outside.clock, outside.randomness)
        self.now = 0.0
        depositing = Depositing(
            outbox,
            chain,
            wrap(outside.custodians),
            caller,
            self.site,
            SOURCE,
            outside.clock,
            lambda: self.now,
        )
        self.catching = CatchingUp(
            outbox,
            wrap(DatabaseRecollection(database)),
            chain,
            outside.custodians,
            caller,
            self.site,
            SOURCE,
            outside.randomness,
            lambda: outside.in_pool,
        )
        anchoring = Anchoring(outbox, chain, wrap(outside.writer), self.site, SOURCE, outside.clock, lambda _: None)
        linking = Linking(
            DatabaseLinks(database), chain, wrap(outside.writer), self.site, outside.clock, lambda: self.now
        )
        self.pipeline = Pipeline(
            wrap(self.messages),
            records,
            wrap(outside.content),
            self.site,
            InlineReader(sources),
            sealing,
            depositing,
            anchoring,
            linking,
            outside.clock,
            self.metrics,
        )

    def take(self, *raws: bytes, peer: Peer = PEER) -> list[bool]:
        """Hand messages in and commit them as one group; for each whether it was acknowledged."""

        async def taking() -> list[bool]:
            futures = [self.journal.append(receive(raw), peer) for raw in raws]
            self.journal.commit_group()
            answers = await asyncio.gather(*futures, return_exceptions=True)
            return [not isinstance(answer, BaseException) for answer in answers]

        return asyncio.run(taking())

    def close(self) -> None:
        """End the process; what was committed stays."""
        self.engine.dispose()


def _journal_at(path: Path) -> str:
    """URL of the journal a path stands for, migrated."""
    databases = on_postgres()
    if databases is not None:
        return databases.url_of(path, "oracle")
    if not path.exists():
        path.write_bytes(_empty_database())
    return f"sqlite:///{path}"


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine, "oracle")
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        return path.read_bytes()


def report(
    control: str,
    order: str = "L1",
    value: str = "5.40",
    status: str = "F",
    patient: str = "P1",
    at: str = "20261101083000",
    item: str = "2345-7^葡萄糖^LN",
) -> bytes:
    """One laboratory result."""
    return "\r".join(
        (
            f"MSH|^~\\&|LIS|HB|SALUS|HB|20261101090000||ORU^R01^ORU_R01|{control}|P|2.5.1||||||UNICODE UTF-8",
            f"PID|1||{patient}^^^HB^MR||王^小明||19800101|M",
            f"OBR|1|{order}|{order}|24323-8^生化^LN|||{at}|||||||||||||||{at}||LAB|{status}",
            f"OBX|1|NM|{item}||{value}|mmol/L|3.9-6.1|N|||{status}|||{at}",
            "",
        )
    ).encode()


def results(
    control: str,
    *obx: tuple[str, str, str],
    order: str = "L1",
    status: str = "F",
    patient: str = "P1",
    said: str = "20261101083000",
    visit: str = "V1",
) -> bytes:
    """A laboratory report at the time it was said, of results (code, value, status)."""
    return "\r".join(
        (
            f"MSH|^~\\&|LIS|HB|SALUS|HB|{said}||ORU^R01^ORU_R01|{control}|P|2.5.1||||||UNICODE UTF-8",
            f"PID|1||{patient}^^^HB^MR||王^小明||19800101|M",
            f"PV1|1|I|||||||||||||||||{visit}",
            f"OBR|1|{order}|{order}|24323-8^生化^LN|||20261101080000|||||||||||||||{said}||LAB|{status}",
            *(
                f"OBX|{place}|NM|{code}^{code}^LN||{value}|mmol/L|||||{flag}|||20261101080000"
                for place, (code, value, flag) in enumerate(obx, 1)
            ),
            "",
        )
    ).encode()


def stay(
    control: str,
    event: str = "A08",
    patient: str = "P1",
    visit: str = "V1",
    said: str = "20261101090000",
    account: str = "",
    segments: tuple[str, ...] = (),
    discharged: str = "",
) -> bytes:
    """An ADT event of a stay."""
    return "\r".join(
        (
            f"MSH|^~\\&|HIS|HB|SALUS|HB|{said}||ADT^{event}^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8",
            f"EVN|{event}|{said}",
            f"PID|1||{patient}^^^HB^MR||王^小明||19800101|M||||||||||{account}",
            f"PV1|1|I|心内科||||||||||||||||{visit}|||||||||||||||||||||||||20261101070000|{discharged}",
            *segments,
            "",
        )
    ).encode()


def identity(
    control: str,
    event: str,
    prior: str,
    survivor: str,
    said: str = "20261102090000",
    account: str = "",
    visit: str = "",
) -> bytes:
    """An event that says that two numbers are one patient, or that something of one belongs to the other."""
    person = f"PID|1||{survivor}^^^HB^MR||王^小明||19800101|M"
    second = (
        f"PID|2||{prior}^^^HB^MR||王^小明||19800101|M"
        if event in ("A24", "A37")
        else f"MRG|{prior}^^^HB^MR||{account}||{visit}"
    )
    header = f"MSH|^~\\&|HIS|HB|SALUS|HB|{said}||ADT^{event}|{control}|P|2.5.1||||||UNICODE UTF-8"
    return "\r".join((header, f"EVN|{event}|{said}", person, second, "")).encode()


def admission(control: str, patient: str = "P1", visit: str = "V1", ward: str = "心内科") -> bytes:
    """One admission."""
    return "\r".join(
        (
            f"MSH|^~\\&|HIS|HB|SALUS|HB|20261101090000||ADT^A01^ADT_A01|{control}|P|2.5.1||||||UNICODE UTF-8",
            "EVN|A01|20261101090000",
            f"PID|1||{patient}^^^HB^MR||王^小明||19800101|M",
            f"PV1|1|I|{ward}|||||||||||||||{visit}|{visit}|||||||||||||||||||||||||20261101090000",
            "",
        )
    ).encode()
