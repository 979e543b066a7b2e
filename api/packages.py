"""Consent packages that patients hand in: checked, then sealed at rest under the API's own key (AES-256-GCM)."""

from __future__ import annotations

from api.box import Box
from api.errors import ForbiddenError
from api.ports import PackageStore
from api.schemas.consents import PackageFact, PackageReceived
from api.tables import calendar_date, named
from salus.core.canonical import canonical, parse
from salus.core.codes import Code
from salus.core.consent import TermField
from salus.core.errors import NotFoundError, RefusedError
from salus.core.ids import ZERO32, Address, ConsentId, ParticipantId, hex32
from salus.core.institution import StoredPackage
from salus.core.labels import Action, Category, Confidentiality, Form, Obligation, Purpose, names
from salus.core.package import ConsentPackage
from salus.core.policy import ConsentStatus
from salus.core.ports import ChainReader, Clock

_TAG = b"salus.package.v1"
_REFUSED_STATES = {
    ConsentStatus.REVOKED: Code.CONSENT_REVOKED,
    ConsentStatus.REPLACED: Code.CONSENT_REPLACED,
}


class Packages:
    """Packages given to one participant."""

    def __init__(
        self,
        participant: ParticipantId,
        store: PackageStore,
        box: Box,
        chain: ChainReader,
        clock: Clock,
    ) -> None:
        self._me = participant
        self._store = store
        self._box = box
        self._chain = chain
        self._clock = clock

    def receive(self, package: ConsentPackage, holder: Address) -> PackageReceived:
        """Store a package its holder hands in.

        Raises:
            ForbiddenError: handed in by another account than the consent's holder.
            RefusedError: for another grantee, without the openings or links it needs, or revoked already.
            NotFoundError: the consent is not on chain yet.
        """
        consent = package.consent
        if consent.holder != holder:
            raise ForbiddenError("a package is handed in by the account that gave the consent")
        if consent.grantee != self._me:
            raise RefusedError(Code.GRANTEE_MISMATCH)
        if not package.links:
            raise RefusedError(Code.LINK_MISSING)
        if consent.terms != ZERO32 and package.opening(TermField.TOPICS) is None:
            raise RefusedError(Code.TERMS_INVALID)
        self._check_live(package)
        received_at = self._clock.now()
        self._store.put(package.consent_id, self._sealed(package), received_at)
        return PackageReceived(consent_id=hex32(package.consent_id), received_at=received_at)

    def open(self, consent: ConsentId) -> ConsentPackage:
        """A stored package.

        Raises:
            NotFoundError: none of this id.
            IntegrityError: it was sealed under another key, or is damaged.
        """
        return self._opened(self._store.get(consent))

    def page(self, after: int, limit: int) -> tuple[list[PackageFact], int | None]:
        """Stored packages in words, and the cursor of the following page."""
        kept = self._store.list(after, limit + 1)
        facts = [self._fact(stored) for stored in kept[:limit]]
        return facts, facts[-1].seq if len(kept) > limit else None

    def discard(self, consent: ConsentId, holder: Address | None) -> None:
        """Remove a package: staff (holder None), or the holder it is from.

        Consent ids stand on the chain, whom they name does not: another account must not learn that this institution
        holds the package of one.

        Raises:
            NotFoundError: none of this id, or another holder's.
        """
        others = holder is not None and self.open(consent).consent.holder != holder
        if others or not self._store.delete(consent):
            raise NotFoundError("no consent package of this id is here")

    def _check_live(self, package: ConsentPackage) -> None:
        consent = package.consent
        state = self._chain.consent(consent.holder, package.consent_id, self._chain.head())
        if state.status is ConsentStatus.UNKNOWN:
            raise NotFoundError("the consent is not on chain; send it to /v1/consents first")
        if state.status in _REFUSED_STATES:
            raise RefusedError(_REFUSED_STATES[state.status])
        if state.epoch != state.holder_epoch:
            raise RefusedError(Code.CONSENT_VOID)

    def _sealed(self, package: ConsentPackage) -> bytes:
        return self._box.seal(canonical(package.to_json()), _TAG + package.consent_id)

    def _opened(self, stored: StoredPackage) -> ConsentPackage:
        plaintext = self._box.open(stored.sealed, _TAG + stored.consent_id)
        return ConsentPackage.from_json(parse(plaintext), self._chain.domain("ConsentRegistry"))

    def _fact(self, stored: StoredPackage) -> PackageFact:
        consent = self._opened(stored).consent
        state = self._chain.consent(consent.holder, stored.consent_id, self._chain.head())
        window = consent.window(self._clock.now())
        return PackageFact(
            seq=stored.seq,
            consent_id=hex32(stored.consent_id),
            received_at=stored.received_at,
            holder=consent.holder,
            status=state.status.name,
            void=state.epoch != state.holder_epoch,
            purposes=names(Purpose(consent.purposes)),
            categories=names(Category(consent.categories)),
            actions=names(Action(consent.actions)),
            max_level=consent.max_level,
            max_confidentiality=named(Confidentiality, consent.max_confidentiality),
            min_form=named(Form, consent.min_form),
            from_date=calendar_date(window[0]) if window else None,
            to_date=calendar_date(window[1]) if window else None,
            valid_from=consent.valid_from,
            valid_until=consent.valid_until,
            obligations=names(Obligation(consent.obligations)),
        )
