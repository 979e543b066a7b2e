"""Several nodes of one chain: which is asked, which is left, and when it is asked again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from salus.adapters.chain.nodes import STALE_SECONDS, Node, Nodes, addresses
from salus.adapters.chain.pool import Verdict, offer
from salus.adapters.chain.rpc import Rpc, RpcError
from salus.adapters.chain.transactions import RawTransaction
from salus.core.errors import SetupError, UnavailableError

LIST = "http://one.test,http://two.test, http://three.test"
RAW = RawTransaction(0, b"\1\2", bytes(32))


class Chain:
    """Nodes that answer with their name. `heads` are times of their newest blocks; `away` ones drop connections."""

    def __init__(self) -> None:
        self.heads = {"one": 1000, "two": 1000, "three": 1000}
        self.ids = dict.fromkeys(self.heads, "0x7ea")
        self.refusals: dict[str, str] = {}
        self.away: set[str] = set()
        self.headless: set[str] = set()
        self.sent: dict[str, list[str]] = {name: [] for name in self.heads}
        self.now = 0.0
        self.rpc = Rpc(LIST, transport=httpx.MockTransport(self._handle))
        self.rpc._nodes._now = lambda: self.now

    def used(self) -> str:
        answer: str = self.rpc.call("eth_getCode")
        return answer

    def later(self, seconds: float = 3.0) -> None:
        self.now += seconds

    def _handle(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host.removesuffix(".test")
        if name in self.away:
            raise httpx.ConnectError("refused")
        body = json.loads(request.content)
        if isinstance(body, list):
            return httpx.Response(200, json=[self._answer(name, one) for one in body])
        return httpx.Response(200, json=self._answer(name, body))

    def _answer(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        match body["method"]:
            case "eth_chainId":
                result: Any = self.ids[name]
            case "eth_getBlockByNumber":
                result = None if name in self.headless else {"timestamp": hex(self.heads[name])}
            case "eth_sendRawTransaction":
                self.sent[name].append(body["params"][0])
                if name in self.refusals:
                    return {"id": body["id"], "error": {"code": -32000, "message": self.refusals[name]}}
                result = "0x" + "00" * 32
            case _:
                result = name
        return {"id": body["id"], "result": result}


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    monkeypatch.setattr("salus.adapters.chain.rpc._PAUSE_SECONDS", 0.0)
    made = Chain()
    yield made
    made.rpc.close()


def test_addresses__of_one_and_several__are_in_order() -> None:
    assert addresses("http://one.test:8545") == ["http://one.test:8545"]
    assert addresses(LIST) == ["http://one.test", "http://two.test", "http://three.test"]


@pytest.mark.parametrize("setting", ["", ",", "http://one.test,", "one.test:8545", "ws://one.test"])
def test_addresses__malformed__are_refused(setting: str) -> None:
    with pytest.raises(SetupError):
        addresses(setting)


def test_nodes__of_none__are_refused() -> None:
    with pytest.raises(SetupError):
        Nodes([])


def test_name__of_an_address_with_credentials__shows_none() -> None:
    node = Node("http://salus:secret@one.test:8545", 1.0, httpx.MockTransport(lambda _: httpx.Response(200)))
    assert node.name == "one.test:8545"


def test_used__all_well__is_the_first(chain: Chain) -> None:
    assert chain.used() == "one"


def test_used__first_away__is_the_next_and_the_first_again_after_a_rest(chain: Chain) -> None:
    assert chain.used() == "one"
    chain.away = {"one"}
    assert chain.used() == "two"
    chain.away = set()
    assert chain.used() == "two"
    chain.later()
    assert chain.used() == "two"
    chain.later(10.0)
    assert chain.used() == "one"


def test_used__two_away__is_the_third(chain: Chain) -> None:
    chain.away = {"one", "two"}
    assert chain.used() == "three"


def test_used__all_away__is_unavailable_until_one_is_back(chain: Chain) -> None:
    chain.away = {"one", "two", "three"}
    with pytest.raises(UnavailableError):
        chain.used()
    chain.away = {"one", "three"}
    assert chain.used() == "two"


def test_used__first_behind_the_others__is_left_until_it_caught_up(chain: Chain) -> None:
    assert chain.used() == "one"
    chain.heads |= {"two": 1000 + STALE_SECONDS, "three": 1000 + STALE_SECONDS}
    chain.later()
    assert chain.used() == "one"
    chain.heads |= {"two": 1001 + STALE_SECONDS, "three": 1001 + STALE_SECONDS}
    chain.later()
    assert chain.used() == "two"
    chain.heads["one"] = chain.heads["two"] - STALE_SECONDS
    chain.later()
    assert chain.used() == "two"
    chain.heads["one"] = chain.heads["two"] - 1
    chain.later()
    assert chain.used() == "one"


def test_used__whole_chain_stands_still__is_not_left(chain: Chain) -> None:
    for _ in range(20):
        chain.later(60.0)
        assert chain.used() == "one"


def test_used__node_of_another_chain__is_never_asked(chain: Chain) -> None:
    chain.ids["two"] = "0x1"
    chain.heads["two"] = 9_999_999
    assert chain.used() == "one"
    chain.away = {"one"}
    chain.later()
    assert chain.used() == "three"


def test_used__first_has_no_block_to_show__is_left(chain: Chain) -> None:
    chain.headless = {"one"}
    assert chain.used() == "two"


def test_batch__after_a_node_died__is_answered_whole_by_the_next(chain: Chain) -> None:
    assert chain.used() == "one"
    chain.away = {"one"}
    assert chain.rpc.batch([("eth_call", ())] * 3) == ["two"] * 3


def test_offer__one_node_in_use__gets_it_alone(chain: Chain) -> None:
    assert [answer.verdict for answer in offer(chain.rpc, [RAW])] == [Verdict.TAKEN]
    assert chain.sent == {"one": ["0x0102"], "two": [], "three": []}


def test_offer__node_in_use_dies__goes_to_the_next(chain: Chain) -> None:
    assert chain.used() == "one"
    chain.away = {"one"}
    assert [answer.verdict for answer in offer(chain.rpc, [RAW])] == [Verdict.TAKEN]
    assert chain.sent == {"one": [], "two": ["0x0102"], "three": []}


def test_offer__everywhere__reaches_all_that_answer_and_one_that_takes_it_is_enough(chain: Chain) -> None:
    chain.away = {"two"}
    chain.refusals = {"one": "txpool is full"}
    assert [answer.verdict for answer in offer(chain.rpc, [RAW], everywhere=True)] == [Verdict.TAKEN]
    assert chain.sent == {"one": ["0x0102"], "two": [], "three": ["0x0102"]}


def test_offer__all_away__is_unavailable(chain: Chain) -> None:
    chain.away = set(chain.heads)
    with pytest.raises(UnavailableError):
        offer(chain.rpc, [RAW], everywhere=True)


def test_offer__refused_by_all__is_a_refusal_with_the_nodes_words(chain: Chain) -> None:
    chain.refusals = dict.fromkeys(chain.heads, "exceeds block gas limit")
    [answer] = offer(chain.rpc, [RAW], everywhere=True)
    assert answer.verdict is Verdict.HOPELESS
    assert isinstance(answer.refusal, RpcError)


def test_offer__of_nothing__asks_nobody(chain: Chain) -> None:
    assert offer(chain.rpc, []) == []
