"""Consent at the patient's side: compose, sign, package, replace, revoke.

Everything here happens in the patient's wallet; a relay only carries the finished calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from salus.core.codes import RULESET
from salus.core.consent import (
    REVOCATION_OF_ALL_TYPE,
    REVOCATION_TYPE,
    Consent,
    TermField,
    TermOpening,
    Terms,
    topics_value,
)
from salus.core.eip712 import Domain
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, Address, ConsentId, LeafHash, ParticipantId, SubjectRef
from salus.core.labels import Action, Category, Confidentiality, Flag, Form, Obligation, Purpose, Topic
from salus.core.merkle import records_root
from salus.core.package import ConsentPackage, SignedLink
from salus.core.ports import ContractCall, Randomness, Signer

DEADLINE_SECONDS = 24 * 3600
OFFLINE_DEADLINE_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Offer:
    """What a patient wants to allow. Give `window_months` (rolling) or `days` (fixed first and last day), not both.

    `valid_from`, `valid_until` in Unix seconds; `max_uses` 0 is without limit; `notice` is the text the patient saw.
    """

    grantee: ParticipantId
    purposes: Purpose
    categories: Category
    actions: Action
    valid_from: int
    valid_until: int
    max_level: int = 4
    max_confidentiality: Confidentiality = Confidentiality.N
    min_form: Form = Form.IDENTIFIED
    window_months: int = 0
    days: tuple[int, int] = (0, 0)
    max_uses: int = 0
    session_minutes: int = 60
    obligations: Obligation = Obligation.AUDIT | Obligation.NOREUSE | Obligation.NORDSCLCDS | Obligation.X_INCOUNTRY
    flags: Flag = Flag.SEPARATE_CONSENT | Flag.SENSITIVE_NOTICE | Flag.THIRD_PARTY_NOTICE
    topics: Topic = Topic(0)
    excluded: tuple[LeafHash, ...] = ()
    notice: str = ""
    further_terms: dict[TermField, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignedConsent:
    """A composed consent with its terms, the leaves it excludes, and the holder's signature."""

    consent: Consent
    consent_id: ConsentId
    terms: Terms
    signature: bytes
    excluded: tuple[LeafHash, ...] = ()


def compose(
    offer: Offer, holder: Address, epoch: int, now: int, random: Randomness, replaces: bytes = ZERO32
) -> tuple[Consent, Terms]:
    """Consent struct and salted terms of an offer; the deadline for `grant` is 24 hours away."""
    values = dict(offer.further_terms)
    values[TermField.TOPICS] = topics_value(offer.topics)
    if offer.excluded:
        values[TermField.EXCLUDED] = records_root(offer.excluded)
    if offer.notice:
        values[TermField.NOTICE] = sha256(offer.notice.encode())
    terms = Terms(values, {term: random(32) for term in TermField})
    flags = offer.flags | (Flag.ROLLING_WINDOW if offer.window_months else Flag(0))
    consent = Consent(
        holder=holder,
        epoch=epoch,
        max_uses=offer.max_uses,
        deadline=now + DEADLINE_SECONDS,
        replaces=replaces,
        grantee=offer.grantee,
        purposes=int(offer.purposes),
        categories=int(offer.categories),
        actions=int(offer.actions),
        max_level=offer.max_level,
        max_confidentiality=int(offer.max_confidentiality),
        min_form=int(offer.min_form),
        window_months=offer.window_months,
        from_day=offer.days[0],
        to_day=offer.days[1],
        valid_from=offer.valid_from,
        valid_until=offer.valid_until,
        session_minutes=offer.session_minutes,
        obligations=int(offer.obligations),
        flags=int(flags),
        ruleset=RULESET,
        terms=terms.root,
        salt=random(32),
    )
    return consent, terms


def sign(
    consent: Consent, terms: Terms, holder: Signer, domain: Domain, excluded: tuple[LeafHash, ...] = ()
) -> SignedConsent:
    """The holder's signature over the consent's digest; `domain` is the ConsentRegistry's, `excluded` as offered."""
    consent_id = consent.consent_id(domain)
    return SignedConsent(consent, consent_id, terms, holder.sign(consent_id), excluded)


def grant_call(signed: SignedConsent) -> ContractCall:
    """The call that puts a consent on chain: `replace` when it replaces another, else `grant`.

    It shows the head and the scope's hash only.
    """
    consent = signed.consent
    head = (consent.holder, consent.epoch, consent.max_uses, consent.deadline, consent.replaces)
    verb = "grant" if consent.replaces == ZERO32 else "replace"
    return ContractCall("ConsentRegistry", verb, (head, consent.scope_hash(), signed.signature))


def package(
    signed: SignedConsent,
    subject: SubjectRef,
    controller: Signer,
    salus: Domain,
    custodian_keys: Mapping[ParticipantId, bytes],
    extra_openings: Iterable[TermField] = (),
) -> ConsentPackage:
    """The package for the grantee: needed term openings, and the signed link sealed to each custodian.

    `salus` is the deployment's domain, `custodian_keys` the custodians' X25519 keys from the ParticipantRegistry.
    """
    digest = SignedLink.digest(salus, signed.consent_id, subject)
    link = SignedLink(signed.consent_id, subject, controller.sign(digest))
    fields = sorted({TermField.TOPICS, TermField.EXCLUDED, *extra_openings})
    openings: tuple[TermOpening, ...] = tuple(signed.terms.open(term) for term in fields)
    links = {custodian: link.seal_to(salus.chain_id, custodian, key) for custodian, key in custodian_keys.items()}
    return ConsentPackage(signed.consent, signed.consent_id, openings, links, signed.excluded)


def revoke_call(holder: Signer, consent: ConsentId, domain: Domain) -> ContractCall:
    """The call that revokes one consent, seen on chain before or not."""
    values: dict[str, Any] = {"holder": holder.address, "consentId": consent}
    signature = holder.sign(REVOCATION_TYPE.digest(domain, values))
    return ContractCall("ConsentRegistry", "revoke", (holder.address, consent, signature))


def revoke_all_call(holder: Signer, epoch: int, domain: Domain) -> ContractCall:
    """The call that voids everything a holder signed up to an epoch, seen on chain or still in flight."""
    values: dict[str, Any] = {"holder": holder.address, "epoch": epoch}
    signature = holder.sign(REVOCATION_OF_ALL_TYPE.digest(domain, values))
    return ContractCall("ConsentRegistry", "revokeAll", (holder.address, epoch, signature))
