"""One's own node of each engine: what is read of it, which orders it gets, and in which order they survive a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devnet.clique import node_config
from salus.adapters.chain.address_book import enode_of
from salus.adapters.chain.allow_lists import AllowList, BesuFiles, GethFiles, GoQuorumFiles
from salus.adapters.chain.node_admin import BESU, CLIQUE, GOQUORUM, Calls, OwnNode, identity, own_node
from salus.core.errors import NotFoundError, SetupError, UnavailableError
from salus.core.hashing import keccak
from salus.core.ids import ParticipantId, to_address
from salus.core.node import Action, Seat, Verb
from salus.flows.membership import plan
from tests.unit.adapters.chain.sealed_node import SIGNERS, SealedNode

OWN, PEER, NEWCOMER = (bytes([number]) * 64 for number in (1, 2, 3))
ACCOUNTS = [key.account for key in SIGNERS]
AT = {PEER: "10.0.0.2:30303", NEWCOMER: "10.0.0.3:30303"}


@dataclass
class Orders:
    """A node of one engine that takes orders; `orders` are those that change it, `away` no order comes through."""

    calls: Calls
    peers: list[str] = field(default_factory=lambda: [enode_of(PEER, AT[PEER])])
    votes: dict[str, bool] = field(default_factory=dict)
    orders: list[tuple[str, ...]] = field(default_factory=list)
    away: str | None = None

    def __call__(self, method: str, *parameters: Any) -> Any:
        if method == self.away:
            raise UnavailableError("the node does not answer")
        match method:
            case "admin_nodeInfo":
                return {"enode": enode_of(OWN, "127.0.0.1:30303")}
            case "admin_peers":
                return [{"enode": each} for each in self.peers]
            case "eth_coinbase":
                return "0x" + ACCOUNTS[0].hex()
            case "rpc_modules":
                return {"admin": "1.0", "clique" if self.calls is CLIQUE else "istanbul": "1.0"}
            case self.calls.validators:
                assert parameters == ("latest",)
                return ["0x" + each.hex() for each in ACCOUNTS]
            case self.calls.open:
                return self.votes
        self.orders.append((method, *(str(each) for each in parameters)))
        return True


def clique(folder: Path) -> AllowList:
    (folder / "config.toml").write_text(node_config("127.0.0.1:30303", [enode_of(PEER, AT[PEER])]))
    return GethFiles(folder)


def goquorum(folder: Path) -> AllowList:
    (folder / "config.toml").write_text("[Node.P2P]\nStaticNodes = []\n")
    (folder / "permissioned-nodes.json").write_text(json.dumps([enode_of(PEER, AT[PEER])]))
    return GoQuorumFiles(folder)


def besu(folder: Path) -> AllowList:
    (folder / "permissions_config.toml").write_text(f'nodes-allowlist=["{enode_of(PEER, AT[PEER])}"]\n')
    return BesuFiles(folder)


@dataclass
class Scene:
    node: OwnNode
    orders: Orders
    files: AllowList
    book: Path

    def knows(self, *keys: bytes) -> None:
        self.book.write_text(json.dumps({key.hex(): AT[key] for key in keys}))


Made = Callable[[Calls], Scene]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(calls: Calls) -> Scene:
        files = {id(CLIQUE): clique, id(GOQUORUM): goquorum, id(BESU): besu}[id(calls)](tmp_path)
        orders, chain = Orders(calls), SealedNode()
        chain.seal(*[None] * 12)
        scene = Scene(
            OwnNode(orders, chain.rpc(), calls, files, tmp_path / "book.json"), orders, files, tmp_path / "book.json"
        )
        scene.knows(PEER, NEWCOMER)
        return scene

    return make


ENGINES = pytest.mark.parametrize("calls", [CLIQUE, GOQUORUM, BESU], ids=["clique", "goquorum", "besu"])


def test_state__of_a_clique_node__is_what_it_says(made: Made) -> None:
    state = made(CLIQUE).node.state()
    assert (state.key, state.account) == (OWN, ACCOUNTS[0])
    assert state.allowed == state.connected == {PEER}
    assert state.validators == state.living == set(ACCOUNTS)
    assert state.votes == {}


def test_state__a_signer_sealed_nothing_lately__is_not_living(made: Made, tmp_path: Path) -> None:
    scene, chain = made(CLIQUE), SealedNode()
    chain.seal(*[None] * 3)  # the fourth never had its turn
    node = OwnNode(scene.orders, chain.rpc(), CLIQUE, scene.files, scene.book)
    state = node.state()
    assert len(state.validators) == 4
    assert state.living == set(ACCOUNTS[1:])


def test_state__more_blocks_than_one_exchange_holds__the_newest_say_who_is_living(made: Made) -> None:
    scene, chain = made(CLIQUE), SealedNode()
    chain.seal(*SIGNERS[:3] * 36, SIGNERS[3])

    def forty(method: str, *parameters: Any) -> Any:
        found = scene.orders(method, *parameters)
        others = ["0x" + bytes([number]).hex() * 20 for number in range(100, 136)]
        return [*found, *others] if method == CLIQUE.validators else found

    state = OwnNode(forty, chain.rpc(), CLIQUE, scene.files, scene.book).state()
    assert len(state.validators) == 40
    assert state.living == set(ACCOUNTS)


def test_state__at_genesis__nobody_is_living(made: Made) -> None:
    scene = made(CLIQUE)
    node = OwnNode(scene.orders, SealedNode().rpc(), CLIQUE, scene.files, scene.book)
    assert node.state().living == frozenset()


def test_state__address_in_the_book_changed__counts_as_missing_and_as_stale(made: Made) -> None:
    scene = made(CLIQUE)
    scene.book.write_text(json.dumps({PEER.hex(): "10.9.9.9:30303"}))
    state = scene.node.state()
    assert (state.allowed, state.stale) == (frozenset(), {PEER})


@ENGINES
def test_state__suspended_while_away_and_gone_from_the_book__is_off_the_list_all_the_same(
    calls: Calls, made: Made
) -> None:
    scene = made(calls)
    scene.orders.peers.clear()
    scene.knows()
    own = Seat(ParticipantId(bytes(32)), active=True, node_key=OWN)
    peer = Seat(ParticipantId(b"\1" * 32), active=False, node_key=PEER)
    for action in plan([own, peer], scene.node.state(), scene.node.quorum).actions:
        scene.node.carry_out(action)
    assert scene.files.read() == {}


def test_state__peer_with_another_form_of_enode__is_left_out(made: Made) -> None:
    scene = made(CLIQUE)
    scene.orders.peers.append("enode://nonsense")
    assert scene.node.state().connected == {PEER}


@ENGINES
def test_allow__a_node_in_the_book__is_listed_and_dialled(calls: Calls, made: Made) -> None:
    scene, enode = made(calls), enode_of(NEWCOMER, AT[NEWCOMER])
    scene.node.carry_out(Action(Verb.ALLOW, NEWCOMER))
    assert scene.files.read() == {PEER: enode_of(PEER, AT[PEER]), NEWCOMER: enode}
    expected = {
        id(CLIQUE): [("admin_addTrustedPeer", enode), ("admin_addPeer", enode)],
        id(GOQUORUM): [("admin_addPeer", enode)],
        id(BESU): [("perm_reloadPermissionsFromFile",), ("admin_addPeer", enode)],
    }
    assert scene.orders.orders == expected[id(calls)]


@pytest.mark.parametrize("calls", [CLIQUE, GOQUORUM])
def test_allow__no_address__is_let_in_and_not_dialled(calls: Calls, made: Made) -> None:
    scene = made(calls)
    scene.knows(PEER)
    scene.node.carry_out(Action(Verb.ALLOW, NEWCOMER))
    assert scene.files.read()[NEWCOMER] == enode_of(NEWCOMER, None)
    assert "admin_addPeer" not in {order for order, *_ in scene.orders.orders}


def test_allow__no_address_on_besu__is_refused_and_nothing_changes(made: Made) -> None:
    scene = made(BESU)
    scene.knows(PEER)
    with pytest.raises(NotFoundError, match="address book has no address"):
        scene.node.carry_out(Action(Verb.ALLOW, NEWCOMER))
    assert set(scene.files.read()) == {PEER}
    assert scene.orders.orders == []


def test_allow__clique_node_dies_midway__is_not_listed_and_so_done_again(made: Made) -> None:
    scene = made(CLIQUE)
    scene.orders.away = "admin_addPeer"
    with pytest.raises(UnavailableError):
        scene.node.carry_out(Action(Verb.ALLOW, NEWCOMER))
    assert set(scene.files.read()) == {PEER}


@ENGINES
def test_forget__a_listed_node__is_off_the_list_and_dropped(calls: Calls, made: Made) -> None:
    scene, enode = made(calls), enode_of(PEER, AT[PEER])
    scene.knows()  # not even an address is needed any more
    scene.node.carry_out(Action(Verb.FORGET, PEER))
    assert scene.files.read() == {}
    assert scene.orders.orders[-1] == ("admin_removePeer", enode)
    assert (("admin_removeTrustedPeer", enode) in scene.orders.orders) is (calls is CLIQUE)
    assert (("perm_reloadPermissionsFromFile",) in scene.orders.orders) is (calls is BESU)


def test_forget__dropping_fails__is_off_the_list_all_the_same(made: Made) -> None:
    scene = made(GOQUORUM)
    scene.orders.away = "admin_removePeer"
    with pytest.raises(UnavailableError):
        scene.node.carry_out(Action(Verb.FORGET, PEER))
    assert scene.files.read() == {}


@pytest.mark.parametrize(
    ("calls", "propose", "discard"),
    [
        (CLIQUE, "clique_propose", "clique_discard"),
        (GOQUORUM, "istanbul_propose", "istanbul_discard"),
        (BESU, "qbft_proposeValidatorVote", "qbft_discardValidatorVote"),
    ],
)
def test_votes__by_engine__go_by_its_calls(calls: Calls, propose: str, discard: str, made: Made) -> None:
    scene, target = made(calls), b"\x07" * 20
    for verb in (Verb.VOTE_IN, Verb.VOTE_OUT, Verb.DISCARD):
        scene.node.carry_out(Action(verb, target))
    account = "0x" + target.hex()
    assert scene.orders.orders == [(propose, account, "True"), (propose, account, "False"), (discard, account)]


@pytest.mark.parametrize(
    ("calls", "quorums"),
    [(CLIQUE, {1: 1, 4: 3, 5: 3, 6: 4}), (GOQUORUM, {1: 1, 4: 3, 5: 4, 6: 4, 7: 5}), (BESU, {4: 3, 7: 5})],
)
def test_quorum__by_engine__is_its_own(calls: Calls, quorums: dict[int, int], made: Made) -> None:
    node = made(calls).node
    assert {count: node.quorum(count) for count in quorums} == quorums


def test_identity__of_clique__is_key_and_the_unlocked_account() -> None:
    found = identity(Orders(CLIQUE))
    assert (found.node_key, found.validator) == (OWN, to_address(ACCOUNTS[0]))


def test_identity__of_other_engines__seals_with_the_account_of_its_key() -> None:
    assert identity(Orders(GOQUORUM)).validator == to_address(keccak(OWN)[12:])


def test_identity__node_tells_no_key__is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        identity(lambda *_: {"enode": "enode://"})


def test_own_node__engine_or_socket_missing__is_refused(tmp_path: Path) -> None:
    rpc = SealedNode().rpc()
    with pytest.raises(SetupError, match="clique, goquorum or besu"):
        own_node("parity", rpc, tmp_path, tmp_path / "book.json")
    with pytest.raises(SetupError, match="socket"):
        own_node("clique", rpc, tmp_path, tmp_path / "book.json")


def test_own_node__nobody_on_the_socket__is_unavailable(tmp_path: Path) -> None:
    node = own_node("goquorum", SealedNode().rpc(), tmp_path, tmp_path / "book.json", tmp_path / "geth.ipc")
    with pytest.raises(UnavailableError):
        node.state()
