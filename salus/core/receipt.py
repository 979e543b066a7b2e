"""Receipts: portable proofs of a record, an access or a destruction, checked offline.

    {"salus": "receipt", "version": 1, "kind": …, "deployment": …, "block": …, "finality": …, "body": …,
     "proofs": null, "issuer": {"participant", "operator"}, "issuedAt": …, "signature": "0x…65"}

A receipt is canonical JSON, signed by an operator of the institution that issues it (EIP-712 `Receipt` under the
deployment's `Salus` domain, every part as SHA-256 of its canonical JSON), so any change shows. Inside, all that follows
from something else is checked: leaf hash, Merkle path, digests of structs, log heads, custodians' signatures. What only
the issuer's word stands for is that the block is final; `proofs` is kept for storage proofs and sealed headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from salus.core import signatures
from salus.core.canonical import canonical, parse
from salus.core.eip712 import Domain, StructType
from salus.core.errors import CanonicalError, InputError, ReceiptError, SignatureError
from salus.core.hashing import keccak, sha256
from salus.core.ids import Address, ParticipantId, hex32
from salus.core.ports import Signer
from salus.core.receipt_bodies import AccessBody, RecordBody
from salus.core.receipt_destruction import UNPROVABLE, DestructionBody
from salus.core.receipt_fields import Fields
from salus.core.state import BlockStamp

VERSION = 1
Body = RecordBody | AccessBody | DestructionBody
BODIES: Mapping[str, type[Body]] = {body.KIND: body for body in (RecordBody, AccessBody, DestructionBody)}
RECEIPT_TYPE = StructType(
    "Receipt",
    ("uint16", "version"),
    ("bytes32", "kind"),
    ("bytes32", "deployment"),
    ("bytes32", "block"),
    ("bytes32", "finality"),
    ("bytes32", "body"),
    ("bytes32", "issuerId"),
    ("uint64", "issuedAt"),
)
CONTRACTS = (
    "ParticipantRegistry",
    "SubjectRegistry",
    "RecordRegistry",
    "ConsentRegistry",
    "AccessGateway",
    "AuditLog",
)
STATEMENTS: Mapping[str, str] = {
    "dev": "The chain is a development chain: nothing proves that this block is final, or that anybody sealed it.",
    "clique": (
        "The issuer saw this block sealed over by more than half of the signers. "
        "The seals are not part of this receipt, and they prove finality against crashes only."
    ),
    "qbft": "The issuer saw this block committed by the validators. Their seals are not part of this receipt.",
}
"""What a receipt says of its block's finality, by rule."""
_NAMES = ("salus", "version", "kind", "deployment", "block", "finality", "body", "proofs")


@dataclass(frozen=True, slots=True)
class ReceiptDeployment:
    """The deployment a receipt is of: chain, Council, and the contract of every directory role at the block."""

    chain_id: int
    council: Address
    contracts: Mapping[str, Address]

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract; `Council` is the deployment's `Salus` domain."""
        if contract == "Council":
            return Domain("Salus", self.chain_id, self.council)
        return Domain(f"Salus {contract}", self.chain_id, self.contracts[contract])

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "chainId": self.chain_id,
            "council": self.council,
            "contracts": {name: self.contracts[name] for name in CONTRACTS},
        }


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a body: deployment, block of the facts, finality rule (`dev`, `clique`, `qbft`), issuer."""

    deployment: ReceiptDeployment
    block: BlockStamp
    finality: str
    issuer: ParticipantId
    issued_at: int

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self.deployment.chain_id

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract."""
        return self.deployment.domain(contract)

    def address_of(self, contract: str) -> Address:
        """Address of a contract."""
        return self.deployment.contracts[contract]


@dataclass(frozen=True, slots=True)
class UnsignedReceipt:
    """A receipt before its issuer's signature."""

    frame: Frame
    body: Body

    def digest(self) -> bytes:
        """What the issuer's operator signs, 32 bytes."""
        parts = self._parts()
        values = {
            "version": VERSION,
            "kind": keccak(f"salus.receipt.{self.body.KIND}".encode()),
            **{name: sha256(canonical(parts[name])) for name in ("deployment", "block", "finality", "body")},
            "issuerId": self.frame.issuer,
            "issuedAt": self.frame.issued_at,
        }
        return RECEIPT_TYPE.digest(self.frame.domain("Council"), values)

    def signed(self, operator: Address, signature: bytes) -> dict[str, Any]:
        """The receipt; write it with `canonical`."""
        return {
            **self._parts(),
            "proofs": None,
            "issuer": {"participant": hex32(self.frame.issuer), "operator": operator},
            "issuedAt": self.frame.issued_at,
            "signature": hex32(signature),
        }

    def sign(self, signer: Signer) -> dict[str, Any]:
        """The receipt, signed by an operator of its issuer."""
        return self.signed(signer.address, signer.sign(self.digest()))

    def _parts(self) -> dict[str, Any]:
        block, rule = self.frame.block, self.frame.finality
        return {
            "salus": "receipt",
            "version": VERSION,
            "kind": self.body.KIND,
            "deployment": self.frame.deployment.to_json(),
            "block": {"number": block.number, "hash": hex32(block.hash), "timestamp": block.timestamp},
            "finality": {"rule": rule, "proven": False, "statement": STATEMENTS[rule]},
            "body": self.body.to_json(self.frame.chain_id),
        }


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifier knows from elsewhere: the deployment's Council, and operators with their institutions.

    `contracts` may name contracts of the deployment too; those not named are taken from the receipt.
    """

    chain_id: int
    council: Address
    operators: Mapping[Address, ParticipantId]
    contracts: Mapping[str, Address] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt that holds. `issuer_known` says whether its issuer is one the verifier trusts."""

    frame: Frame
    body: Body
    operator: Address
    issuer_known: bool

    @property
    def kind(self) -> str:
        """`record`, `access` or `destruction`."""
        return self.body.KIND

    @property
    def finality_proven(self) -> bool:
        """Whether the receipt itself proves that its block is final; in version 1 it never does."""
        return False

    @property
    def statements(self) -> tuple[str, ...]:
        """What the holder must know about the limits of this proof."""
        said = [STATEMENTS[self.frame.finality]]
        if not self.issuer_known:
            said.append("The issuer was not compared with a list of known institutions.")
        if isinstance(self.body, DestructionBody):
            said.append(UNPROVABLE)
        return tuple(said)


def record_receipt(frame: Frame, body: RecordBody) -> UnsignedReceipt:
    """Receipt of a record version that is anchored.

    Raises:
        ReceiptError: the facts contradict each other.
    """
    return _made(frame, body)


def access_receipt(frame: Frame, body: AccessBody) -> UnsignedReceipt:
    """Receipt of an access, granted or denied.

    Raises:
        ReceiptError: the facts contradict each other.
    """
    return _made(frame, body)


def destruction_receipt(frame: Frame, body: DestructionBody) -> UnsignedReceipt:
    """Receipt of a destruction with enough attestations.

    Raises:
        ReceiptError: the facts contradict each other.
    """
    return _made(frame, body)


def verify_receipt(value: Mapping[str, Any] | bytes, trusted: Trust | None = None) -> VerifiedReceipt:
    """Check a receipt offline: its bytes (must be canonical) or its parsed JSON.

    Raises:
        ReceiptError: names the member that does not hold.
    """
    fields = Fields(_parsed(value), "", *_NAMES, "issuer", "issuedAt", "signature")
    fields.text("salus", "receipt")
    if fields.integer("version", 16) != VERSION:
        raise ReceiptError("version", f"must be {VERSION}; take a newer `salus verify` for newer receipts")
    if fields.raw("proofs") is not None:
        raise ReceiptError("proofs", "must be null in this version")
    issuer = Fields(fields.raw("issuer"), "issuer", "participant", "operator")
    frame = Frame(
        _deployment(fields.raw("deployment")),
        _block(fields.raw("block")),
        _finality(fields.raw("finality")),
        ParticipantId(issuer.hex("participant")),
        fields.integer("issuedAt"),
    )
    body = BODIES[fields.text("kind", *BODIES)].from_json(fields.raw("body"), frame.chain_id)
    operator = issuer.address("operator")
    _check_times(frame)
    body.check(frame)
    receipt = UnsignedReceipt(frame, body)
    try:
        signatures.check(receipt.digest(), fields.hex("signature", 65), operator)
    except SignatureError as error:
        raise ReceiptError("signature", f"{error}: the receipt is not what its issuer signed") from error
    _check_trust(frame, operator, trusted)
    return VerifiedReceipt(frame, body, operator, trusted is not None)


def _made(frame: Frame, body: Body) -> UnsignedReceipt:
    if frame.finality not in STATEMENTS:
        raise ReceiptError("finality.rule", f"must be one of {', '.join(STATEMENTS)}")
    _check_times(frame)
    body.check(frame)
    return UnsignedReceipt(frame, body)


def _parsed(value: Mapping[str, Any] | bytes) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        found = parse(value)
        if canonical(found) == value:
            return found
    except (InputError, CanonicalError) as error:
        raise ReceiptError("receipt", "is not canonical JSON") from error
    raise ReceiptError("receipt", "is not canonical JSON: write it as it was issued")


def _deployment(value: Any) -> ReceiptDeployment:
    fields = Fields(value, "deployment", "chainId", "council", "contracts")
    contracts = Fields(fields.raw("contracts"), "deployment.contracts", *CONTRACTS)
    return ReceiptDeployment(
        fields.integer("chainId"),
        fields.address("council"),
        {name: contracts.address(name) for name in CONTRACTS},
    )


def _block(value: Any) -> BlockStamp:
    fields = Fields(value, "block", "number", "hash", "timestamp")
    return BlockStamp(fields.integer("number"), fields.hex("hash"), fields.integer("timestamp"))


def _finality(value: Any) -> str:
    fields = Fields(value, "finality", "rule", "proven", "statement")
    rule = fields.text("rule", *STATEMENTS)
    if fields.raw("proven") is not False:
        raise ReceiptError("finality.proven", "must be false: this version carries no proof of finality")
    fields.text("statement", STATEMENTS[rule])
    return rule


def _check_times(frame: Frame) -> None:
    # Clocks of block makers may run up to 15 s ahead (EIP-225 and geth's rule for future blocks).
    if frame.issued_at + 15 < frame.block.timestamp:
        raise ReceiptError("issuedAt", "is before the block the facts were read at")


def _check_trust(frame: Frame, operator: Address, trusted: Trust | None) -> None:
    if trusted is None:
        return
    if frame.chain_id != trusted.chain_id:
        raise ReceiptError("deployment.chainId", "is another chain than the one trusted")
    if frame.deployment.council != trusted.council:
        raise ReceiptError("deployment.council", "is another deployment than the one trusted")
    for name, address in trusted.contracts.items():
        if frame.deployment.contracts.get(name) != address:
            raise ReceiptError(f"deployment.contracts.{name}", "is another contract than the one trusted")
    if trusted.operators.get(operator) != frame.issuer:
        raise ReceiptError("issuer", "is not an operator of an institution that is trusted")
