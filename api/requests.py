"""The institution's own requests, remembered sealed: what its receipts show beyond the chain's events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.box import Box
from api.ports import RequestStore
from salus.core.access import Access
from salus.core.canonical import canonical, parse
from salus.core.consent import Consent
from salus.core.eip712 import Domain
from salus.core.ids import AccessId, Address, LeafHash, from_hex, hex32
from salus.core.institution import StoredRequest
from salus.core.merkle import records_root
from salus.core.outcome import AccessLedger, Recorded
from salus.core.package import ConsentPackage
from salus.core.ports import Clock

_TAG = b"salus.request.v1"


@dataclass(frozen=True, slots=True)
class Request:
    """An access as it was asked for; `leaves` are None when the list was not kept (a denial)."""

    access: Access
    consent: Consent | None
    leaves: tuple[LeafHash, ...] | None


class Requests:
    """Keeps and finds them."""

    def __init__(self, store: RequestStore, box: Box, clock: Clock) -> None:
        self._store = store
        self._box = box
        self._clock = clock

    def keep(self, access_id: AccessId, request: Request) -> None:
        """Store a request, sealed."""
        consent = request.consent
        value = {
            "access": request.access.to_json(),
            "consent": None if consent is None else consent.to_json(),
            "leaves": None if request.leaves is None else [hex32(leaf) for leaf in request.leaves],
        }
        sealed = self._box.seal(canonical(value), _TAG + access_id)
        self._store.put(StoredRequest(access_id, sealed, self._clock.now()))

    def with_leaves(self, access_id: AccessId, leaves: Sequence[LeafHash]) -> None:
        """Add the list of records to a kept request, if it is the list its root names."""
        kept = self.get(access_id)
        if len(leaves) == kept.access.record_count and records_root(leaves) == kept.access.records_root:
            self.keep(access_id, Request(kept.access, kept.consent, tuple(leaves)))

    def get(self, access_id: AccessId) -> Request:
        """A kept request.

        Raises:
            NotFoundError: not asked for here.
            IntegrityError: sealed under another key, or damaged.
        """
        value = parse(self._box.open(self._store.get(access_id).sealed, _TAG + access_id))
        leaves = value["leaves"]
        return Request(
            Access.from_json(value["access"]),
            None if value["consent"] is None else Consent.from_json(value["consent"]),
            None if leaves is None else tuple(LeafHash(from_hex(leaf)) for leaf in leaves),
        )


class RememberingLedger:
    """`AccessLedger` that keeps each request before it is recorded, so that denials have receipts too."""

    def __init__(self, ledger: AccessLedger, requests: Requests) -> None:
        self._ledger = ledger
        self._requests = requests

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._ledger.chain_id

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract of the directory."""
        return self._ledger.domain(contract)

    def address_of(self, contract: str) -> Address:
        """Present address of a directory role."""
        return self._ledger.address_of(contract)

    def record(self, access: Access, package: ConsentPackage | None) -> Recorded:
        """Keep, then record; raises as the ledger behind it."""
        consent = None if package is None else package.consent
        kept, request = access.access_id(self.domain("AccessGateway")), Request(access, consent, None)
        self._requests.keep(kept, request)
        recorded = self._ledger.record(access, package)
        if (access_id := access.access_id(recorded.gateway)) != kept:  # the gateway was replaced meanwhile
            self._requests.keep(access_id, request)
        return recorded
