"""Patients' signed calls on their way to the chain.

Every signature is checked before anything is sent, so only the patient's own word costs the relayer a transaction; the
contract checks it again. Accounts here are ordinary ones: a contract wallet (ERC-1271) sends its calls itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api.schemas.relay import SubjectFunction
from salus.core import signatures
from salus.core.access import Access
from salus.core.codes import Code
from salus.core.consent import REVOCATION_OF_ALL_TYPE, REVOCATION_TYPE, consent_id_from_parts
from salus.core.eip712 import StructType
from salus.core.errors import InputError, NotFoundError, RefusedError, SignatureError
from salus.core.ids import (
    ZERO32,
    ZERO_ADDRESS,
    AccessId,
    Address,
    ConsentId,
    SubjectRef,
    address_bytes,
    from_hex,
    to_address,
)
from salus.core.outcome import Recorded
from salus.core.ports import ChainReader, ChainWriter, ContractCall, TxReceipt
from salus.flows.bind import DENIAL_TYPE, FREEZE_TYPE, RETENTION_TYPE, ROTATION_TYPE, VETO_TYPE
from salus.flows.ledger import Gateway, record_own

SUBJECT_TYPES: Mapping[SubjectFunction, StructType] = {
    SubjectFunction.FREEZE: FREEZE_TYPE,
    SubjectFunction.DENY: DENIAL_TYPE,
    SubjectFunction.RETAIN: RETENTION_TYPE,
    SubjectFunction.ROTATE: ROTATION_TYPE,
    SubjectFunction.VETO: VETO_TYPE,
}


Count = Callable[[Address, bytes], None]
"""Told of every signature that holds, with its account, before anything is sent."""


class Relay:
    """Checks and sends. `gateway` waits for own accesses to be final."""

    def __init__(self, chain: ChainReader, writer: ChainWriter, gateway: Gateway) -> None:
        self._chain = chain
        self._writer = writer
        self._gateway = gateway

    def consent(
        self, head: Mapping[str, Any], scope_hash: bytes, signature: bytes, count: Count
    ) -> tuple[ConsentId, TxReceipt]:
        """Put a consent on chain: `replace` when its head names another, else `grant`. `head` has EIP-712 members.

        Raises:
            SignatureError: not the holder's.
            TooManyRequestsError: what `count` raises.
            ChainRevert, UnavailableError: as `ChainWriter.send`.
        """
        consent_id = consent_id_from_parts(self._chain.domain("ConsentRegistry"), head, scope_hash)
        signatures.check(consent_id, signature, head["holder"])
        count(head["holder"], signature)
        row = (head["holder"], head["epoch"], head["maxUses"], head["deadline"], head["replaces"])
        verb = "grant" if head["replaces"] == ZERO32 else "replace"
        return consent_id, self._writer.send(ContractCall("ConsentRegistry", verb, (row, scope_hash, signature)))

    def revocation(self, holder: Address, consent: ConsentId, signature: bytes, count: Count) -> TxReceipt:
        """Revoke one consent; raises like `consent`."""
        values = {"holder": holder, "consentId": consent}
        signatures.check(REVOCATION_TYPE.digest(self._chain.domain("ConsentRegistry"), values), signature, holder)
        count(holder, signature)
        return self._writer.send(ContractCall("ConsentRegistry", "revoke", (holder, consent, signature)))

    def revocation_of_all(self, holder: Address, epoch: int, signature: bytes, count: Count) -> TxReceipt:
        """Void everything a holder signed up to an epoch; raises like `consent`."""
        values = {"holder": holder, "epoch": epoch}
        digest = REVOCATION_OF_ALL_TYPE.digest(self._chain.domain("ConsentRegistry"), values)
        signatures.check(digest, signature, holder)
        count(holder, signature)
        return self._writer.send(ContractCall("ConsentRegistry", "revokeAll", (holder, epoch, signature)))

    def subject_signer(self, function: SubjectFunction, message: Mapping[str, Any], given: list[bytes]) -> Address:
        """Account that signed a subject's call first: its controller or guardian.

        Raises:
            InputError: the message does not have the members of its type, or a signature too many or few.
            NotFoundError: nobody controls the subject.
            SignatureError: signed by somebody else.
        """
        kind = SUBJECT_TYPES[function]
        values = members_of(kind, message)
        needed = 2 if function is SubjectFunction.ROTATE else 1
        if len(given) != needed:
            raise InputError(f"{function} bears {needed} signature(s)")
        digest = kind.digest(self._chain.domain("SubjectRegistry"), values)
        if function is SubjectFunction.ROTATE:
            signatures.check(digest, given[1], values["controller"])
        signer = self._controlling(SubjectRef(values["subjectRef"]), digest, given[0])
        if signer != values.get("by", signer):
            raise SignatureError("signed by another account than the message names")
        return signer

    def subject_call(self, function: SubjectFunction, message: Mapping[str, Any], given: list[bytes]) -> TxReceipt:
        """Send a subject's call whose signer was checked."""
        values = members_of(SUBJECT_TYPES[function], message)
        row = tuple(values[name] for _, name in SUBJECT_TYPES[function].members)
        signature: Any = tuple(given) if function is SubjectFunction.ROTATE else given[0]
        return self._writer.send(ContractCall("SubjectRegistry", function.value, (row, signature)))

    def own_signer(self, access: Access, signature: bytes) -> Address:
        """Account that signed an own access.

        Raises:
            NotFoundError: nobody controls the subject.
            RefusedError: signed by neither controller nor guardian (NOT_CONTROLLER).
        """
        digest = access.access_id(self._chain.domain("AccessGateway"))
        try:
            return self._controlling(SubjectRef(access.reference), digest, signature)
        except SignatureError as error:
            raise RefusedError(Code.NOT_CONTROLLER) from error

    def own_access(self, access: Access, signature: bytes) -> tuple[AccessId, Recorded]:
        """Send an own access whose signer was checked, and wait until it is final."""
        recorded = record_own(access, signature, self._gateway)
        return access.access_id(recorded.gateway), recorded

    def _controlling(self, subject: SubjectRef, digest: bytes, signature: bytes) -> Address:
        state = self._chain.subject(subject, self._chain.head())
        if state.controller == ZERO_ADDRESS:
            raise NotFoundError("no account controls this subject")
        signer = signatures.recover(digest, signature)
        if signer not in (state.controller, state.guardian):
            raise SignatureError("signed by neither the subject's controller nor its guardian")
        return signer


def members_of(kind: StructType, message: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a flat struct's JSON form by member name.

    Raises:
        InputError: a member is missing, unknown or does not fit its type.
    """
    if set(message) != {name for _, name in kind.members}:
        raise InputError(f"a {kind.name} has the members {', '.join(name for _, name in kind.members)}")
    return {name: _value(str(type_), name, message[name]) for type_, name in kind.members}


def _value(type_: str, name: str, value: Any) -> Any:
    if type_ == "bytes32" and isinstance(value, str):
        return from_hex(value)
    if type_ == "address" and isinstance(value, str):
        return to_address(address_bytes(Address(value)))
    if type_ == "bool" and isinstance(value, bool):
        return value
    counts = type_.startswith("uint") and isinstance(value, int) and not isinstance(value, bool)
    if counts and 0 <= value < 1 << int(type_[4:]):
        return value
    raise InputError(f"{name} is not a {type_}")
