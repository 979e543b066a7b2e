"""Requests of hospital A under consents of patients it has never seen: all that the gateway needs, and no records."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from salus.adapters.chain.lanes import Lanes
from salus.adapters.keys.signer import LocalSigner
from salus.core import hpke
from salus.core.access import Access, AccessKind
from salus.core.hashing import keccak
from salus.core.ids import LeafHash, SubjectRef
from salus.core.labels import Action, Category, Purpose, Role
from salus.core.merkle import records_root
from salus.core.package import ConsentPackage
from salus.core.ports import ChainReader
from salus.flows.grant import Offer, compose, grant_call, package, sign
from tests.integration.world import Party

_LEAVES = [LeafHash(keccak(b"asking-1")), LeafHash(keccak(b"asking-2"))]


@dataclass(frozen=True, slots=True)
class Asked:
    """A granted consent with its holder's account, and a request that it allows."""

    package: ConsentPackage
    access: Access
    holder: LocalSigner

    def again(self) -> Access:
        """Another request for the same."""
        return replace(self.access, salt=os.urandom(32))


def asked(reader: ChainReader, party: Party, relay: Lanes, count: int) -> list[Asked]:
    """Consents for a party by so many patients, granted on chain by a relay."""
    now = reader.head().timestamp
    domain, salus = reader.domain("ConsentRegistry"), reader.domain("Council")
    offer = Offer(
        grantee=party.participant,
        purposes=Purpose.TREAT,
        categories=Category.LAB,
        actions=Action.ACCESS,
        valid_from=now - 60,
        valid_until=now + 86_400,
        days=(1, 40_000),
    )
    holders = [LocalSigner(keccak(os.urandom(32))) for _ in range(count)]
    signed = [sign(*compose(offer, holder.address, 0, now, os.urandom), holder, domain) for holder in holders]
    relay.send_many([grant_call(one) for one in signed])
    subject = SubjectRef(keccak(b"asking subject"))
    packages = [package(one, subject, holder, salus, {}) for one, holder in zip(signed, holders, strict=True)]
    return [Asked(shown, _access(party, shown, now), holder) for shown, holder in zip(packages, holders, strict=True)]


def _access(party: Party, shown: ConsentPackage, now: int) -> Access:
    return Access(
        kind=AccessKind.CONSENT,
        participant=party.participant,
        reference=shown.consent_id,
        purpose=int(Purpose.TREAT),
        categories=int(Category.LAB),
        actions=int(Action.ACCESS),
        level=3,
        confidentiality=3,
        form=0,
        from_day=20_000,
        to_day=20_001,
        role=int(Role.PHYSICIAN),
        record_count=len(_LEAVES),
        records_root=records_root(_LEAVES),
        session_key=hpke.public_key(os.urandom(32)),
        user_digest=keccak(b"asking person"),
        deadline=now + 80_000,
        salt=os.urandom(32),
    )
