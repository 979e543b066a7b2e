"""A short month over the running stack: sent over MLLP, anchored on a real chain, opened by the patients themselves."""

from __future__ import annotations

from pathlib import Path

from bench.month import Month
from bench.month_check import Share
from bench.month_read import Read, read_record
from bench.month_truth import Name
from salus.core.codes import Code
from salus.core.errors import NotFoundError
from tests.integration.oracle.stack import Patient, Stack, patiently, prepare
from tests.integration.world import ChainWorld


def over_chain(world: ChainWorld, folder: Path, one: Month) -> Share:
    """Send a month to a stack of its own; records that their patients read as the truth says."""
    with world.anvil.instant():
        stack = prepare(world, folder)
    try:
        stack.start()
        sender = stack.sender
        for arrival in one.arrivals:
            answer = sender.insist(arrival.sent.raw)
            assert answer == "AA" or arrival.held, answer
        stack.await_idle()
        with world.anvil.instant():
            return _compare(one, stack)
    finally:
        stack.close()


def _compare(one: Month, stack: Stack) -> Share:
    found: dict[tuple[int, Name], Read] = {}
    for person in one.people:
        for number in person.numbers:
            patient = _claimed(stack, number)
            if patient is None:
                continue
            for name, read in _read(stack, patient).items():
                own = (person.place, name)
                found[own] = found[own].joined(read) if own in found else read
    share = Share()
    for name, true in one.records.items():
        own = (true.owner, name)
        share.add(" ".join(name), is_right=own in found and found[own].says(name[0], true))
    return share


def _claimed(stack: Stack, number: str) -> Patient | None:
    """The patient with a number, None when no message has named it."""
    try:
        return stack.claim(number)
    except NotFoundError:
        return None


def _read(stack: Stack, patient: Patient) -> dict[Name, Read]:
    """What a patient reads in the newest version of each of their records."""
    opened = patiently(lambda: stack.open_own(patient))
    assert set(opened.refused.values()) <= {Code.RECORD_INVALID}, opened.refused
    assert not opened.failed, opened.failed
    newest: dict[bytes, tuple[int, dict[str, object]]] = {}
    for item in opened.items:
        record = item.record
        if record.version > newest.get(record.record_id, (0, {}))[0]:
            newest[record.record_id] = record.version, record.content
    found: dict[Name, Read] = {}
    for _, content in newest.values():
        read = read_record(content)
        for name in read.names:
            found[name] = found[name].joined(read) if name in found else read
    return found
