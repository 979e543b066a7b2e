"""Access request to plaintext, with 20 requesters at once, three custodians as processes and Anvil with 1 s blocks.

    python -m bench.access [--requesters N] [--rounds N] [--records N]

Each requester has a patient of their own and opens that patient's records under a consent again and again, as
`salus.flows.open` does it: list, request on chain, wait until final, shares of all custodians, decrypt, check. The
requesters are threads of one process, as in one institution's API; they share its operator account.
"""

from __future__ import annotations

import argparse
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from bench.lines import Progress, line, percentile, run, scratch
from bench.processes import Watched
from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.adapters.content.folder import FolderStore
from salus.core import hpke
from salus.core.labels import Action, Category, Purpose, Role
from salus.flows.custody import Caller
from salus.flows.ledger import Gateway, OperatorLedger
from salus.flows.open import Ask, Opened, Person, Reading, open_with_consent
from tests.custody_stage import Case, Draft
from tests.integration.custodian.conftest import ChainStage, SystemClock
from tests.integration.services import Grounds, start_all, stop_all
from tests.integration.world import ChainWorld, build

GOAL = "median ≤ 3 s, maximum ≤ 10 s"
READER = "hospital-a"
STEPS = ("list", "chain", "shares", "decrypt")
_ASK = Ask(Purpose.TREAT, Action.ACCESS, Person("dr-li", Role.PHYSICIAN))


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds of one access, whole and by step."""

    whole: float
    steps: dict[str, float]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.access", description=__doc__.partition("\n")[0])
    parser.add_argument("--requesters", type=int, default=20, help="how many ask at once")
    parser.add_argument("--rounds", type=int, default=10, help="how often each of them opens")
    parser.add_argument("--records", type=int, default=3, help="records opened by each access")
    told = parser.parse_args()
    with scratch("access") as folder, Progress() as progress, Anvil(AnvilSettings(free_port())) as anvil:
        progress.tell("deploying contracts, admitting institutions")
        with anvil.instant():
            world = build(anvil)
            grounds = Grounds(world, folder / "world")
        try:
            progress.tell("starting three custodians")
            start_all(grounds.custodians)
            stage = ChainStage(world, grounds)
            try:
                with anvil.instant():
                    cases = _patients(stage, told.requesters, told.records, progress)
                _measure(stage, cases, grounds, told.rounds, progress)
            finally:
                stage.close()
        finally:
            stop_all(grounds.custodians)
            world.chain.close()


def _patients(stage: ChainStage, number: int, records: int, progress: Progress) -> list[Case]:
    """Patients with records at the custodians and a consent for the reader."""
    cases = []
    for place in range(number):
        progress.tell(f"patient {place + 1} of {number}: bind, deposit, anchor, grant", every=0.5)
        drafts = [Draft(Category.LAB if n % 2 == 0 else Category.IMGREP, days_ago=n) for n in range(records)]
        cases.append(Case(stage, *drafts))
    return cases


def _measure(stage: ChainStage, cases: list[Case], grounds: Grounds, rounds: int, progress: Progress) -> None:
    content = FolderStore(grounds.content)
    content.put_many([record.envelope for case in cases for record in case.records])
    reading = _reading(stage.world, stage, content)
    watched = [Watched(service.folder.name, service.child.pid) for service in grounds.custodians if service.child]
    for one in watched:
        one.sample(0)
    together, began = threading.Barrier(len(cases)), time.perf_counter()

    def requester(case: Case) -> list[Taken]:
        together.wait()
        return [_open(case, reading) for _ in range(rounds)]

    taken: list[Taken] = []
    with ThreadPoolExecutor(len(cases)) as pool:
        for done in as_completed([pool.submit(requester, case) for case in cases]):
            taken += done.result()
            progress.tell(f"{len(taken)} of {len(cases) * rounds} accesses opened", every=0.5)
    seconds = time.perf_counter() - began
    for one in watched:
        one.sample(seconds)
    _print(taken, len(cases), len(cases[0].records), seconds, watched)


def _reading(world: ChainWorld, stage: ChainStage, content: FolderStore) -> Reading:
    party = world.party(READER)
    ledger = OperatorLedger(world.reader, Gateway(world.reader, party.writer, time.sleep), party.operator)
    caller = Caller(party.operator, world.reader.domain("Council"), SystemClock(), secrets.token_bytes)
    regulator = hpke.public_key(world.party("regulator").encryption_key)
    return Reading(ledger, stage.client, content, caller, regulator)


def _open(case: Case, reading: Reading) -> Taken:
    began = time.perf_counter()
    opened = open_with_consent(case.package, _ASK, case.stage.reader.id, reading)
    whole = (time.perf_counter() - began) * 1000
    _require_all(case, opened)
    return Taken(whole, opened.milliseconds)


def _require_all(case: Case, opened: Opened) -> None:
    wanted = {record.leaf.record_id for record in case.records}
    if {item.record.record_id for item in opened.items} != wanted or opened.liars or opened.failed:
        raise RuntimeError(f"{len(opened.items)} of {len(wanted)} records were opened, {len(opened.refused)} refused")


def _print(taken: list[Taken], requesters: int, records: int, seconds: float, watched: list[Watched]) -> None:
    whole = [one.whole / 1000 for one in taken]
    figure = (
        f"median {percentile(whole, 0.5):.2f} s, p95 {percentile(whole, 0.95):.2f} s, maximum {max(whole):.2f} s"
        f" ({len(taken)} accesses, {len(taken) / seconds:.1f}/s)"
    )
    line(f"access to plaintext, {requesters} requesters, {records} records each", figure, GOAL, "access")
    for step in STEPS:
        spent = [one.steps[step] for one in taken]
        figure = f"median {percentile(spent, 0.5):,.0f} ms, maximum {max(spent):,.0f} ms"
        line(f"  {step}", figure, "", "access")
    for one in watched:
        line(f"  {one.name}: CPU", f"{one.cpu_seconds / len(taken) * 1000:.0f} ms an access", "", "access")


if __name__ == "__main__":
    run(main)
