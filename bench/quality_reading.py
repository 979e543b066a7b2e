"""From receipt to readable: records sent to a running stack, opened by their patients as soon as they can be.

Each patient asks for all of their records again and again, as a phone would after a notification: a request on chain,
shares from the custodians, decryption. A record counts from its AA to the end of the request that first opened it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event, Lock

from bench.lines import Progress
from bench.month_read import read_record
from oracle.hl7.timestamps import SHANGHAI
from salus.core.errors import RefusedError, UnavailableError
from tests.integration.oracle.stack import Patient, Sender, Stack, prepare
from tests.integration.world import ChainWorld

_GIVE_UP_SECONDS = 120.0


@dataclass
class Opening:
    """When records were acknowledged and first opened, by filler number. `asked` counts requests, `again` those that a
    custodian could not answer yet."""

    acknowledged: dict[str, float] = field(default_factory=dict)
    opened: dict[str, float] = field(default_factory=dict)
    asked: int = 0
    again: int = 0
    lock: Lock = field(default_factory=Lock)

    @property
    def seconds(self) -> list[float]:
        """Receipt to readable of each opened record."""
        return [at - self.acknowledged[name] for name, at in self.opened.items()]


def read_as_patients(
    world: ChainWorld, folder: Path, patients: int, records: int, rate: float, progress: Progress
) -> Opening:
    """Send `records` at `rate` a second to a stack of its own; each is opened by one of the patients.

    Raises:
        RuntimeError: some could not be opened within two minutes of the last.
    """
    with world.anvil.instant():
        stack = prepare(world, folder)
    opening, done = Opening(), Event()
    try:
        progress.tell("starting three custodians and the oracle")
        stack.start()
        numbers = [f"Q{place}" for place in range(patients)]
        sender = stack.sender
        for number in numbers:
            assert sender.insist(_admission(number)) == "AA"
        stack.await_idle()
        claimed = [stack.claim(number) for number in numbers]
        progress.tell(f"{records:,} records at {rate:g}/s, {patients} patients open them")
        with ThreadPoolExecutor(patients) as pool:
            readers = [pool.submit(_open_again, stack, one, opening, done) for one in claimed]
            try:
                _send(sender, numbers, records, rate, opening)
                _await(lambda: len(opening.opened) >= records, opening, records)
            finally:
                done.set()
            for reader in readers:
                reader.result()
    finally:
        stack.close()
    return opening


def _send(sender: Sender, numbers: list[str], records: int, rate: float, opening: Opening) -> None:
    began = time.time()
    for place in range(records):
        time.sleep(max(0.0, began + place / rate - time.time()))
        name = f"QL{place}"
        assert sender.insist(_report(name, numbers[place % len(numbers)])) == "AA"
        opening.acknowledged[name] = time.time()


def _open_again(stack: Stack, patient: Patient, opening: Opening, done: Event) -> None:
    while not done.is_set():
        opening.asked += 1
        try:
            found = stack.open_own(patient)
        except (UnavailableError, RefusedError):
            opening.again += 1
            time.sleep(0.2)
            continue
        at = time.time()
        names = {
            number
            for item in found.items
            for kind, number in read_record(item.record.content).names
            if kind == "report"
        }
        with opening.lock:
            for name in names - opening.opened.keys():
                opening.opened[name] = at


def _await(holds: Callable[[], bool], opening: Opening, records: int) -> None:
    deadline = time.time() + _GIVE_UP_SECONDS
    while not holds():
        if time.time() > deadline:
            raise RuntimeError(f"only {len(opening.opened):,} of {records:,} records could be opened")
        time.sleep(0.2)


def _stamp() -> str:
    return f"{datetime.now(SHANGHAI):%Y%m%d%H%M%S}"


def _admission(number: str) -> bytes:
    at = _stamp()
    return _bytes(
        f"MSH|^~\\&|HIS|HB|SALUS|HB|{at}||ADT^A01^ADT_A01|A{number}|P|2.5.1||||||UNICODE UTF-8",
        f"EVN|A01|{at}",
        f"PID|1||{number}^^^HB^MR||王^小明||19800101|M",
        f"PV1|1|I|心内科|||||||||||||||V{number}|V{number}|||||||||||||||||||||||||{at}",
    )


def _report(name: str, number: str) -> bytes:
    at = _stamp()
    return _bytes(
        f"MSH|^~\\&|LIS|HB|SALUS|HB|{at}||ORU^R01^ORU_R01|{name}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{number}^^^HB^MR||王^小明||19800101|M",
        f"OBR|1|S{name}|{name}^LIS|24323-8^生化^LN|||{at}|||||||||||||||{at}||LAB|F",
        f"OBX|1|NM|2345-7^葡萄糖^LN||5.40|mmol/L|3.9-6.1|N|||F|||{at}",
    )


def _bytes(*segments: str) -> bytes:
    return ("\r".join(segments) + "\r").encode()
