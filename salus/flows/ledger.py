"""The gateway as an institution and a relay see it: send a request, wait until it is final, believe the final state.

The code and the expiry are read from the access slot at a final block, not from the transaction's receipt: a block that
a fork takes back has recorded nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from salus.core import signatures
from salus.core.access import Access, AccessKind
from salus.core.codes import Code
from salus.core.eip712 import Domain
from salus.core.errors import ChainRevert, InputError, UnavailableError
from salus.core.ids import AccessId, Address
from salus.core.outcome import Recorded
from salus.core.package import ConsentPackage
from salus.core.ports import ChainReader, ChainWriter, ContractCall, Signer
from salus.core.state import AccessState
from salus.flows.open import require_final

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """Sends requests to the AccessGateway and waits for their final outcome.

    `pause` sleeps that many seconds; `patience` in seconds is how long a block may take to become final.
    """

    chain: ChainReader
    writer: ChainWriter
    pause: Callable[[float], None]
    patience: float = PATIENCE_SECONDS

    def present(self) -> Domain:
        """Domain of the gateway that is in charge at the newest block."""
        return self.chain.gateways(self.chain.head())[0]

    def request(self, function: str, args: tuple[object, ...], access_id: AccessId, gateway: Domain) -> Recorded:
        """Send one request to a gateway and read its outcome at a final block.

        Raises:
            ChainRevert: the gateway recorded nothing: the request is malformed, unknown or beyond the hourly quota, or
                the gateway was retired meanwhile.
            UnavailableError: not mined or not final in time, or a fork took the block back.
        """
        receipt = self.writer.send(ContractCall(gateway.verifying_contract, function, args))
        number = receipt.block.number
        [state] = self.states([access_id], number)
        if state.code == 0:
            raise UnavailableError("the block of this request was taken back by the chain; send it again")
        return Recorded(Code(state.code), state.expires_at, number, gateway)

    def states(self, access_ids: Sequence[AccessId], number: int) -> list[AccessState]:
        """States of accesses at a final block of that number or a later one; a node that is away is waited for too.

        Raises:
            UnavailableError: not final in time.
        """
        found: list[AccessState] = []

        def are_read() -> bool:
            try:
                final = self.chain.final()
                if final.number < number:
                    return False
                self.chain.prefetch([("access", (access_id,)) for access_id in access_ids], final)
                found[:] = [self.chain.access(access_id, final) for access_id in access_ids]
            except UnavailableError:
                return False
            return True

        require_final(are_read, self.pause, self.patience)
        return found


class Deployed:
    """What every ledger says of the deployment it records on."""

    def __init__(self, chain: ChainReader) -> None:
        self._chain = chain

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._chain.chain_id

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract of the directory."""
        return self._chain.domain(contract)

    def address_of(self, contract: str) -> Address:
        """Present address of a directory role."""
        return self._chain.address_of(contract)


class OperatorLedger(Deployed):
    """`AccessLedger` of an institution: its operator sends the request itself.

    An emergency is signed by two operators, `operator` and `witness`, whom the institution says to be two people.
    """

    def __init__(
        self, chain: ChainReader, gateway: Gateway, operator: Signer | None = None, witness: Signer | None = None
    ) -> None:
        super().__init__(chain)
        self._gateway = gateway
        self._operator = operator
        self._witness = witness

    def record(self, access: Access, package: ConsentPackage | None) -> Recorded:
        """Record a request under a consent, or an emergency, and wait until its block is final.

        Raises:
            InputError: no package for a consent, one operator only for an emergency, or the patient's own kind.
            ChainRevert, UnavailableError: as `Gateway.request`.
        """
        while True:
            gateway = self._gateway.present()
            try:
                return self._record(access, package, gateway)
            except ChainRevert:
                if self._gateway.present() == gateway:
                    raise
                # Retired while the request was on its way: nothing was recorded, so it is asked of the next one.

    def _record(self, access: Access, package: ConsentPackage | None, gateway: Domain) -> Recorded:
        access_id = access.access_id(gateway)
        if access.kind is AccessKind.CONSENT and package is not None:
            words = (package.consent.to_words(), access.to_words())
            return self._gateway.request("request", words, access_id, gateway)
        if access.kind is AccessKind.EMERGENCY and self._operator is not None and self._witness is not None:
            first = signatures.compact(self._operator.sign(access_id))
            second = signatures.compact(self._witness.sign(access_id))
            return self._gateway.request("requestEmergency", (access.to_words(), first, second), access_id, gateway)
        raise InputError("an institution asks with a consent package, or in an emergency with two operators")


def record_own(access: Access, signature: bytes, gateway: Gateway) -> Recorded:
    """Relay a patient's own request, signed by the subject's controller or guardian.

    Raises:
        InputError: another kind of access.
        ChainRevert, UnavailableError: as `Gateway.request`.
    """
    if access.kind is not AccessKind.OWN:
        raise InputError("only a patient's own access is relayed")
    present = gateway.present()
    return gateway.request("requestOwn", (access.to_words(), signature), access.access_id(present), present)
