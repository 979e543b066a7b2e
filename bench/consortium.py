"""A consortium's chain under load: four validators, one block a second, everything on these cores.

    python -m bench.consortium [--seconds N] [--gas-limit N] [--engine qbft]

Four geth nodes that seal by Clique, or four QBFT nodes of the program that SALUS_QBFT_NODE names.
Institutions ask under consents. Alone: each request is a transaction of the operator's, sent by as many threads as keep
the chain busy. Batched: 50 requests with the operator's signatures in a transaction of a relay. A request is committed
when its transaction is mined, final when more than half of the signers have sealed on top (`clique:4`) or at once
(`qbft`), both as the node that is asked says.
"""

from __future__ import annotations

import argparse
import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bench.consortium_nodes import ENGINES, NODES, Nodes, running
from bench.lines import Progress, line, percentile, run, scratch
from devnet.anvil import CHAIN_ID
from salus.adapters.chain.connect import Chain, connect
from salus.adapters.chain.lanes import Lanes
from salus.adapters.keys.signer import LocalSigner
from salus.core import signatures
from salus.core.codes import Code
from salus.core.ids import Address
from salus.core.ports import ContractCall
from salus.flows.admit import add_operator
from salus.flows.grant import revoke_call
from tests.integration.asking import Asked, asked
from tests.integration.world import ChainWorld, account, build

if TYPE_CHECKING:
    from devnet.anvil import Anvil

_NAME = "consortium"
_ASKING = ("hospital-a", "hospital-b", "checkup")
_TOGETHER = 50
_OPERATORS, _THREADS, _BATCHES = 4, 400, 14


@dataclass(slots=True)
class Blocks:
    """When blocks were first seen, and when they became final, by a monotonic clock in seconds."""

    chain: Chain
    seen: dict[int, float] = field(default_factory=dict)
    final: dict[int, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator[Blocks]:
        """Watch until the end of the context."""
        watchers = [
            threading.Thread(target=self._watch, args=(0.01, self._head, self.seen)),
            threading.Thread(target=self._watch, args=(0.05, lambda: self.chain.reader.final().number, self.final)),
        ]
        for watcher in watchers:
            watcher.start()
        try:
            yield self
        finally:
            self._stop.set()
            for watcher in watchers:
                watcher.join()

    def _head(self) -> int:
        return int(self.chain.rpc.call("eth_blockNumber"), 16)

    def _watch(self, pause: float, number_of: Callable[[], int], found: dict[int, float]) -> None:
        last = number_of()
        while not self._stop.wait(pause):
            number, now = number_of(), time.monotonic()
            for between in range(last + 1, number + 1):
                found[between] = now
            last = max(last, number)

    def intervals(self) -> list[float]:
        """Seconds from each block seen to the next."""
        times = [self.seen[number] for number in sorted(self.seen)]
        return [after - before for before, after in itertools.pairwise(times)]

    def final_at(self, number: int, patience: float = 30) -> float:
        """When a block became final."""
        deadline = time.monotonic() + patience
        while number not in self.final:
            if time.monotonic() > deadline:
                raise RuntimeError(f"block {number} did not become final")
            time.sleep(0.05)
        return self.final[number]


@dataclass(frozen=True, slots=True)
class Sent:
    """A mined transaction: when it was asked for and when its receipt came (monotonic), its block, requests in it."""

    began: float
    mined: float
    block: int
    requests: int


Send = Callable[[int], tuple[int, int]]
"""Sends one transaction, as the worker of a number: its block, and how many requests it carried."""


def load(send: Send, workers: int, seconds: float, rate: float | None = None) -> list[Sent]:
    """Send for some seconds: as fast as the workers can, or so many transactions a second, evenly."""
    ends, turn, lock = time.monotonic() + seconds, itertools.count(), threading.Lock()
    began = time.monotonic()

    def work(number: int) -> list[Sent]:
        found: list[Sent] = []
        while True:
            if rate is not None:
                with lock:
                    due = began + next(turn) / rate
                if due > ends:
                    return found
                time.sleep(max(0.0, due - time.monotonic()))
            else:
                due = time.monotonic()
                if due > ends:
                    return found
            block, requests = send(number)
            found.append(Sent(due, time.monotonic(), block, requests))

    with ThreadPoolExecutor(workers) as pool:
        return [one for done in [pool.submit(work, number) for number in range(workers)] for one in done.result()]


class Bench:
    """The world of a run: institutions with consents of patients, on a chain of four nodes."""

    def __init__(self, nodes: Nodes, world: ChainWorld, chain: Chain) -> None:
        self.nodes, self.world, self.chain = nodes, world, chain
        self.consents = {name: asked(world.reader, world.party(name), world.relay, 8) for name in _ASKING}
        self.relays = [chain.writer([account(f"bench relay {number}")]) for number in range(_BATCHES)]
        self.writers = {name: chain.writer(self._operators(name)) for name in _ASKING}

    def _operators(self, name: str) -> list[LocalSigner]:
        """Accounts of an institution: each has at most 50 transactions on their way."""
        party, until = self.world.party(name), self.world.reader.head().timestamp + 600
        others = [account(f"bench operator {number} of {name}") for number in range(1, _OPERATORS)]
        for one in others:
            add_operator(party.participant, one, until, party.writer, self.world.reader)
        return [party.operator, *others]

    def alone(self, worker: int) -> tuple[int, int]:
        """One request, one transaction."""
        name = _ASKING[worker % len(_ASKING)]
        one = secrets.choice(self.consents[name])
        words = (one.package.consent.to_words(), one.again().to_words())
        receipt = self.writers[name].send(ContractCall(self._gateway, "request", words))
        return receipt.block.number, 1

    def batched(self, worker: int) -> tuple[int, int]:
        """Fifty requests in a transaction."""
        name = _ASKING[worker % len(_ASKING)]
        requests = tuple(self._signed(name, secrets.choice(self.consents[name])) for _ in range(_TOGETHER))
        receipt = self.relays[worker].send(ContractCall(self._gateway, "requestMany", (requests,)))
        return receipt.block.number, len(requests)

    def anchors(self, relay: Lanes, count: int) -> list[int]:
        """Blocks of so many anchors of 1,000 records each."""
        calls = [
            ContractCall("RecordRegistry", "anchor", (secrets.token_bytes(32), 1000, self.world.custodian_set, 1))
            for _ in range(count)
        ]
        return [receipt.block.number for receipt in relay.send_many(calls)]

    def granted(self, first: int, last: int) -> int:
        """How many accesses the chain says were granted in blocks."""
        return sum(event.name == "AccessGranted" for event in self.chain.reader.events(first, last))

    @property
    def _gateway(self) -> Address:
        return self.world.reader.address_of("AccessGateway")

    def _signed(self, name: str, one: Asked) -> tuple[Any, Any, Any]:
        access, domain = one.again(), self.world.reader.domain("AccessGateway")
        signature = signatures.compact(self.world.party(name).operator.sign(access.access_id(domain)))
        return one.package.consent.to_words(), access.to_words(), signature


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.consortium", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=30, help="how long each load lasts")
    parser.add_argument("--gas-limit", type=int, default=None, help="of a block (the engine's own)")
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0])
    told = parser.parse_args()
    with (
        scratch(_NAME) as folder,
        Progress() as progress,
        running(told.engine, folder / "chain", CHAIN_ID, told.gas_limit, progress.tell) as nodes,
    ):
        progress.tell("deploying contracts, admitting institutions")
        world = build(cast("Anvil", Reached(nodes.urls["a"])))  # of a chain, the world asks the address only
        chain = connect(nodes.urls["a"], world.deployment.address("Council"), nodes.finality)
        try:
            progress.tell("patients grant")
            _measure(Bench(nodes, world, chain), told.seconds, progress)
        finally:
            chain.close()
            world.chain.close()


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a chain is reached."""

    url: str


def _measure(bench: Bench, seconds: int, progress: Progress) -> None:
    limit = f"{bench.nodes.finality}, {bench.nodes.gas_limit / 1e6:.0f} M gas a block"
    progress.tell("blocks, nothing asked")
    with Blocks(bench.chain).watched() as idle:
        time.sleep(2 * seconds)
    _print_intervals(f"block interval, four nodes, {limit}", idle.intervals())

    progress.tell("requests alone, as fast as it goes")
    alone = _sustained(bench, "requests alone", bench.alone, _THREADS, seconds, "≥ 100/s")
    for share in (0.1, 0.5, 0.9):
        progress.tell(f"requests alone at {share:.0%} of that")
        _at_load(bench, share, alone * share, seconds)
    progress.tell("requests in batches of 50, as fast as it goes")
    _sustained(bench, f"requests in batches of {_TOGETHER}", bench.batched, _BATCHES, seconds, "≥ 300/s")
    progress.tell("revoke, then ask")
    _print_revoking(bench)
    progress.tell("how the chain grows")
    _print_growth(bench)

    progress.tell("one validator dead")
    bench.nodes.kill(NODES[-1])
    with Blocks(bench.chain).watched() as dead:
        time.sleep(2 * seconds)
    _print_intervals("block interval, one of four nodes dead", dead.intervals())


def _sustained(bench: Bench, what: str, send: Send, workers: int, seconds: float, goal: str) -> float:
    """Prints the rate in the middle of a run as fast as it goes; requests a second."""
    with Blocks(bench.chain).watched() as blocks:
        sent = load(send, workers, seconds)
        final = [blocks.final_at(one.block) - one.began for one in sent]
    began, ended = min(one.mined for one in sent), max(one.mined for one in sent)
    whole = sum(one.requests for one in sent)
    first, last = min(one.block for one in sent), max(one.block for one in sent)
    if bench.granted(first, last) != whole:
        raise RuntimeError(f"{whole} requests were mined, the chain granted {bench.granted(first, last)}")
    rate = whole / (ended - began)
    figure = f"{rate:,.0f}/s over {ended - began:.0f} s ({whole:,}, each once on chain); " + _delays(sent, final)
    line(what, figure, f"{goal}, {_final_goal(bench)}", _NAME)
    intervals = blocks.intervals()
    figure = f"p50 {percentile(intervals, 0.5):.2f}, p95 {percentile(intervals, 0.95):.2f} s"
    line("  block interval meanwhile", figure, "", _NAME)
    return rate


def _at_load(bench: Bench, share: float, rate: float, seconds: float) -> None:
    with Blocks(bench.chain).watched() as blocks:
        sent = load(bench.alone, _THREADS, seconds, rate)
        final = [blocks.final_at(one.block) - one.began for one in sent]
    line(f"  at {share:.0%} of that, {rate:,.0f}/s", _delays(sent, final), _final_goal(bench), _NAME)


def _final_goal(bench: Bench) -> str:
    return f"median final ≤ {bench.nodes.final_within} s"


def _delays(sent: list[Sent], final: list[float]) -> str:
    mined = [one.mined - one.began for one in sent]
    return (
        f"committed p50 {percentile(mined, 0.5):.2f}, p95 {percentile(mined, 0.95):.2f} s; "
        f"final p50 {percentile(final, 0.5):.2f}, p95 {percentile(final, 0.95):.2f} s"
    )


def _print_intervals(what: str, intervals: list[float]) -> None:
    figure = (
        f"p50 {percentile(intervals, 0.5):.2f}, p95 {percentile(intervals, 0.95):.2f}, most {max(intervals):.2f} s "
        f"({len(intervals)} blocks)"
    )
    line(what, figure, "p95 ≤ 3 s", _NAME)


def _print_revoking(bench: Bench) -> None:
    """A holder revokes; from the call to the first request the chain denies."""
    taken = []
    for one in bench.consents[_ASKING[0]][:5]:
        began = time.monotonic()
        call = revoke_call(one.holder, one.package.consent_id, bench.world.reader.domain("ConsentRegistry"))
        revoked = bench.world.relay.send(call)
        access = one.again()
        words = (one.package.consent.to_words(), access.to_words())
        bench.writers[_ASKING[0]].send(ContractCall(bench.world.reader.address_of("AccessGateway"), "request", words))
        access_id = access.access_id(bench.world.reader.domain("AccessGateway"))
        state = bench.chain.reader.access(access_id, bench.chain.reader.head())
        if Code(state.code) is not Code.CONSENT_REVOKED:
            raise RuntimeError(f"asked after block {revoked.block.number} and answered {Code(state.code).name}")
        taken.append(time.monotonic() - began)
    line(
        "revoke to a request denied on chain",
        f"median {percentile(taken, 0.5):.2f} s, most {max(taken):.2f} s",
        "",
        _NAME,
    )


def _print_growth(bench: Bench) -> None:
    """Bytes of blocks, and of a node's folder, by what was put in."""

    def size(number: int) -> int:
        return int(bench.chain.rpc.call("eth_getBlockByNumber", hex(number), False)["size"], 16)  # noqa: FBT003 - no bodies

    source = bench.chain.writer([bench.world.party("hospital-b").operator])
    empty = min(size(number) for number in range(2, 6))
    before = bench.chain.reader.head().number
    disk = _bytes(bench.nodes.folder / NODES[1])
    numbers = bench.anchors(source, 200)
    used = sum(size(number) - empty for number in range(before + 1, max(numbers) + 1))
    line(
        "blocks of a million records in batches of 1,000", f"{used / 200 * 1000 / 1e6:.2f} MB", "≤ 1 KB a record", _NAME
    )
    for what, send, count in (("alone", bench.alone, 30), (f"in batches of {_TOGETHER}", bench.batched, 6)):
        before = bench.chain.reader.head().number
        sent = [send(0) for _ in range(count)]
        used = sum(size(number) - empty for number in range(before + 1, max(block for block, _ in sent) + 1))
        requests = sum(several for _, several in sent)
        line(f"blocks of a million accesses {what}", f"{used / requests:,.0f} MB", "≤ 1 KB an access", _NAME)
    grown, height = _bytes(bench.nodes.folder / NODES[1]) - disk, bench.chain.reader.head().number
    line(
        "an empty block",
        f"{empty} bytes; a node's folder grew by {grown / 1e6:.1f} MB meanwhile, {height} blocks",
        "",
        _NAME,
    )


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    run(main)
