"""Admission on a Clique chain: what the Council decides is what every member's sidecar makes its node do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from devnet.clique import PORTS, CliqueNetwork, CliqueSettings, found_network
from devnet.clique_nodes import CliqueNodes
from salus.adapters.chain import participants
from salus.adapters.chain.connect import Chain, connect, connect_deployer
from salus.adapters.chain.finality import clique_signer
from salus.adapters.keys.signer import LocalSigner
from salus.core.hashing import keccak
from salus.core.ids import ParticipantId, to_address
from salus.core.policy import ParticipantRole
from salus.core.ports import ContractCall
from salus.core.state import ParticipantKind
from salus.flows.admit import Applicant, Terms, admit, apply, renew
from salus.flows.council import Chamber, decide
from salus.flows.deploy import deploy
from sidecar import settings
from sidecar.follow import Follower
from sidecar.metrics import Metrics
from sidecar.runtime import build

DEPLOYMENTS = Path(__file__).resolve().parents[3] / "deployments"
FOUR = ("a", "b", "c", "d")
YEAR = 365 * 86400


def account(label: str) -> LocalSigner:
    return LocalSigner(keccak(f"admission|{label}".encode()))


@dataclass
class Scene:
    """A chain with contracts on it, and a sidecar for each node that has one."""

    nodes: CliqueNodes
    chain: Chain
    chamber: Chamber
    deployment: Path
    sidecars: dict[str, Follower]

    @property
    def network(self) -> CliqueNetwork:
        return self.nodes.network

    def sidecar(self, name: str) -> None:
        """Put a sidecar beside a node; a second call is one that was started again."""
        book = self.network.node_folder(name) / "addresses.json"
        peers = [peer for peer in self.network.nodes if peer != name]
        places = {self.network.nodes[peer].node_id: f"127.0.0.1:{self.network.link_port(name, peer)}" for peer in peers}
        book.write_text(json.dumps(places))
        told = {
            "SALUS_SIDECAR_RPC_URL": self.network.nodes[name].url,
            "SALUS_SIDECAR_ENGINE": "clique",
            "SALUS_SIDECAR_IPC": str(self.network.ipc(name)),
            "SALUS_SIDECAR_NODE_FOLDER": str(self.network.node_folder(name)),
            "SALUS_SIDECAR_ADDRESS_BOOK": str(book),
            "SALUS_SIDECAR_DEPLOYMENT": str(self.deployment),
        }
        self.sidecars[name] = build(settings.read(told), Metrics())

    def look(self) -> list[str]:
        """Every sidecar looks once; what each told its node."""
        return [f"{name} {action.verb}" for name, each in self.sidecars.items() for action in each.step()]

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Sidecars look, second by second, until something holds."""

        def looked() -> bool:
            self.look()
            if holds():
                return True
            time.sleep(0.5)
            return False

        self.nodes.await_(what, looked)

    def applies(self, name: str) -> ParticipantId:
        """An institution applies with its node's key and its sealer's account."""
        node, principal = self.network.nodes[name], account(name)
        applicant = Applicant(
            principal.address,
            ParticipantKind.HOSPITAL,
            encryption_key=keccak(name.encode()),
            salt=keccak(b"salt" + name.encode()),
            accreditation=keccak(b"papers" + name.encode()),
            node_key=bytes.fromhex(node.node_id),
            validator=to_address(bytes.fromhex(node.sealer[2:])),
        )
        return apply(applicant, self.chain.writer([principal]), self.chain.reader)

    def admits(self, ids: Sequence[ParticipantId]) -> None:
        """The Council votes."""
        until = self.chain.reader.head().timestamp + YEAR
        admit([(each, Terms(ParticipantRole.SOURCE, until, 10)) for each in ids], self.chamber, self.chain.reader)

    def decides(self, verb: str, participant: ParticipantId) -> None:
        decide([ContractCall("ParticipantRegistry", verb, (participant,))], os.urandom(32), self.chamber)

    def signers(self) -> list[str]:
        signers: list[str] = self.nodes.ask("a", "clique_getSigners")
        return signers


@pytest.fixture(scope="module")
def scene(geth: Path, free_base: Callable[[int], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("admission")
    network = found_network(folder, FOUR, free_base(PORTS), CliqueSettings(chain_id=31337))
    with CliqueNodes(network, geth) as nodes:
        nodes.await_("peers", lambda: all(nodes.peers(name) >= 3 for name in FOUR))
        url = network.nodes["a"].url
        members = [account(f"member-{number}") for number in range(3)]
        told: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "networks" / "dev.yaml").read_text())
        plan: dict[str, Any] = yaml.safe_load((DEPLOYMENTS / "plan.yaml").read_text())
        chains: list[Chain] = []

        def chamber_of(council: Any) -> Chamber:
            if not chains:
                chains.append(connect(url, council, "clique:4"))
            return Chamber(chains[0].board, [chains[0].writer([each]) for each in members], time.sleep)

        deployed = deploy(
            plan,
            {**told, "members": [each.address for each in members]},
            connect_deployer(url, [account("deployer")]),
            chamber_of,
        )
        council = deployed.address("Council")
        file = folder / "deployment.json"
        contracts = {"Council": [{"address": council}]}
        file.write_text(json.dumps({"chainId": chains[0].reader.chain_id, "contracts": contracts}))
        chamber = chamber_of(council)
        made = Scene(nodes, chains[0], chamber, file, {})
        try:
            with ThreadPoolExecutor(len(FOUR)) as pool:
                made.admits(list(pool.map(made.applies, FOUR)))
            for name in FOUR:
                made.sidecar(name)
            yield made
        finally:
            chains[0].close()


def test_admission__applied_admitted_suspended__node_and_validator_follow_the_registry(scene: Scene) -> None:
    nodes = scene.nodes
    nodes.add("e")
    nodes.add("stranger")
    nodes.start("e", "stranger")
    scene.until("members are known", lambda: all(each.status.member for each in scene.sidecars.values()))
    sealer = nodes.network.nodes["e"].sealer

    # an application alone opens nothing
    applicant = scene.applies("e")
    nodes.await_("final", lambda: scene.chain.reader.final().number >= scene.chain.reader.head().number - 3)
    assert scene.look() == []
    assert nodes.peers("e") == 0
    assert sealer not in scene.signers()

    # the Council admits: connected, caught up, voted in, sealing
    scene.admits([applicant])
    scene.until("the node is let in", lambda: nodes.peers("e") >= 3)
    scene.sidecar("e")
    scene.until("the validator is voted in", lambda: sealer in scene.signers())
    nodes.await_("it seals", lambda: str(clique_signer(nodes.head("a"))).lower() == sealer)
    scene.until("all follow", lambda: not scene.look())

    # a sidecar that is started again learns the newcomer's address from its book, and then has nothing to say
    scene.sidecar("d")
    assert scene.look() == ["d allow"]
    assert scene.look() == []

    # a stranger stays outside, whatever it dials
    assert nodes.peers("stranger") == 0
    assert nodes.height("stranger") == 0

    # suspended: voted out, then disconnected
    scene.decides("suspend", applicant)
    scene.until("it is voted out", lambda: sealer not in scene.signers())
    scene.until("it is alone", lambda: nodes.peers("e") == 0)
    height = nodes.height("a")
    nodes.await_("the others go on", lambda: nodes.height("a") >= height + 4)
    assert sealer not in {
        str(clique_signer(nodes.ask("a", "eth_getBlockByNumber", hex(height + each), False))).lower()  # noqa: FBT003
        for each in range(1, 5)
    }


def test_renewal__machine_replaced__new_node_and_validator_come_and_the_old_ones_go(scene: Scene) -> None:
    nodes = scene.nodes
    nodes.add("f")
    nodes.add("g")
    nodes.start("f", "g")
    for name in FOUR:
        scene.sidecar(name)  # their books have the new addresses
    old, new = nodes.network.nodes["f"], nodes.network.nodes["g"]
    member = scene.applies("f")
    scene.admits([member])
    scene.until("the first machine is voted in", lambda: old.sealer in scene.signers())

    (before,) = scene.chain.reader.read_all([participants.all_of(member)], scene.chain.reader.head())
    assert before.node_key == bytes.fromhex(old.node_id)
    validator = to_address(bytes.fromhex(new.sealer[2:]))
    renew(member, before, replace(before, node_key=bytes.fromhex(new.node_id), validator=validator), scene.chamber)

    scene.until("the new node is let in", lambda: nodes.peers("g") >= 3)
    scene.until("the new one seals", lambda: new.sealer in scene.signers())
    scene.until("the old one does not", lambda: old.sealer not in scene.signers())
    scene.until("the old node is let go", lambda: nodes.peers("f") == 0)
    height = nodes.height("a")
    nodes.await_("blocks go on", lambda: nodes.height("a") >= height + 3)
