"""Storage by proofs: what is asked, how often, and every way a node's answer can be false."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from salus.adapters.chain.proofs import ProvenState
from salus.adapters.chain.trusted import TrustedChain
from salus.core.errors import NodeError, NotFoundError, UnavailableError
from salus.core.ids import Address, to_address
from salus.core.slots import Storage
from salus.core.state import BlockStamp
from tests.unit.adapters.chain.sealed_node import ENGINE, SealedNode, start

HERE, THERE, NOBODY = (to_address(bytes([number]) * 20) for number in (1, 2, 3))
STATE: Mapping[Address, Mapping[int, int]] = {
    HERE: {0: 7, 1: 2, 2: 9, 5: 1 << 255} | {100 + index: index + 1 for index in range(40)},
    THERE: {0: 3, 7: 77, 9: 77} | {200 + index: 1 for index in range(20)},
}


class Scene:
    """A node whose newest block holds `STATE`, and a follower of it."""

    def __init__(self) -> None:
        self.node = SealedNode()
        self.node.seal(None, state=STATE)
        rpc = self.node.rpc()
        self.trusted = TrustedChain(rpc, ENGINE, start(), lambda _: None)
        self.state = ProvenState(rpc, self.trusted.state_root)
        self.at = self.head()

    def head(self) -> BlockStamp:
        """The newest block, checked."""
        self.trusted.advance()
        self.node.asked.clear()
        return self.trusted.head()

    def word(self, contract: Address, slot: int, at: BlockStamp | None = None) -> int:
        """One word."""
        return self.state.run(lambda storage: storage.word(contract, slot), at or self.at)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_run__words_written_and_not__are_what_the_state_holds(scene: Scene) -> None:
    found = [scene.word(HERE, slot) for slot in (0, 1, 5, 6, 139)]
    assert found == [7, 2, 1 << 255, 0, 40]
    assert [scene.word(THERE, 7), scene.word(NOBODY, 7)] == [77, 0]


def test_run__many_words_of_two_contracts__takes_one_exchange(scene: Scene) -> None:
    def read(storage: Storage) -> int:
        return sum(storage.word(HERE, 100 + index) for index in range(40)) + storage.word(THERE, 7)

    assert scene.state.run(read, scene.at) == 820 + 77
    assert scene.node.asked == [["eth_getProof", "eth_getProof"]]


def test_run__words_that_name_words__takes_an_exchange_for_each_step_once(scene: Scene) -> None:
    def chained(storage: Storage) -> int:
        return storage.word(THERE, storage.word(HERE, storage.word(HERE, 1)))

    assert scene.state.run(chained, scene.at) == 77
    assert len(scene.node.asked) == 3
    assert scene.state.run(chained, scene.at) == 77
    assert len(scene.node.asked) == 3


def test_run__next_block__guesses_the_way_and_takes_one_exchange(scene: Scene) -> None:
    def chained(storage: Storage) -> int:
        return storage.word(THERE, storage.word(HERE, storage.word(HERE, 1)))

    scene.state.run(chained, scene.at)
    scene.node.seal(None, state={**STATE, THERE: {**STATE[THERE], 9: 78}})
    head = scene.head()
    assert scene.state.run(chained, head) == 78
    assert len(scene.node.asked) == 1
    assert scene.state.run(chained, scene.at) == 77


def test_run__next_block_leads_another_way__is_not_misled_by_the_guess(scene: Scene) -> None:
    def chained(storage: Storage) -> int:
        return storage.word(HERE, storage.word(HERE, 1))

    assert scene.state.run(chained, scene.at) == 9
    scene.node.seal(None, state={**STATE, HERE: {**STATE[HERE], 1: 5}})
    assert scene.state.run(chained, scene.head()) == 1 << 255


def test_run__contract_unchanged_in_the_next_block__its_words_are_not_fetched_again(scene: Scene) -> None:
    scene.word(HERE, 0)
    scene.node.seal(None, state={**STATE, THERE: {0: 4}})
    head = scene.head()
    scene.state.account(HERE, head)
    scene.node.asked.clear()
    assert scene.word(HERE, 0, head) == 7
    assert scene.node.asked == []


def test_run__read_that_fails_on_words_it_lacks__is_run_again(scene: Scene) -> None:
    def read(storage: Storage) -> int:
        if storage.word(HERE, 0) != 7:
            raise NotFoundError("not yet")
        return storage.word(THERE, 7)

    assert scene.state.run(read, scene.at) == 77


def test_run__read_that_fails_on_what_is_there__says_so(scene: Scene) -> None:
    def read(storage: Storage) -> int:
        if storage.word(HERE, 0) == 7:
            raise NotFoundError("seven")
        return 0

    with pytest.raises(NotFoundError, match="seven"):
        scene.state.run(read, scene.at)


def test_run__read_that_never_ends__is_given_up(scene: Scene) -> None:
    slots = iter(range(1_000, 2_000))
    with pytest.raises(UnavailableError, match="did not come to an end"):
        scene.state.run(lambda storage: storage.word(HERE, next(slots)), scene.at)


def test_run__length_that_one_signer_made_up__is_not_walked(scene: Scene) -> None:
    """A head is sealed by one account: its state may say that a list has 2^255 elements."""

    def read(storage: Storage) -> int:
        return sum(storage.word(HERE, 10**6 + index) for index in range(storage.word(HERE, 5)))

    with pytest.raises(NodeError, match="more words than any read"):
        scene.state.run(read, scene.at)
    assert scene.node.asked == [["eth_getProof"]]


def test_run__hundreds_of_words__are_asked_for_in_parts(scene: Scene) -> None:
    total = scene.state.run(lambda storage: sum(storage.word(HERE, index) for index in range(1_000)), scene.at)
    assert total == 7 + 2 + 9 + (1 << 255) + 820
    assert [len(exchange) for exchange in scene.node.asked] == [4, 4, 2]


def test_run__node_has_not_the_state__is_unavailable(scene: Scene) -> None:
    scene.node.states.clear()
    with pytest.raises(UnavailableError):
        scene.word(HERE, 0)


def test_run__block_never_checked__is_unavailable_and_not_asked_for(scene: Scene) -> None:
    with pytest.raises(UnavailableError):
        scene.word(HERE, 0, BlockStamp(1, bytes(32), 0))
    assert scene.node.asked == []


def test_account__of_nobody__is_none(scene: Scene) -> None:
    assert scene.state.account(NOBODY, scene.at) is None
    assert scene.state.account(HERE, scene.at) is not None


# every way an answer can be false; each alters the answer to one request for slots 0 and 6 of HERE

Answer = dict[str, Any]


def value(answer: Answer, _: Scene) -> None:
    answer["storageProof"][0]["value"] = "0x8"


def value_of_absence(answer: Answer, _: Scene) -> None:
    answer["storageProof"][1]["value"] = "0x1"


def missing_node(answer: Answer, _: Scene) -> None:
    answer["storageProof"][0]["proof"].pop()


def missing_root(answer: Answer, _: Scene) -> None:
    answer["storageProof"][0]["proof"].pop(0)


def no_proof(answer: Answer, _: Scene) -> None:
    answer["storageProof"][0]["proof"] = []


def surplus_node(answer: Answer, _: Scene) -> None:
    answer["storageProof"][0]["proof"].append(answer["storageProof"][0]["proof"][-1])


def flipped_byte(answer: Answer, _: Scene) -> None:
    node = answer["storageProof"][0]["proof"][-1]
    answer["storageProof"][0]["proof"][-1] = node[:-1] + ("0" if node[-1] != "0" else "1")


def false_absence(answer: Answer, scene: Scene) -> None:
    absent = scene.node.eth_getProof(HERE.lower(), [f"0x{6:064x}"], {"blockHash": "0x" + scene.at.hash.hex()})
    answer["storageProof"][0] |= {"value": "0x0", "proof": absent["storageProof"][0]["proof"]}


def other_key(answer: Answer, _: Scene) -> None:
    answer["storageProof"][0]["key"] = f"0x{1:064x}"


def keys_swapped(answer: Answer, _: Scene) -> None:
    answer["storageProof"].reverse()


def fewer_proofs(answer: Answer, _: Scene) -> None:
    answer["storageProof"].pop()


def other_contract(answer: Answer, scene: Scene) -> None:
    other = scene.node.eth_getProof(THERE.lower(), [f"0x{0:064x}"] * 2, {"blockHash": "0x" + scene.at.hash.hex()})
    answer |= other


def other_contract_renamed(answer: Answer, scene: Scene) -> None:
    address = answer["address"]
    other_contract(answer, scene)
    answer["address"] = address


def other_storage(answer: Answer, scene: Scene) -> None:
    other = scene.node.eth_getProof(THERE.lower(), [f"0x{0:064x}"], {"blockHash": "0x" + scene.at.hash.hex()})
    answer["storageProof"][0] = other["storageProof"][0]


def account_denied(answer: Answer, scene: Scene) -> None:
    nobody = scene.node.eth_getProof(NOBODY.lower(), [], {"blockHash": "0x" + scene.at.hash.hex()})
    answer["accountProof"] = nobody["accountProof"]
    for proof in answer["storageProof"]:
        proof |= {"value": "0x0", "proof": []}


def account_cut(answer: Answer, _: Scene) -> None:
    answer["accountProof"].pop()


def no_hex(answer: Answer, _: Scene) -> None:
    answer["accountProof"][0] = "0xzz"


def no_list(answer: Answer, _: Scene) -> None:
    answer["storageProof"] = None


def not_even_members(answer: Answer, _: Scene) -> None:
    answer.clear()


LIES: Sequence[tuple[Callable[[Answer, Scene], None], str]] = (
    (value, "a word differs from what its proof shows"),
    (value_of_absence, "a word differs from what its proof shows"),
    (missing_node, "missing"),
    (missing_root, "not the one its parent names"),
    (no_proof, "missing"),
    (surplus_node, "surplus"),
    (flipped_byte, "not the one its parent names"),
    (false_absence, "proof|parent"),
    (other_key, "of another slot"),
    (keys_swapped, "of another slot"),
    (fewer_proofs, "not one storage proof for each slot"),
    (other_contract, "of another account"),
    (other_contract_renamed, "missing|parent|surplus|not"),
    (other_storage, "not the one its parent names"),
    (account_denied, "missing|parent|surplus|not"),
    (account_cut, "missing"),
    (no_hex, "hex"),
    (no_list, "not one storage proof"),
    (not_even_members, "a member is missing"),
)


@pytest.mark.parametrize(("lie", "said"), LIES, ids=[lie.__name__ for lie, _ in LIES])
def test_run__node_lies__is_found_out_and_says_how(
    scene: Scene, lie: Callable[[Answer, Scene], None], said: str
) -> None:
    def tell(method: str, _: Sequence[Any], answer: Any) -> Any:
        if method == "eth_getProof":
            lie(answer, scene)
        return answer

    scene.node.lie = tell
    with pytest.raises(NodeError, match=said) as caught:
        scene.state.run(lambda storage: storage.word(HERE, 0) + storage.word(HERE, 6), scene.at)
    assert HERE in str(caught.value)
    scene.node.lie = None
    assert scene.word(HERE, 0) == 7


def test_run__state_of_an_older_block__is_found_out(scene: Scene) -> None:
    scene.node.seal(None, state={**STATE, HERE: {**STATE[HERE], 0: 8}})
    head, old = scene.head(), scene.at
    scene.node.lie = lambda method, params, answer: (
        scene.node.eth_getProof(params[0], params[1], {"blockHash": "0x" + old.hash.hex()})
        if method == "eth_getProof"
        else answer
    )
    with pytest.raises(NodeError, match="not the one its parent names"):
        scene.word(HERE, 0, head)
