"""`salus consortium up`, `status`, `down` as commands: all parts, the keeper, and an institution that joins.

One world for all tests of this page, in the order of the page.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.world.sidecars import standing
from devnet import ipc
from devnet.clique import load_network
from salus.core.errors import SalusError

ROOT = Path(__file__).resolve().parents[3]
PORTS = 200
"""A world takes the first 180 ports of its base; the newcomer has some of the others."""
NODES = {"hospital-a-node", "custodian-1-node", "custodian-2-node", "custodian-3-node"}
SIDECARS = {"hospital-a-sidecar", "custodian-1-sidecar", "custodian-2-sidecar", "custodian-3-sidecar"}
SERVICES = {
    *("custodian-1", "custodian-2", "custodian-3", "watch", "hospital-b-oracle", "checkup-oracle"),
    *("hospital-a-api", "hospital-b-api", "checkup-api", "institute-api", "regulator-api"),
}


@dataclass(frozen=True)
class Consortium:
    """A world that is driven by commands only."""

    home: Path
    base: int

    @property
    def folder(self) -> Path:
        return self.home / "consortium"

    @property
    def environment(self) -> dict[str, str]:
        told = {"SALUS_HOME": str(self.home), "SALUS_BASE_PORT": str(self.base), "PYTHONPATH": str(ROOT)}
        return {**os.environ, **told}

    def run(self, *words: str, code: int = 0) -> Any:
        """What `salus WORDS --json` prints; it ends with that exit code."""
        command = [sys.executable, "-m", "cli", "--json", *words]
        ended = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
        )
        assert ended.returncode == code, (words, ended.returncode, ended.stdout[-2000:], ended.stderr[-2000:])
        return json.loads(ended.stdout)

    def status(self) -> dict[str, dict[str, Any]]:
        """Rows of `status` by part, whether all are well or not."""
        command = [sys.executable, "-m", "cli", "--json", "consortium", "status"]
        ended = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        return {row["part"]: row for row in json.loads(ended.stdout)}

    def newcomer(self, participant: str) -> dict[str, Any]:
        """The row of `status` that is of a participant's node elsewhere."""
        (row,) = (row for row in self.status().values() if row.get("participant") == participant)
        return row

    def signers(self) -> set[str]:
        return set(self.ask("hospital-a", "clique_getSigners"))

    def height(self, name: str) -> int:
        return int(self.ask(name, "eth_blockNumber"), 16)

    def ask(self, name: str, method: str) -> Any:
        """Result of a call on the node of an institution."""
        return ipc.ask(load_network(self.folder / "chain").ipc(name), method)

    @contextmanager
    def serving(self, log: Path, *words: str) -> Iterator[None]:
        """A command that runs until it is told to stop."""
        command = [sys.executable, "-m", "cli", *words]
        with log.open("wb") as lines:
            child = subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=lines, stderr=lines)
            try:
                yield
            finally:
                child.send_signal(signal.SIGTERM)
                child.wait(30)


def until(what: str, holds: Callable[[], bool], patience: float = 90) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            if holds():
                return
        except (OSError, SalusError):
            pass  # not yet
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


@pytest.fixture(scope="module")
def world(
    geth: Path, free_base: Callable[[int], int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Consortium]:
    del geth  # built by now, or the tests are skipped
    made = Consortium(tmp_path_factory.mktemp("up"), free_base(PORTS))
    try:
        made.run("consortium", "up")
        yield made
    finally:
        made.run("consortium", "down")


def test_up__from_nothing__every_part_is_well_and_nodes_seal(world: Consortium) -> None:
    rows = world.status()
    assert set(rows) == {"keeper", "links"} | NODES | SIDECARS | SERVICES
    assert {row["state"] for row in rows.values()} == {"well"}
    assert all(rows[name]["peers"] == 3 and rows[name]["final"] > 0 for name in NODES | SIDECARS)
    highest = max(rows[name]["head"] for name in NODES)
    until("blocks come", lambda: all(world.height(name.removesuffix("-node")) > highest for name in NODES))


def test_up__runs_already__starts_nothing_anew(world: Consortium) -> None:
    before = {part: row["pid"] for part, row in world.status().items()}
    assert {row["part"]: row["pid"] for row in world.run("consortium", "up")} == before


def test_keeper__node_sidecar_and_service_killed__are_started_again_and_well(world: Consortium) -> None:
    before = world.status()
    victims = ("custodian-2-node", "custodian-2-sidecar", "regulator-api")
    for part in victims:
        os.kill(before[part]["pid"], signal.SIGKILL)

    def again() -> bool:
        rows = world.status()
        return all(rows[part]["pid"] not in {None, before[part]["pid"]} for part in victims) and all(
            row["state"] == "well" for row in rows.values()
        )

    until("all parts are well again", again)
    rows = world.status()
    assert all(rows[part]["pid"] == before[part]["pid"] for part in before if part not in victims)


def test_admission__institution_with_its_own_node__let_in_and_voted_in_then_out(
    world: Consortium, tmp_path: Path
) -> None:
    keys, node, papers = tmp_path / "keys", tmp_path / "node", tmp_path / "licence.pdf"
    papers.write_bytes(b"licence of a fifth hospital")
    operator = world.run("participant", "keys", str(keys))["operator"]
    made = world.run(
        *("consortium", "make-node", str(node), "--genesis", str(world.folder / "chain" / "genesis.json")),
        *("--addresses", str(world.folder / "addresses.json"), "--listen", f"127.0.0.1:{world.base + 190}"),
        *("--deployment", str(world.folder / "deployment.json"), "--rpc-port", str(world.base + 191)),
        *("--sidecar-port", str(world.base + 192)),
    )
    socket = Path(made["ipc"])

    def peers() -> int:
        return int(ipc.ask(socket, "net_peerCount"), 16)

    with world.serving(tmp_path / "node.log", "consortium", "run-node", str(node)):
        until("its node runs", lambda: peers() == 0)

        # an application alone opens nothing; it says both keys of the node
        asked = ("participant", "apply", "--keys", str(keys), "--kind", "hospital", "--accreditation", str(papers))
        applied = world.run(*asked, "--from-node", str(socket))
        assert (applied["status"], applied["principal"]) == ("APPLIED", operator)
        assert applied["nodeKey"] in made["enode"]
        assert applied["validator"].lower() == made["validator"]
        world.run(*asked, code=7)  # without the node it would be another application

        # the Council admits: let in, caught up, voted in by the members' sidecars, sealing
        participant = applied["participant"]
        assert (peers(), made["validator"] in world.signers()) == (0, False)
        world.run("consortium", "introduce", made["enode"])
        admit = ("participant", "admit", participant, "--until", "2027-11-30", "--roles")
        admitted = world.run(*admit, "source,care")
        assert admitted["status"] == "ACTIVE"
        world.run(*admit, "research", code=7)  # it is a member on other terms
        until("its node has the members as peers", lambda: peers() == 4)
        until("its validator is voted in", lambda: made["validator"] in world.signers())

        def seals() -> bool:
            activity: dict[str, int] = ipc.ask(socket, "clique_status")["sealerActivity"]
            return activity.get(made["validator"], 0) > 0

        until("it seals", seals)
        shown = world.newcomer(participant)
        assert (shown["state"], shown["peers"], shown["pid"]) == ("well", 4, None)
        assert shown["sealing"] > 0
        renewed = world.run("participant", "renew", participant, "--until", "2028-11-30")
        assert renewed == {**admitted, "accreditedUntil": admitted["accreditedUntil"] + 366 * 86400}
        world.run("participant", "renew", participant, "--until", "2028-11-30", code=2)  # nothing would change
        assert world.run("participant", "show", participant) == renewed
        with world.serving(tmp_path / "sidecar.log", "consortium", "sidecar", "--settings", str(node / "sidecar.env")):
            until("its own sidecar follows", lambda: ready(world.base + 192))

        # suspended by members of the Council that vote apart: voted out, then alone; the others go on
        world.run(*votes(world, "council-1", "participant", "suspend", participant, "--decision", "audit"), code=5)
        assert world.run("participant", "show", participant) == renewed
        world.run(*votes(world, "council-2", "participant", "suspend", participant, "--decision", "audit"))
        until("its validator is voted out", lambda: made["validator"] not in world.signers())
        until("its node is alone", lambda: peers() == 0)
        height = world.height("hospital-a")
        until("the others go on", lambda: world.height("hospital-a") >= height + 4)
        rows = world.status()
        assert {row["state"] for row in rows.values()} == {"well"}
        assert set(rows) == {"keeper", "links"} | NODES | SIDECARS | SERVICES  # no member, so not shown any more


def votes(world: Consortium, member: str, *words: str) -> tuple[str, ...]:
    """A command as one member of the Council types it on a machine of its own, with its own node."""
    keys, node = world.folder / "keys", load_network(world.folder / "chain").nodes["custodian-1"]
    who = ("--member", str(keys / f"{member}.json"), "--passphrase-file", str(keys / "passphrase"))
    return (*words, *who, "--rpc", node.url, "--deployment", str(world.folder / "deployment.json"))


def ready(port: int) -> bool:
    said = standing(port)
    return said is not None and said.follows


def test_down__all_stops_and_up_goes_on_with_the_same_chain(world: Consortium) -> None:
    height = world.height("custodian-3")
    assert set(world.run("consortium", "down")["stopped"]) == {"keeper", "links"} | NODES | SIDECARS | SERVICES
    assert {row["state"] for row in world.run("consortium", "status", code=5)} == {"dead"}
    assert world.run("consortium", "down")["stopped"] == []
    rows = {row["part"]: row for row in world.run("consortium", "up")}
    assert rows["custodian-3-node"]["head"] >= height
