"""What comes of a request on chain, and the gateway as a requester sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from salus.core.access import Access
from salus.core.codes import Code
from salus.core.eip712 import Domain
from salus.core.errors import RefusedError
from salus.core.ids import AccessId, Address
from salus.core.package import ConsentPackage


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the chain recorded for a request: its code, when the access ends, and the block.

    `gateway` is the domain of the AccessGateway that recorded it: the Council may have replaced it since.
    """

    code: Code
    expires_at: int
    block_number: int
    gateway: Domain


class AccessLedger(Protocol):
    """The gateway as a requester sees it: own transactions of an institution, or a relay for a patient."""

    @property
    def chain_id(self) -> int: ...

    def domain(self, contract: str) -> Domain: ...

    def address_of(self, contract: str) -> Address: ...

    def record(self, access: Access, package: ConsentPackage | None) -> Recorded:
        """Record the request on chain and wait until its block is final."""
        ...


class AccessDeniedError(RefusedError):
    """The chain recorded a denial; `access_id` names the entry."""

    def __init__(self, code: Code, access_id: AccessId) -> None:
        super().__init__(code)
        self.access_id = access_id
