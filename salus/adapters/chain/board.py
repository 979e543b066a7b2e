"""The Council as its members see it: the `CouncilBoard` port of `salus.flows.council`."""

from __future__ import annotations

from collections.abc import Sequence

from salus.adapters.chain import council
from salus.adapters.chain.directory import Directory
from salus.adapters.chain.reader import Reader
from salus.core.errors import IntegrityError
from salus.core.ids import ZERO_ADDRESS, Address
from salus.core.ports import ContractCall
from salus.core.state import ProposalState

EncodedCall = tuple[Address, bytes]
"""Target and calldata, as a proposal holds them."""


class Board:
    """Proposals of one Council, read at the newest block."""

    def __init__(self, reader: Reader, directory: Directory) -> None:
        self._reader = reader
        self._directory = directory

    def encode(self, call: ContractCall) -> EncodedCall:
        """A call as a proposal holds it.

        Raises:
            InputError: unknown contract or function, or arguments that don't fit.
        """
        address, abi = self._directory.resolve(call.contract)
        return address, abi.function(call.function).encode(call.args)

    def decode(self, call: EncodedCall) -> ContractCall:
        """The call that a proposal holds; its contract is named by the address.

        Raises:
            InputError: the target never held a role of this deployment.
            IntegrityError: the calldata is of none of its functions.
        """
        address, abi = self._directory.resolve(call[0])
        for function in abi.functions.values():
            if function.selector == call[1][:4]:
                return ContractCall(address, function.name, function.decode_arguments(call[1]))
        raise IntegrityError(f"the calldata is of no function of {abi.contract}")

    def proposal_id(self, calls: Sequence[EncodedCall], salt: bytes) -> bytes:
        """Id of a list of calls, 32 bytes."""
        return self._reader.read(council.proposal_id(calls, salt), self._reader.head())

    def proposal(self, proposal_id: bytes) -> ProposalState:
        """State of a proposal."""
        return self._reader.read(council.proposal(proposal_id), self._reader.head())

    def threshold(self) -> int:
        """Approvals a proposal needs."""
        return self._reader.read(council.threshold(), self._reader.head())

    def holder(self, contract: str) -> Address | None:
        """Contract that holds a directory role, None if nobody does."""
        found = self._reader.read(council.contract_of(contract), self._reader.head())
        return None if found == ZERO_ADDRESS else found

    def members(self) -> tuple[Address, ...]:
        """Accounts that vote."""
        return self._reader.read(council.members(), self._reader.head())
