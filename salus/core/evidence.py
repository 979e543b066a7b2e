"""Evidence of a receipt: storage proofs against the state root of a header, and the headers that make it final.

    {"engine": "clique" | "qbft", "headers": [header of the block, headers on top …],
     "accounts": [{"address", "proof": [node …], "words": [{"slot", "proof": [node …]}]}]}

Everything in it proves itself: a node by its hash, a header by its seals. Accounts and slots stand in order, once each,
and what no fact needs is refused, so there is one way to write it. Source: EIP-1186; `salus.core.consensus`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from salus.core.consensus import Engine, engine_of
from salus.core.errors import IntegrityError, ProofError, ReceiptError, SetupError
from salus.core.header import Header
from salus.core.ids import Address, hex32
from salus.core.receipt_fields import Fields, read_bytes
from salus.core.state import BlockStamp
from salus.core.state_proof import account_at, word_at

Nodes = tuple[bytes, ...]
ENGINES = ("clique", "qbft")
_NODE_BYTES = 1024
"""A branch whose sixteen children are hashes takes 532 bytes; a leaf of an account 110."""


@dataclass(frozen=True, slots=True)
class AccountEvidence:
    """Proof of one account and, by slot, of words of its storage: nodes from the root down."""

    proof: Nodes
    words: Mapping[int, Nodes]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Headers, the block's own first, and proofs by contract."""

    engine: str
    headers: tuple[Header, ...]
    accounts: Mapping[Address, AccountEvidence]

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "engine": self.engine,
            "headers": [header.to_json() for header in self.headers],
            "accounts": [
                {
                    "address": address,
                    "proof": [hex32(node) for node in account.proof],
                    "words": [
                        {"slot": hex32(slot.to_bytes(32, "big")), "proof": [hex32(node) for node in nodes]}
                        for slot, nodes in sorted(account.words.items())
                    ],
                }
                for address, account in sorted(self.accounts.items())
            ],
        }

    @classmethod
    def from_json(cls, value: Any, path: str = "proofs") -> Evidence:
        """Read the JSON form.

        Raises:
            ReceiptError: malformed, out of order, or something twice.
        """
        fields = Fields(value, path, "engine", "headers", "accounts")
        engine = fields.text("engine", *ENGINES)
        headers = tuple(
            _header(item, f"{fields.path('headers')}[{i}]") for i, item in enumerate(fields.items("headers"))
        )
        if not headers:
            raise ReceiptError(fields.path("headers"), "must have the block's header")
        accounts: dict[Address, AccountEvidence] = {}
        last = ""
        for i, item in enumerate(fields.items("accounts")):
            account = Fields(item, f"{fields.path('accounts')}[{i}]", "address", "proof", "words")
            address = account.address("address")
            if address <= last:
                raise ReceiptError(account.path("address"), "is out of order")
            last = address
            accounts[address] = AccountEvidence(_nodes(account, "proof"), _words(account))
        return cls(engine, headers, accounts)

    def check_block(self, block: BlockStamp) -> None:
        """Check that the first header is that of a block.

        Raises:
            ReceiptError: it is another block's.
        """
        header = self.headers[0]
        try:
            found = BlockStamp(header.number, _engine(self.engine).hash(header), header.timestamp)
        except IntegrityError as error:
            raise ReceiptError("proofs.headers[0]", str(error)) from error
        if found != block:
            raise ReceiptError("proofs.headers[0]", "is not the header of the receipt's block")

    def check_seals(self, validators: Iterable[bytes]) -> None:
        """Check that the headers make the block final, for whoever trusts these validators (20 bytes each).

        Raises:
            ReceiptError: they do not.
        """
        try:
            _engine(self.engine).attest(tuple(validators), self.headers)
        except IntegrityError as error:
            raise ReceiptError("proofs.headers", str(error)) from error


class ProvenStorage:
    """Words of contracts' storage as evidence proves them; `unused` says what nobody asked for."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._roots: dict[Address, bytes] = {}
        self._words: dict[tuple[Address, int], int] = {}

    def word(self, contract: Address, slot: int) -> int:
        """A word.

        Raises:
            ReceiptError: it is not proven.
        """
        key = contract, slot
        if key not in self._words:
            account = self._account(contract)
            if slot not in account.words:
                raise ReceiptError("proofs.accounts", f"prove no slot {hex(slot)} of {contract}")
            try:
                self._words[key] = word_at(self._root(contract), slot, account.words[slot])
            except ProofError as error:
                raise ReceiptError("proofs.accounts", f"slot {hex(slot)} of {contract}: {error}") from error
        return self._words[key]

    def require_used(self) -> None:
        """Check that there is no proof but of words that were read.

        Raises:
            ReceiptError: there is.
        """
        for contract, account in self._evidence.accounts.items():
            unread = [slot for slot in account.words if (contract, slot) not in self._words]
            if unread or not account.words:
                raise ReceiptError("proofs.accounts", f"prove of {contract} what the receipt does not say")

    def _account(self, contract: Address) -> AccountEvidence:
        try:
            return self._evidence.accounts[contract]
        except KeyError as error:
            raise ReceiptError("proofs.accounts", f"prove nothing of {contract}") from error

    def _root(self, contract: Address) -> bytes:
        if contract not in self._roots:
            state_root = self._evidence.headers[0].state_root
            try:
                account = account_at(state_root, contract, self._account(contract).proof)
            except ProofError as error:
                raise ReceiptError("proofs.accounts", f"{contract}: {error}") from error
            if account is None:
                raise ReceiptError("proofs.accounts", f"prove that there is no contract {contract}")
            self._roots[contract] = account.storage_root
        return self._roots[contract]


def _engine(name: str) -> Engine:
    try:
        return engine_of(name)
    except SetupError as error:
        raise ReceiptError("proofs.engine", str(error)) from error


def _header(value: Any, path: str) -> Header:
    try:
        found = Header.from_json(value)
    except (IntegrityError, AttributeError, TypeError) as error:
        raise ReceiptError(path, f"is no header: {error}") from error
    if found.to_json() != value:
        raise ReceiptError(path, "is not written as receipts write it")
    return found


def _nodes(fields: Fields, name: str) -> Nodes:
    return tuple(_node(item, f"{fields.path(name)}[{i}]") for i, item in enumerate(fields.items(name)))


def _node(value: Any, path: str) -> bytes:
    if not isinstance(value, str) or not 2 < len(value) <= 2 + 2 * _NODE_BYTES or len(value) % 2:
        raise ReceiptError(path, "must be 0x and the hex digits of a trie's node")
    return read_bytes(value, path, len(value) // 2 - 1)


def _words(fields: Fields) -> dict[int, Nodes]:
    words: dict[int, Nodes] = {}
    last = -1
    for i, item in enumerate(fields.items("words")):
        word = Fields(item, f"{fields.path('words')}[{i}]", "slot", "proof")
        slot = int.from_bytes(word.hex("slot"), "big")
        if slot <= last:
            raise ReceiptError(word.path("slot"), "is out of order")
        words[slot], last = _nodes(word, "proof"), slot
    return words
