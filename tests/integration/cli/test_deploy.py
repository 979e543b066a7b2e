"""`salus deploy` as a user runs it: killed between transactions, run twice, run by members alone, given wrong input."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

from devnet.anvil import Anvil, AnvilSettings, anvil_binary, free_port, is_ready
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.transactions import Transaction
from salus.adapters.keys import keystore
from salus.adapters.keys.signer import LocalSigner
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS
from salus.flows.deploy import Deployment
from tests.integration.cli.chains import (
    CONTRACTS,
    MEMBERS,
    PLAN,
    ROOT,
    SETTINGS,
    deployments_in,
    failures,
    run,
    salus,
)
from tests.integration.world import account

PASSPHRASE = "for tests only"
VOTES = 3 * sum("install" in step for step in PLAN["steps"])  # propose, approve, execute


def development_key(index: int) -> bytes:
    """Private key of an account of the development mnemonic."""
    return bytes(key_from_seed(seed_from_mnemonic(SETTINGS["mnemonic"], ""), f"m/44'/60'/0'/0/{index}"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return deployments_in(tmp_path)


@pytest.fixture(scope="module")
def anvil() -> Iterator[Anvil]:
    with Anvil(AnvilSettings(free_port())) as running, running.instant():
        yield running


@pytest.fixture
def fresh(anvil: Anvil) -> Iterator[Anvil]:
    """A chain with nothing deployed."""
    rpc = Rpc(anvil.url)
    snapshot = rpc.call("evm_snapshot")
    yield anvil
    rpc.call("evm_revert", snapshot)
    rpc.close()


def record(folder: Path) -> Deployment:
    return Deployment.from_json(json.loads((folder / "31337.json").read_bytes()))


def waiting(rpc: Rpc) -> list[tuple[str, int, str]]:
    """Sender, nonce and hash of what waits in the pool."""
    pool: dict[str, dict[str, dict[str, Any]]] = rpc.call("txpool_content")["pending"]
    return [(sender, int(nonce), tx["hash"]) for sender, txs in pool.items() for nonce, tx in txs.items()]


class KilledDeployer:
    """`salus deploy` again and again on a chain that mines when it is told to, killed when a transaction shows up."""

    def __init__(self, anvil: Anvil, folder: Path) -> None:
        self.rpc = Rpc(anvil.url)
        self.command = salus("deploy", "--yes", "--rpc", anvil.url, "--folder", str(folder))
        self.log = folder / "log"
        self.seen: list[tuple[str, int]] = []

    def run(self, fates: dict[int, Callable[[str], None]]) -> None:
        """Run until it ends well. `fates` says at which of the transactions it is killed, counted from 0, and what
        becomes of that transaction (given by its hash)."""
        while self._once(fates) != 0:
            assert self.killed, self.log.read_text()

    def _once(self, fates: dict[int, Callable[[str], None]]) -> int:
        self.killed = False
        with self.log.open("ab") as log:
            child = subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=log)
        while child.poll() is None:
            pool = waiting(self.rpc)
            for sender, nonce, tx in pool:
                if (sender, nonce) in self.seen:
                    continue
                self.seen.append((sender, nonce))
                if (fate := fates.get(len(self.seen) - 1)) is not None:
                    os.kill(child.pid, signal.SIGKILL)
                    child.wait()
                    self.killed = True
                    fate(tx)
                    break
            if pool and not self.killed:
                self.rpc.call("evm_mine")
            time.sleep(0.02)
        return child.returncode

    def mined(self, tx: str) -> None:
        """It is mined, and nobody saw it."""
        self.rpc.call("evm_mine")

    def lost(self, tx: str) -> None:
        """The node forgets it."""
        self.rpc.call("anvil_dropTransaction", tx)

    def left(self, tx: str) -> None:
        """It waits in the pool for the next run."""


def killed_and_taken_up(folder: Path, kills: int) -> None:
    """Kill at `kills` of the transactions, evenly; the deployment must come out whole, with nothing created twice."""
    transactions = len(CONTRACTS) + VOTES
    with Anvil(AnvilSettings(free_port(), block_seconds=None)) as anvil:
        victim = KilledDeployer(anvil, folder)
        places = [round(index * (transactions - 1) / (kills - 1)) for index in range(kills)]
        fates = itertools.cycle([victim.mined, victim.left, victim.lost])
        victim.run(dict(zip(places, fates, strict=False)))
        assert len(victim.seen) == transactions
        done = record(folder)
        assert done.pending is None
        assert {name: len(items) for name, items in done.contracts.items()} == dict.fromkeys(CONTRACTS, 1)
        deployer = done.contracts["Council"][0].deployer
        nonce = int(victim.rpc.call("eth_getTransactionCount", deployer, "latest"), 16)
        assert nonce == len(CONTRACTS), "a contract was created twice"
        assert failures(anvil.url, done) == []
        victim.rpc.close()


def test_deploy__killed_between_transactions__ends_with_one_of_each(folder: Path) -> None:
    killed_and_taken_up(folder, kills=4)


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_deploy__killed_at_every_transaction__ends_with_one_of_each(folder: Path) -> None:
    killed_and_taken_up(folder, kills=len(CONTRACTS) + VOTES)


def test_verify_deployment__deployment_killed_midway__says_what_is_missing(folder: Path) -> None:
    """Killed at a transaction that is then lost: what file and chain lack is told, and nothing is called wrong."""
    first, last = CONTRACTS[:-1], CONTRACTS[-1]
    vote = len(first)
    stops = {  # transaction: what is missing in which way, before it
        0: {"interrupted": ["Council"], "not created": CONTRACTS[1:]},
        3: {"not installed": first[1:3], "interrupted": [first[3]], "not created": CONTRACTS[4:]},
        vote: {"not installed": first[1:], "not created": [last]},
        vote + 2: {"not installed": first[1:], "not created": [last]},
        vote + 3: {"interrupted": [last]},
        vote + 4: {"not installed": [last]},
    }
    with Anvil(AnvilSettings(free_port(), block_seconds=None)) as anvil:
        victim = KilledDeployer(anvil, folder)
        verify = ("verify-deployment", "--rpc", anvil.url, "--folder", str(folder))
        for place, missing in stops.items():
            assert victim._once({place: victim.lost}) != 0
            told = run(*verify, "--json")
            report = json.loads(told.stdout)
            failed = [finding for finding in report["findings"] if not finding["holds"]]
            assert {finding["check"] for finding in failed} == {"unfinished"}, (place, failed)
            ways: dict[str, list[str]] = {}
            for finding in failed:
                [way] = [way for way in ("interrupted", "not created", "not installed") if way in finding["text"]]
                ways.setdefault(way, []).append(finding["contract"])
            assert ways == missing, place
            assert (told.returncode, len(report["unfinished"])) == (1, len(failed))
            last_line = run(*verify).stdout.splitlines()[-1]
            assert last_line.startswith("unfinished: run `salus deploy` again. Missing: ")
            assert all(name in last_line for names in missing.values() for name in names)
        assert victim._once({}) == 0, victim.log.read_text()
        told = run(*verify, "--json")
        report = json.loads(told.stdout)
        assert (told.returncode, report["holds"], report["unfinished"]) == (0, True, [])
        victim.rpc.close()


def test_deploy__chain_with_a_base_fee__stops_before_the_first_transaction_and_says_what_will_do(
    folder: Path, tmp_path: Path
) -> None:
    def started(*flags: str) -> tuple[subprocess.Popen[bytes], str]:
        port = free_port()
        command = [str(anvil_binary()), "--host", "127.0.0.1", "--port", str(port), "--quiet", *flags]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not is_ready(port):
            assert child.poll() is None
            time.sleep(0.02)
        return child, f"http://127.0.0.1:{port}"

    child, url = started()
    try:
        done = run("deploy", "--yes", "--rpc", url, "--folder", str(folder))
        assert (done.returncode, "base fee of 1000000000 wei" in done.stderr) == (8, True), done.stderr
        rpc = Rpc(url)
        assert rpc.call("eth_blockNumber") == "0x0"
        assert waiting(rpc) == []
        rpc.close()
        assert not (folder / "31337.json").exists()
    finally:
        child.kill()
        child.wait()
    [advised] = re.findall(r"Anvil: `(.+?)`", done.stderr)
    program, *flags = advised.split()
    assert (ROOT / program).exists()
    child, url = started(*flags)
    try:
        done = run("deploy", "--yes", "--rpc", url, "--folder", str(folder))
        assert done.returncode == 0, done.stderr
        assert failures(url, record(folder)) == []
    finally:
        child.kill()
        child.wait()


def test_deploy__twice__sends_nothing_and_leaves_the_file(fresh: Anvil, folder: Path) -> None:
    arguments = ("deploy", "--yes", "--rpc", fresh.url, "--folder", str(folder))
    first = run(*arguments, "--json")
    assert first.returncode == 0, first.stderr
    before = (folder / "31337.json").read_bytes()
    height = Rpc(fresh.url).call("eth_blockNumber")
    assert json.loads(first.stdout)["chainId"] == 31337
    again = run(*arguments)
    assert (again.returncode, again.stderr.count("is at 0x")) == (0, len(CONTRACTS))
    assert (folder / "31337.json").read_bytes() == before
    assert Rpc(fresh.url).call("eth_blockNumber") == height


def test_deploy__members_each_with_their_own_keystore__vote_one_after_another(fresh: Anvil, folder: Path) -> None:
    network = {**SETTINGS, "members": [member.address for member in MEMBERS]}
    del network["mnemonic"]
    (folder / "networks" / "dev.yaml").write_text(yaml.safe_dump(network))
    (folder / "passphrase").write_text(PASSPHRASE)
    for index, name in enumerate(("m0", "m1")):
        keystore.store(folder / name, PASSPHRASE, development_key(index), keystore.LIGHT)
    keystore.store(folder / "deployer", PASSPHRASE, keccak(b"institution"), keystore.LIGHT)
    common = ("deploy", "--yes", "--rpc", fresh.url, "--folder", str(folder))
    common += ("--passphrase-file", str(folder / "passphrase"))

    def attempt(*who: str) -> tuple[int, str]:
        done = run(*common, *who)
        return done.returncode, done.stderr

    deployer, first, second = (
        ("--deployer", str(folder / "deployer")),
        ("--member", str(folder / "m0")),
        ("--member", str(folder / "m1")),
    )
    code, told = attempt(*first)
    assert (code, "run this with --deployer" in told) == (2, True)
    code, told = attempt(*deployer)
    assert (code, "now members vote" in told) == (5, True)
    code, told = attempt(*first)
    assert (code, "1 of 2 approvals" in told) == (5, True)
    code, told = attempt(*second)
    assert (code, "run this with --deployer" in told) == (2, True), "the gateway needs the others installed first"
    code, told = attempt(*deployer)
    assert (code, "now members vote" in told) == (5, True)
    assert attempt(*second)[0] == 5
    assert attempt(*first)[0] == 0
    assert failures(fresh.url, record(folder), network) == []


def test_deploy__other_chain_than_the_network_file__is_refused(fresh: Anvil, folder: Path) -> None:
    done = run("deploy", "--yes", "--rpc", fresh.url, "--folder", str(folder), "--network", "production")
    assert done.returncode == 2
    assert "keystores" not in done.stderr
    assert "chain 2026, the node is on 31337" in done.stderr


def test_deploy__no_node__is_unavailable(folder: Path) -> None:
    done = run("deploy", "--yes", "--rpc", f"http://127.0.0.1:{free_port()}", "--folder", str(folder))
    assert (done.returncode, "does not answer" in done.stderr) == (5, True)


def test_deploy__question_not_answered__deploys_nothing(
    fresh: Anvil, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    done = run("deploy", "--rpc", fresh.url, "--folder", str(folder))
    assert done.returncode != 0
    assert not (folder / "31337.json").exists()
    asked_json = run("deploy", "--rpc", fresh.url, "--folder", str(folder), "--json")
    assert (asked_json.returncode, "--yes" in asked_json.stdout) == (2, True)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("plan.yaml", "steps: [{create: Council}]", "step 1"),
        ("plan.yaml", "steps: {", "no YAML"),
        ("plan.yaml", "- 1", "no settings"),
        ("networks/dev.yaml", "chainId: 31337\nmembers: [0]\n", "threshold must be a whole number"),
        ("31337.json", '{"chainId": 31337}', "malformed"),
        ("31337.json", "{", "no JSON"),
    ],
)
def test_deploy__unreadable_file__says_what_to_change(
    fresh: Anvil, folder: Path, file: str, text: str, said: str
) -> None:
    (folder / file).write_text(text)
    done = run("deploy", "--yes", "--rpc", fresh.url, "--folder", str(folder))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_deploy__deployer_whose_transactions_wait__says_from_which_nonce(folder: Path) -> None:
    with Anvil(AnvilSettings(free_port(), block_seconds=None)) as anvil:
        rpc = Rpc(anvil.url)
        busy = LocalSigner(keccak(b"busy"))
        stuck = Transaction(0, 50_000, ZERO_ADDRESS, b"\x60\x00").signed(busy, 31337)
        rpc.call("eth_sendRawTransaction", "0x" + stuck.raw.hex())
        rpc.close()
        (folder / "passphrase").write_text(PASSPHRASE)
        keystore.store(folder / "busy", PASSPHRASE, keccak(b"busy"), keystore.LIGHT)
        keys = ("--deployer", str(folder / "busy"), "--passphrase-file", str(folder / "passphrase"))
        done = run("deploy", "--yes", "--patience", "1", "--rpc", anvil.url, "--folder", str(folder), *keys)
        assert (done.returncode, "from nonce 0 on" in done.stderr) == (7, True), done.stderr


def test_deploy__member_as_deployer__is_refused(fresh: Anvil, folder: Path) -> None:
    (folder / "passphrase").write_text(PASSPHRASE)
    keystore.store(folder / "m0", PASSPHRASE, development_key(0), keystore.LIGHT)
    keys = ("--deployer", str(folder / "m0"), "--passphrase-file", str(folder / "passphrase"))
    done = run("deploy", "--yes", "--rpc", fresh.url, "--folder", str(folder), *keys)
    assert (done.returncode, "no power" in done.stderr) == (2, True)


def test_deploy__file_of_a_chain_that_is_gone__needs_anew(fresh: Anvil, folder: Path) -> None:
    arguments = ("deploy", "--yes", "--rpc", fresh.url, "--folder", str(folder))
    gone = {"address": account("gone").address, "code": "0x" + "00" * 32}
    (folder / "31337.json").write_text(json.dumps({"chainId": 31337, "contracts": {"Council": [gone]}}))
    done = run(*arguments)
    assert (done.returncode, account("gone").address in done.stderr) == (7, True)
    assert run(*arguments, "--anew").returncode == 0
    assert failures(fresh.url, record(folder)) == []
    assert account("gone").address in (folder / "31337.1.old.json").read_text()


def test_deploy__network_file_changed_since__is_a_conflict(fresh: Anvil, folder: Path) -> None:
    arguments = ("deploy", "--yes", "--rpc", fresh.url, "--folder", str(folder))
    assert run(*arguments).returncode == 0
    network = folder / "networks" / "dev.yaml"
    network.write_text(network.read_text().replace("coolingOffSeconds: 5", "coolingOffSeconds: 6"))
    done = run(*arguments)
    assert (done.returncode, "other constructor arguments" in done.stderr) == (7, True)
