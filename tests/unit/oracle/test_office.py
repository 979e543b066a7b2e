"""The operators' API: signed calls, each good once, of this source's operators only."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oracle.audit import Auditing, Seal
from oracle.members import Members
from oracle.office import Office
from oracle.quarantine import Quarantine
from oracle.status import Lookup
from salus.adapters.database.oracle_operations import DatabaseOperations
from salus.adapters.memory import MemorySigner
from salus.core.canonical import canonical
from salus.core.codes import Code
from salus.core.errors import ConflictError, InputError, NotFoundError, RefusedError, SignatureError
from salus.core.hashing import sha256
from salus.core.ids import ParticipantId
from salus.core.policy import ParticipantRole
from salus.flows.custody import Caller
from tests.unit.oracle.oracle_world import OPERATOR, SOURCE, Oracle, Outside, report

STRANGER = MemorySigner.named("stranger")
NEIGHBOUR = MemorySigner.named("neighbour")
OTHER = ParticipantId(sha256(b"another hospital"))


class Desk:
    """An office and those who call it."""

    def __init__(self, path: Path) -> None:
        self.outside = outside = Outside()
        outside.chain.set_participant(OTHER, roles=ParticipantRole.SOURCE, operators=[NEIGHBOUR.address])
        self.oracle = Oracle(path, outside)
        store = DatabaseOperations(self.oracle.database, Seal(self.oracle.site))
        auditing = Auditing(store, self.oracle.site, outside.clock)
        quarantine = Quarantine(self.oracle.messages, store, self.oracle.site, auditing)
        members = Members(outside.chain, outside.clock, SOURCE)
        lookup = Lookup(store, self.oracle.site)
        self.office = Office(members, SOURCE, store, quarantine, lookup, auditing, outside.clock)

    def header(
        self, verb: str, body: dict[str, Any], signer: MemorySigner = OPERATOR, to: ParticipantId = SOURCE
    ) -> str:
        outside = self.outside
        caller = Caller(signer, outside.chain.domain("Council"), outside.clock, outside.randomness)
        call = caller.call(f"messages.{verb}", to, body)
        return "Salus " + base64.urlsafe_b64encode(canonical(call)).decode().rstrip("=")

    def ask(self, verb: str, signer: MemorySigner = OPERATOR, **body: Any) -> dict[str, Any]:
        return self.office.answer(verb, self.header(verb, body, signer))

    def take(self, *raws: bytes) -> None:
        self.oracle.take(*raws)
        self.oracle.pipeline.settle()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "oracle.db")
    yield made
    made.oracle.close()


def broken(control: str) -> bytes:
    return report(control, order=f"L-{control}").replace(b"|P1^^^HB^MR|", b"||")


def test_office__each_verb__does_what_the_command_does(desk: Desk) -> None:
    desk.take(broken("C1"), broken("C2"), report("C3"))
    first, second = (one["key"] for one in desk.ask("quarantine")["messages"])
    assert desk.ask("quarantine", after=first)["messages"][0]["fault"]["condition"] == 101
    assert desk.ask("status", controlId="C3")["messages"][0]["state"] == "done"
    assert desk.ask("status", controlId="C3", source="his", application="LIS", facility="HB")["messages"]
    assert bytes.fromhex(desk.ask("show", key=first)["raw"][2:]) == broken("C1")
    assert desk.ask("release", keys=[first], reason="mended") == {"keys": [first]}
    assert desk.ask("discard", keys=[second], reason="test") == {"keys": [second]}
    assert desk.ask("reprocess", kind="ORU^R01") == {"keys": [3]}
    audit = desk.ask("audit")
    assert [row["deed"] for row in audit["rows"]] == ["show", "release", "discard", "reprocess"]
    assert {row["actor"] for row in audit["rows"]} == {OPERATOR.address}
    assert (audit["checked"], audit["wrong"]) == (4, "")


def test_office__release_of_all__needs_to_be_said(desk: Desk) -> None:
    desk.take(broken("C1"))
    with pytest.raises(InputError):
        desk.ask("release")
    assert desk.ask("release", all=True) == {"keys": [1]}


def test_office__the_same_call_again__is_refused(desk: Desk) -> None:
    desk.take(broken("C1"))
    header = desk.header("show", {"key": 1})
    desk.office.answer("show", header)
    with pytest.raises(RefusedError) as refused:
        desk.office.answer("show", header)
    assert refused.value.code is Code.CALL_REPLAYED
    assert len(desk.ask("audit")["rows"]) == 1


REFUSED: dict[str, tuple[Callable[[Desk], str], type[Exception]]] = {
    "operator of another hospital": (lambda desk: desk.header("show", {"key": 1}, NEIGHBOUR), RefusedError),
    "nobody's operator": (lambda desk: desk.header("show", {"key": 1}, STRANGER), RefusedError),
    "for another recipient": (lambda desk: desk.header("show", {"key": 1}, to=OTHER), SignatureError),
    "for another verb": (lambda desk: desk.header("status", {"key": 1}), SignatureError),
    "a bearer token": (lambda _: "Bearer secret", InputError),
    "nothing": (lambda _: "", InputError),
}


@pytest.mark.parametrize(("header", "error"), REFUSED.values(), ids=REFUSED)
def test_office__call_of_nobody_who_may__is_refused_and_not_logged(
    header: Callable[[Desk], str], error: type[Exception], desk: Desk
) -> None:
    desk.take(broken("C1"))
    with pytest.raises(error):
        desk.office.answer("show", header(desk))
    assert desk.ask("audit")["rows"] == []


def test_office__stale_call__is_refused(desk: Desk) -> None:
    desk.take(broken("C1"))
    header = desk.header("show", {"key": 1})
    desk.outside.clock.tick(61)
    with pytest.raises(RefusedError) as refused:
        desk.office.answer("show", header)
    assert refused.value.code is Code.CALL_STALE


MALFORMED: dict[str, tuple[str, dict[str, Any], type[Exception]]] = {
    "no control id": ("status", {}, InputError),
    "control id of another type": ("status", {"controlId": 7}, InputError),
    "keys of another type": ("release", {"keys": "1"}, InputError),
    "a key of another type": ("release", {"keys": ["1"]}, InputError),
    "too many keys": ("release", {"keys": list(range(1, 502))}, InputError),
    "nothing chosen to discard": ("discard", {"reason": "x", "all": True}, InputError),
    "no reason": ("discard", {"keys": [1]}, InputError),
    "nothing chosen to reprocess": ("reprocess", {"after": 1}, InputError),
    "limit of nothing": ("quarantine", {"limit": 0}, InputError),
    "limit too large": ("audit", {"limit": 100_000}, InputError),
    "unknown message": ("show", {"key": 99}, NotFoundError),
    "wrong state": ("reprocess", {"keys": [1]}, ConflictError),
    "unknown verb": ("destroy", {}, NotFoundError),
}


@pytest.mark.parametrize(("verb", "body", "error"), MALFORMED.values(), ids=MALFORMED)
def test_office__malformed_call__is_refused_and_changes_nothing(
    verb: str, body: dict[str, Any], error: type[Exception], desk: Desk
) -> None:
    desk.take(broken("C1"))
    with pytest.raises(error):
        desk.ask(verb, **body)
    assert len(desk.ask("quarantine")["messages"]) == 1
    assert desk.ask("audit")["rows"] == []
