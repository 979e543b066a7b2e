"""An oracle in a process of its own: what senders get over sockets, what comes on chain, what waits in quarantine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cli.mllp_client import outcome_of
from cli.world.cast import CAST, Name, Ports
from cli.world.layout import World
from cli.world.services import oracle_settings
from devnet.supervisor import Part, Supervisor
from oracle import runtime
from oracle.hl7.errors import Condition
from oracle.intake.receive import receive
from oracle.normalise import SourceProfile
from salus.core.ids import ParticipantId
from salus.core.operations import Selection
from tests.integration.oracle.stack import PROFILE, Stack, prepare, until
from tests.integration.services import ROOT
from tests.integration.world import ChainWorld
from tests.unit.oracle.oracle_world import admission, report

EMPTY = ParticipantId(bytes(32))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SALUS_HOME of the command line."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def stack(chain: ChainWorld, home: Path) -> Iterator[Stack]:
    """The oracle's journal lies where the command line looks for hospital B's."""
    world = World(home / "up", Ports(), {member.name: EMPTY for member in CAST})
    told = oracle_settings(world, Name.HOSPITAL_B)
    world.save()
    Path(told["SITE_KEY_FILE"]).parent.mkdir()
    Path(told["SITE_KEY_FILE"]).write_text("5a" * 32)
    kept = {name: told[name] for name in ("DATABASE_URL", "SITE_KEY_FILE")}
    stack, up = prepare(chain, home / "services", **kept), Supervisor(world.folder)
    try:
        up.start([Part("anything", ("sleep", "600"), {}, (), lambda: True)])  # the world of `salus up` runs
        stack.start()
        yield stack
    finally:
        up.stop()
        stack.close()


@pytest.fixture
def salus(home: Path) -> Any:
    """`salus oracle VERB hospital-b …` in a process of its own; what it prints as JSON."""

    def run(verb: str, *words: str) -> Any:
        command = [sys.executable, "-m", "cli", "--json", "oracle", verb, "hospital-b", *words]
        environ = dict(os.environ) | {"SALUS_HOME": str(home)}
        done = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
        said = json.loads(done.stdout)
        if isinstance(said, list):
            return said if verb == "quarantine" else {"found": said, "exit": done.returncode}
        return said | {"exit": done.returncode}

    return run


def errors_of(reply: bytes) -> tuple[str, int]:
    """MSA-1 of a reply and the condition (HL7 table 0357) of its ERR segment."""
    code, _ = outcome_of(reply)
    (err,) = [segment for segment in reply.split(b"\r") if segment.startswith(b"ERR")]
    return code, int(err.split(b"|")[3].split(b"^")[0])


def test_messages__over_mllp_and_http__are_anchored_and_open_to_their_patient(stack: Stack) -> None:
    sender, raws = (
        stack.sender,
        [admission("M1", "M"), report("M2", "M-L1", patient="M"), report("M3", "M-L2", patient="M")],
    )
    for raw in raws[:2]:
        reply = sender.once(raw)
        assert outcome_of(reply) == ("AA", receive(raw).control_id.encode())
        assert b"\rERR" not in reply
    status, reply = stack.oracle.ask("POST", "/v1/messages", raws[2], {"content-type": "application/hl7-v2"})
    assert (status, outcome_of(reply)) == (200, ("AA", b"M3"))
    stack.await_idle()
    assert stack.opened_by([stack.claim("M")]) == stack.said(raws)


def test_resend__same_bytes_or_new_control_id__is_anchored_once(stack: Stack) -> None:
    sender, raws = stack.sender, [report("S1", "S-L1", patient="S"), report("S2", "S-L1", patient="S")]
    for raw in (raws[0], raws[0], raws[1], raws[0]):
        assert outcome_of(sender.once(raw))[0] == "AA"
    stack.await_idle()
    (record,) = stack.said(raws)
    assert [one.version for one in stack.anchored() if one.record_id == record] == [1]


def test_correction__of_a_result__is_version_2_that_names_its_predecessor(stack: Stack) -> None:
    raws = [report("C1", "C-L1", patient="C"), report("C2", "C-L1", "6.00", "C", patient="C")]
    for raw in raws:
        assert outcome_of(stack.sender.once(raw))[0] == "AA"
    stack.await_idle()
    (record,) = stack.said(raws)
    first, second = sorted((one for one in stack.anchored() if one.record_id == record), key=lambda one: one.version)
    assert (first.version, first.previous) == (1, bytes(32))
    assert (second.version, second.previous) == (2, first.leaf)
    opened = stack.opened_by([stack.claim("C")])
    assert opened == stack.said(raws)
    assert [b'"status":"corrected"' in body for body in opened[record]] == [False, True]


def odd(control: str) -> bytes:
    """A result in GB18030 of a sender that names a character set nobody here knows."""
    return (
        report(control, f"{control}-L1", patient=control)
        .replace(b"UNICODE UTF-8", b"EBCDIC")
        .decode()
        .encode("gb18030")
    )


BAD = {
    "another trigger event": (
        report("B1").replace(b"ORU^R01^ORU_R01", b"ORU^R99"),
        "AR",
        Condition.UNSUPPORTED_EVENT_CODE,
    ),
    "another type": (report("B2").replace(b"ORU^R01^ORU_R01", b"QRY^A19"), "AR", Condition.UNSUPPORTED_MESSAGE_TYPE),
    "no control id": (report(""), "AE", Condition.REQUIRED_FIELD_MISSING),
    "no message type": (report("B4").replace(b"ORU^R01^ORU_R01", b""), "AE", Condition.REQUIRED_FIELD_MISSING),
    "another version": (report("B5").replace(b"|2.5.1|", b"|3.0|"), "AR", Condition.UNSUPPORTED_VERSION_ID),
    "no header": (b"hello", "AR", Condition.SEGMENT_SEQUENCE),
    "unknown characters": (odd("B7"), "AE", Condition.DATA_TYPE),
}


@pytest.mark.parametrize(("raw", "code", "condition"), BAD.values(), ids=BAD)
def test_bad_message__over_mllp__is_refused_with_err_and_kept(
    raw: bytes, code: str, condition: Condition, stack: Stack, salus: Any
) -> None:
    before = stack.oracle.get("/ready")["quarantined"]
    sender = stack.sender
    assert errors_of(sender.once(raw)) == (code, condition)
    assert outcome_of(sender.once(admission("after", "M")))[0] == "AA"  # the connection serves on
    until(lambda: stack.oracle.get("/ready")["quarantined"] == before + 1)


def test_redrive__of_a_message_that_nobody_mended__is_back_in_quarantine(stack: Stack) -> None:
    quarantined = stack.oracle.get("/ready")["quarantined"]
    assert outcome_of(stack.sender.once(odd("R1")))[0] == "AE"
    with runtime.opened_journal(stack.journal) as kept:
        newest = kept.quarantine.list()[-1]
        kept.quarantine.release(Selection((newest.key,)), "os:test")
        until(lambda: kept.quarantine.list()[-1:] == [replace(newest, attempts=1)])
    assert stack.oracle.get("/ready")["quarantined"] == quarantined + 1


def test_sigterm__while_messages_come_in__loses_none_that_was_acknowledged(stack: Stack) -> None:
    senders = [stack.sender for _ in range(4)]
    acknowledged: list[bytes] = []

    def pump(place: int) -> None:
        for number in range(10_000):
            raw = report(f"T{place}.{number}", f"T{place}-L{number}", patient=f"T{place}")
            try:
                if outcome_of(senders[place].once(raw))[0] == "AA":
                    acknowledged.append(raw)
            except OSError:
                return

    threads = [Thread(target=pump, args=(place,)) for place in range(len(senders))]
    for thread in threads:
        thread.start()
    until(lambda: len(acknowledged) >= 40)
    assert stack.oracle.stop() in (0, -15)
    for thread in threads:
        thread.join()
    stack.oracle.start()
    stack.oracle.await_ready()
    stack.await_idle()
    expected = stack.said(acknowledged)
    versions = [(one.record_id, one.version) for one in stack.anchored()]
    assert len(versions) == len(set(versions))
    assert {(record, 1) for record in expected} <= set(versions)


def test_quarantine__driven_again_by_the_command_line_after_mending__is_anchored(stack: Stack, salus: Any) -> None:
    raw = odd("Q1")
    assert outcome_of(stack.sender.once(raw))[0] == "AE"
    listed = salus("quarantine")
    newest = max(listed, key=lambda row: row["key"])
    shown = salus("show", str(newest["key"]))
    assert bytes.fromhex(shown["raw"].removeprefix("0x")) == raw
    stack.oracle.stop()
    stack.oracle.settings["CHARSET"] = "GB18030"
    stack.oracle.start()
    stack.oracle.await_ready()
    assert salus("redrive", str(newest["key"])) == {"released": [newest["key"]], "exit": 0}
    stack.await_idle()
    assert newest["key"] not in {row["key"] for row in salus("quarantine")}
    mended = SourceProfile(PROFILE.name, PROFILE.authority, "GB18030")
    assert stack.opened_by([stack.claim("Q1")]) == stack.said([raw], mended)
    (record,) = stack.said([raw], mended)
    (told,) = salus("status", "Q1")["found"]
    assert (told["key"], told["state"], told["attempts"]) == (newest["key"], "done", 1)
    assert told["records"][0]["record"].endswith(record.hex())
    audit = salus("audit")
    assert [row["deed"] for row in audit["rows"]][-2:] == ["show", "release"]
    assert {row["actor"].partition(":")[0] for row in audit["rows"]} == {"os"}
    assert (audit["wrong"], audit["exit"]) == ("", 0)
