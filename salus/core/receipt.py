"""Receipts: portable proofs of a record, an access or a destruction, checked offline.

    {"salus": "receipt", "version": 2, "kind": …, "deployment": …, "block": …, "finality": …, "body": …,
     "proofs": null or evidence, "issuer": {"participant", "operator"}, "issuedAt": …, "signature": "0x…65"}

A receipt is canonical JSON, signed by an operator of the institution that issues it (EIP-712 `Receipt` under the
deployment's `Salus` domain, every part as SHA-256 of its canonical JSON), so any change shows. Inside, all that follows
from something else is checked: leaf hash, Merkle path, digests of structs, log heads, custodians' signatures. With
`proofs` (`salus.core.evidence`) every fact the chain keeps is checked against storage proofs, and the block's finality
against the seals of its headers, for whoever knows the validators; without them, on a development chain, both are the
issuer's word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from salus.core import signatures
from salus.core.canonical import canonical, parse
from salus.core.contracts import ROLES
from salus.core.eip712 import Domain, StructType
from salus.core.errors import CanonicalError, InputError, ReceiptError, SignatureError
from salus.core.evidence import Evidence, ProvenStorage
from salus.core.hashing import keccak, sha256
from salus.core.ids import Address, ParticipantId, hex32
from salus.core.ports import Signer
from salus.core.receipt_bodies import AccessBody, RecordBody
from salus.core.receipt_destruction import UNPROVABLE, DestructionBody
from salus.core.receipt_fields import Fields
from salus.core.receipt_state import check_state
from salus.core.state import BlockStamp

VERSION = 2
MAX_BYTES = 4 * 1024 * 1024
"""Of a receipt as bytes: the longest honest one, 1,024 leaves and two stretches of 640 entries, has half a megabyte."""
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
    ("bytes32", "proofs"),
    ("bytes32", "issuerId"),
    ("uint64", "issuedAt"),
)
STATEMENTS: Mapping[str, str] = {
    "dev": "The chain is a development chain: nothing proves that this block is final, or that anybody sealed it.",
    "clique": (
        "More than half of the signers sealed this block or over it; their seals are part of this receipt. "
        "With Clique that proves finality against crashes only, not against signers who lie."
    ),
    "qbft": "Two thirds of the validators committed this block; their seals are part of this receipt.",
}
"""What a receipt says of its block's finality, by rule."""
_UNCOMPARED = "The seals were not compared with validators the verifier trusts: give a genesis or a trusted header."
_ANY_COUNCIL = (
    "The deployment was not compared with one the verifier knows: whoever may create contracts on a chain can create "
    "others there, and make such a receipt about them. Give the address of the Council."
)
_AGREED = (
    "That the account which agreed to the destruction controlled the subject then is the issuer's word; that it was "
    "ordered is not."
)
_LOG_GOES_ON = (
    "The log had more entries at this block than the stretch shown, so no head proves it: who else is in it, and whose "
    "chain it is where no consent is shown, is the issuer's word."
)
_NO_LOG = "No stretch of the log is shown: where in it this stands, and what came after, is not in this receipt."
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
            "contracts": {name: self.contracts[name] for name in ROLES},
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
    evidence: Evidence | None = None

    def digest(self) -> bytes:
        """What the issuer's operator signs, 32 bytes."""
        parts = self._parts()
        values = {
            "version": VERSION,
            "kind": keccak(f"salus.receipt.{self.body.KIND}".encode()),
            **{name: sha256(canonical(parts[name])) for name in ("deployment", "block", "finality", "body", "proofs")},
            "issuerId": self.frame.issuer,
            "issuedAt": self.frame.issued_at,
        }
        return RECEIPT_TYPE.digest(self.frame.domain("Council"), values)

    def signed(self, operator: Address, signature: bytes) -> dict[str, Any]:
        """The receipt; write it with `canonical`."""
        return {
            **self._parts(),
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
            "finality": {"rule": rule, "proven": self.evidence is not None, "statement": STATEMENTS[rule]},
            "body": self.body.to_json(self.frame.chain_id),
            "proofs": None if self.evidence is None else self.evidence.to_json(),
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
    """A receipt that holds.

    `issuer_known`: its issuer is one the verifier trusts. `deployment_known`: its Council is the one the verifier
    names, without which it may be about anybody's contracts. `facts_proven`: the chain's storage proves what it says.
    `finality_proven`: validators the verifier trusts sealed that state. `log_whole`: its log is proven to reach the
    newest entry of its block.
    """

    frame: Frame
    body: Body
    operator: Address
    issuer_known: bool
    facts_proven: bool = False
    finality_proven: bool = False
    log_whole: bool = False
    deployment_known: bool = False

    @property
    def kind(self) -> str:
        """`record`, `access` or `destruction`."""
        return self.body.KIND

    @property
    def statements(self) -> tuple[str, ...]:
        """What the holder must know about the limits of this proof."""
        said = [STATEMENTS[self.frame.finality]]
        if self.facts_proven and not self.finality_proven:
            said.append(_UNCOMPARED)
        if self.facts_proven and not self.log_whole:
            said.append(_LOG_GOES_ON if self.body.log else _NO_LOG)
        if not self.deployment_known:
            said.append(_ANY_COUNCIL)
        if not (self.issuer_known or (self.finality_proven and self.deployment_known)):
            said.append("The issuer was not compared with a list of known institutions.")
        if isinstance(self.body, DestructionBody):
            if self.body.agreement is not None:
                said.append(_AGREED)
            said.append(UNPROVABLE)
        return tuple(said)


def record_receipt(frame: Frame, body: RecordBody, evidence: Evidence | None = None) -> UnsignedReceipt:
    """Receipt of a record version that is anchored.

    Raises:
        ReceiptError: the facts contradict each other.
    """
    return _made(frame, body, evidence)


def access_receipt(frame: Frame, body: AccessBody, evidence: Evidence | None = None) -> UnsignedReceipt:
    """Receipt of an access, granted or denied.

    Raises:
        ReceiptError: the facts contradict each other.
    """
    return _made(frame, body, evidence)


def destruction_receipt(frame: Frame, body: DestructionBody, evidence: Evidence | None = None) -> UnsignedReceipt:
    """Receipt of a destruction with enough attestations.

    Raises:
        ReceiptError: the facts contradict each other.
    """
    return _made(frame, body, evidence)


def verify_receipt(
    value: Mapping[str, Any] | bytes,
    trusted: Trust | None = None,
    validators: Collection[bytes] | None = None,
    *,
    council: Address | None = None,
) -> VerifiedReceipt:
    """Check a receipt offline: its bytes (must be canonical) or its parsed JSON.

    `validators` are accounts of 20 bytes whose seals the verifier believes: those of the genesis block, or of a later
    trusted header, if validators were voted in or out since. `council` is the Council of the deployment it must be of:
    seals prove what a chain holds, not whose contracts these are.

    Raises:
        ReceiptError: names the member that does not hold.
    """
    fields = Fields(_parsed(value), "", *_NAMES, "issuer", "issuedAt", "signature")
    fields.text("salus", "receipt")
    if fields.integer("version", 16) != VERSION:
        raise ReceiptError("version", f"must be {VERSION}; take a newer `salus verify` for newer receipts")
    evidence = None if fields.raw("proofs") is None else Evidence.from_json(fields.raw("proofs"))
    issuer = Fields(fields.raw("issuer"), "issuer", "participant", "operator")
    frame = Frame(
        _deployment(fields.raw("deployment")),
        _block(fields.raw("block")),
        _finality(fields.raw("finality"), proven=evidence is not None),
        ParticipantId(issuer.hex("participant")),
        fields.integer("issuedAt"),
    )
    body = BODIES[fields.text("kind", *BODIES)].from_json(fields.raw("body"), frame.chain_id)
    operator = issuer.address("operator")
    _check_engine(frame, evidence)
    _check_times(frame)
    body.check(frame)
    receipt = UnsignedReceipt(frame, body, evidence)
    try:
        signatures.check(receipt.digest(), fields.hex("signature", 65), operator)
    except SignatureError as error:
        raise ReceiptError("signature", f"{error}: the receipt is not what its issuer signed") from error
    _check_trust(frame, operator, trusted)
    _check_council(frame, council)
    known = trusted is not None or council is not None
    verified = VerifiedReceipt(frame, body, operator, trusted is not None, deployment_known=known)
    return verified if evidence is None else _proven(verified, evidence, validators)


def _proven(verified: VerifiedReceipt, evidence: Evidence, validators: Collection[bytes] | None) -> VerifiedReceipt:
    """The same, with what the chain's storage and the seals prove."""
    frame = verified.frame
    evidence.check_block(frame.block)
    if validators is not None:
        evidence.check_seals(validators)
    storage = ProvenStorage(evidence)
    try:
        whole = check_state(storage, frame, frame.deployment.council, frame.issuer, verified.operator, verified.body)
    except ValueError as error:  # an enumeration has no member of that number
        raise ReceiptError("proofs.accounts", "prove a word that no contract of Salus writes") from error
    storage.require_used()
    return replace(verified, facts_proven=True, finality_proven=validators is not None, log_whole=whole)


def _made(frame: Frame, body: Body, evidence: Evidence | None) -> UnsignedReceipt:
    if frame.finality not in STATEMENTS:
        raise ReceiptError("finality.rule", f"must be one of {', '.join(STATEMENTS)}")
    _check_engine(frame, evidence)
    _check_times(frame)
    body.check(frame)
    return UnsignedReceipt(frame, body, evidence)


def _parsed(value: Mapping[str, Any] | bytes) -> Any:
    if not isinstance(value, bytes):
        return value
    if len(value) > MAX_BYTES:
        raise ReceiptError("receipt", f"has more than {MAX_BYTES} bytes")
    try:
        found = parse(value)
        if canonical(found) == value:
            return found
    except (InputError, CanonicalError) as error:
        raise ReceiptError("receipt", "is not canonical JSON") from error
    raise ReceiptError("receipt", "is not canonical JSON: write it as it was issued")


def _deployment(value: Any) -> ReceiptDeployment:
    fields = Fields(value, "deployment", "chainId", "council", "contracts")
    contracts = Fields(fields.raw("contracts"), "deployment.contracts", *ROLES)
    return ReceiptDeployment(
        fields.integer("chainId"),
        fields.address("council"),
        {name: contracts.address(name) for name in ROLES},
    )


def _block(value: Any) -> BlockStamp:
    fields = Fields(value, "block", "number", "hash", "timestamp")
    return BlockStamp(fields.integer("number"), fields.hex("hash"), fields.integer("timestamp"))


def _finality(value: Any, *, proven: bool) -> str:
    fields = Fields(value, "finality", "rule", "proven", "statement")
    rule = fields.text("rule", *STATEMENTS)
    if fields.raw("proven") is not proven:
        raise ReceiptError("finality.proven", f"must be {str(proven).lower()}, as the receipt has proofs or not")
    fields.text("statement", STATEMENTS[rule])
    return rule


def _check_engine(frame: Frame, evidence: Evidence | None) -> None:
    if (evidence is None) != (frame.finality == "dev"):
        raise ReceiptError("proofs", "are part of every receipt but a development chain's")
    if evidence is not None and evidence.engine != frame.finality:
        raise ReceiptError("proofs.engine", "is not the engine whose finality the receipt claims")


def _check_times(frame: Frame) -> None:
    # Clocks of block makers may run up to 15 s ahead (EIP-225 and geth's rule for future blocks).
    if frame.issued_at + 15 < frame.block.timestamp:
        raise ReceiptError("issuedAt", "is before the block the facts were read at")


def _check_council(frame: Frame, council: Address | None) -> None:
    if council is not None and frame.deployment.council != council:
        raise ReceiptError("deployment.council", "is another deployment than the one trusted")


def _check_trust(frame: Frame, operator: Address, trusted: Trust | None) -> None:
    if trusted is None:
        return
    if frame.chain_id != trusted.chain_id:
        raise ReceiptError("deployment.chainId", "is another chain than the one trusted")
    _check_council(frame, trusted.council)
    for name, address in trusted.contracts.items():
        if frame.deployment.contracts.get(name) != address:
            raise ReceiptError(f"deployment.contracts.{name}", "is another contract than the one trusted")
    if trusted.operators.get(operator) != frame.issuer:
        raise ReceiptError("issuer", "is not an operator of an institution that is trusted")
