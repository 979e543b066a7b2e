"""Reads of the Council: who votes, what is proposed, which contract holds which role."""

from __future__ import annotations

from collections.abc import Sequence

from salus.adapters.chain.reads import Read, view
from salus.core.ids import Address, role_id
from salus.core.state import ProposalState, ProposalStatus, Tenure

_NAME = "Council"


def contract_of(contract: str) -> Read[Address]:
    """Contract that holds a role, or the zero address."""
    return view(_NAME, "contractOf", (role_id(contract),), Address)


def tenure_count(contract: str) -> Read[int]:
    """How many contracts have held a role."""
    return view(_NAME, "tenureCount", (role_id(contract),), int)


def tenure_at(contract: str, index: int) -> Read[Tenure]:
    """One line of a role's history, oldest first."""
    return view(_NAME, "tenureAt", (role_id(contract), index), lambda row: Tenure(*row))


def members() -> Read[tuple[Address, ...]]:
    """Accounts that vote."""
    return view(_NAME, "members", (), tuple)


def threshold() -> Read[int]:
    """Approvals a proposal needs."""
    return view(_NAME, "threshold", (), int)


def delay_seconds() -> Read[int]:
    """Wait of the delay class, in seconds."""
    return view(_NAME, "delaySeconds", (), int)


def proposal(proposal_id: bytes) -> Read[ProposalState]:
    """State of a proposal."""
    return view(
        _NAME,
        "proposalOf",
        (proposal_id,),
        lambda status, proposer, approvals, at: ProposalState(ProposalStatus(status), proposer, approvals, at),
    )


def proposal_id(calls: Sequence[tuple[Address, bytes]], salt: bytes) -> Read[bytes]:
    """Id of a list of calls (target, calldata)."""
    return view(_NAME, "idOf", (list(calls), salt), bytes)
