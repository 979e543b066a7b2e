"""The reader on a real Anvil: pinned blocks, nodes that know hashes and nodes that don't, batches, events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from salus.adapters.chain.abi import reverts
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.connect import connect
from salus.adapters.chain.directory import Directory
from salus.adapters.chain.finality import DevFinality
from salus.adapters.chain.reader import Reader
from salus.adapters.chain.reads import StateAt
from salus.adapters.chain.rpc import Rpc
from salus.core.errors import NotFoundError, SetupError, UnavailableError
from salus.core.ids import ZERO_ADDRESS, Address, ParticipantId
from salus.core.policy import ParticipantStatus
from salus.core.ports import ContractCall
from salus.flows.council import decide
from tests.integration.world import CAST, ChainWorld, account


class CountingTransport(httpx.BaseTransport):
    """A real connection that counts its exchanges and can be made to refuse block hashes, as an old node does."""

    def __init__(self, *, knows_hashes: bool = True) -> None:
        self.exchanges = 0
        self._knows_hashes = knows_hashes
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.exchanges += 1
        body = json.loads(request.read())
        if not self._knows_hashes and isinstance(body, dict) and "blockHash" in json.dumps(body["params"]):
            error = {"code": -32602, "message": "invalid argument 1: json: cannot unmarshal object"}
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": body["id"], "error": error})
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(params=[True, False], ids=["node-with-hashes", "node-without"])
def counted(chain: ChainWorld, request: pytest.FixtureRequest) -> Iterator[tuple[Reader, CountingTransport]]:
    transport = CountingTransport(knows_hashes=request.param)
    rpc = Rpc(chain.anvil.url, transport=transport)
    blocks = Blocks(rpc)
    state = StateAt(rpc, blocks, reverts())
    directory = Directory(blocks, state, chain.deployment.address("Council"))
    yield Reader(rpc, blocks, state, directory, DevFinality()), transport
    rpc.close()


def test_reader__at_an_old_block__says_what_was_then(
    chain: ChainWorld, counted: tuple[Reader, CountingTransport]
) -> None:
    reader, _ = counted
    participant = chain.party("hospital-a").participant
    states = [reader.participant(participant, reader.head()).status]
    first = next(event for event in reader.events(0, reader.head().number) if event.name == "ParticipantAdmitted")
    before = reader.block(first.block_number - 1)
    states.append(reader.participant(participant, before).status)
    assert states == [ParticipantStatus.ACTIVE, ParticipantStatus.APPLIED]


def test_reader__at_a_block_of_another_fork__is_unavailable(counted: tuple[Reader, CountingTransport]) -> None:
    reader, _ = counted
    other = replace(reader.head(), hash=bytes(32))
    with pytest.raises(UnavailableError):
        reader.operator_of(account("anybody").address, other)


def test_reader__same_read_at_the_same_block__asks_the_node_once(counted: tuple[Reader, CountingTransport]) -> None:
    reader, transport = counted
    at = reader.head()
    reader.operator_of(account("anybody").address, at)
    before = transport.exchanges
    assert reader.operator_of(account("anybody").address, at) is None
    assert transport.exchanges == before


def test_reader__prefetch__makes_one_exchange_of_many_reads(
    chain: ChainWorld, counted: tuple[Reader, CountingTransport]
) -> None:
    reader, transport = counted
    at = reader.head()
    source = chain.party("hospital-a").participant
    reader.participant(source, at)
    before = transport.exchanges
    leaves = [bytes([index]) * 32 for index in range(50)]
    reader.prefetch([("record_state", (source, leaf)) for leaf in leaves] + [("custodian_set", (1,))], at)
    assert transport.exchanges == before + 1
    for leaf in leaves:
        reader.record_state(source, leaf, at)
    reader.custodian_set(1, at)
    assert transport.exchanges == before + 1


def test_reader__unknown_things__are_empty_or_not_found(chain: ChainWorld) -> None:
    reader = chain.reader
    at = reader.head()
    nobody = ParticipantId(bytes(32))
    assert reader.participant(nobody, at).status is ParticipantStatus.NONE
    assert reader.operator_of(account("nobody").address, at) is None
    assert reader.subject(b"\x07" * 32, at).controller == ZERO_ADDRESS  # type: ignore[arg-type] # any 32 bytes
    with pytest.raises(NotFoundError):
        reader.custodian_set(99, at)
    with pytest.raises(NotFoundError):
        reader.block(10_000_000)


def test_reader__final_on_the_dev_chain__is_the_head_and_unproven(chain: ChainWorld) -> None:
    head = chain.reader.head()
    assert chain.reader.final().number >= head.number
    assert not chain.reader.finality_proven


def test_reader__domain_of_a_contract__signs_what_it_accepts(chain: ChainWorld) -> None:
    rpc = chain.chain.rpc
    for contract in ("ParticipantRegistry", "SubjectRegistry", "ConsentRegistry", "AccessGateway", "RecordRegistry"):
        domain = chain.reader.domain(contract)
        asked = rpc.call("eth_call", {"to": domain.verifying_contract, "data": "0xf698da25"}, "latest")
        assert asked == "0x" + domain.separator.hex()
    assert chain.reader.domain("Council").name == "Salus"


def test_events__of_the_whole_chain__are_decoded_in_order(chain: ChainWorld) -> None:
    events = chain.reader.events(0, chain.reader.head().number)
    assert [(e.block_number, e.log_index) for e in events] == sorted((e.block_number, e.log_index) for e in events)
    admitted = {event.args["participantId"] for event in events if event.name == "ParticipantAdmitted"}
    assert {chain.party(name).participant for name in CAST} <= admitted
    installed = [event for event in events if event.name == "ContractInstalled"]
    assert {event.args["account"] for event in installed} >= set(chain.chain.directory.known()) - {
        chain.deployment.address("Council")
    }
    assert all(event.contract == "Council" for event in installed)


@pytest.mark.usefixtures("instant")
def test_reader__gateway_replaced__reads_each_block_from_the_one_in_charge(chain: ChainWorld) -> None:
    from salus.adapters.chain.connect import connect_deployer
    from salus.flows.deploy import install_call

    reader = chain.reader
    old, before = reader.address_of("AccessGateway"), reader.head()
    fresh = connect_deployer(chain.anvil.url, [account("second deployer")])
    new = fresh.deploy("AccessGateway", [chain.deployment.address("Council")])
    decide([install_call("AccessGateway", new)], b"replace".ljust(32, b"\0"), chain.chamber)
    at = reader.head()
    assert (chain.chain.directory.address("AccessGateway", before), old) == (old, old)
    assert chain.chain.directory.address("AccessGateway", at) == new
    events = connect(chain.anvil.url, chain.deployment.address("Council")).reader.events(before.number, at.number)
    assert [event.args["previous"] for event in events if event.name == "ContractInstalled"] == [old]
    decide([install_call("AccessGateway", old)], b"back again".ljust(32, b"\0"), chain.chamber)
    chain.chain.directory.resolve(new)


def test_connect__to_no_council__says_so(chain: ChainWorld) -> None:
    with pytest.raises(SetupError, match="no contract"):
        connect(chain.anvil.url, Address(account("empty").address))


@pytest.mark.usefixtures("instant")
def test_decide__twice__is_once(chain: ChainWorld) -> None:
    salt = b"suspend and back".ljust(32, b"\0")
    participant = chain.party("institute").participant
    calls = [
        ContractCall("ParticipantRegistry", "suspend", (participant,)),
        ContractCall("ParticipantRegistry", "reinstate", (participant,)),
    ]
    assert decide(calls, salt, chain.chamber) is not None
    assert decide(calls, salt, chain.chamber) is None
