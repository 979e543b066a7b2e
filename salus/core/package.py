"""Consent package: what a patient hands to a grantee, and the links sealed inside for each custodian.

The grantee never learns the subjectRef: each link is sealed to one custodian's encryption key.
Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from salus.core import hpke, signatures
from salus.core.canonical import canonical, parse
from salus.core.consent import LINK_TYPE, Consent, TermField, TermOpening
from salus.core.eip712 import Domain
from salus.core.errors import EnvelopeError, InputError
from salus.core.ids import Address, ConsentId, LeafHash, ParticipantId, SubjectRef, from_hex, hex32


@dataclass(frozen=True, slots=True)
class SignedLink:
    """That a consent's holder is a subject, signed by the subject's controller."""

    consent: ConsentId
    subject: SubjectRef
    signature: bytes

    @staticmethod
    def digest(domain: Domain, consent: ConsentId, subject: SubjectRef) -> bytes:
        """What the controller signs."""
        return LINK_TYPE.digest(domain, {"consentId": consent, "subjectRef": subject})

    def check(self, domain: Domain, controller: Address) -> None:
        """Check that the controller signed it.

        Raises:
            SignatureError: somebody else did.
        """
        signatures.check(self.digest(domain, self.consent, self.subject), self.signature, controller)

    def seal_to(self, chain_id: int, custodian: ParticipantId, encryption_key: bytes) -> bytes:
        """The link sealed to one custodian."""
        plaintext = canonical(
            {
                "consentId": hex32(self.consent),
                "subjectRef": hex32(self.subject),
                "signature": hex32(self.signature),
            }
        )
        return hpke.seal(plaintext, encryption_key, hpke.link_info(chain_id, self.consent, custodian))

    @classmethod
    def open_sealed(
        cls, sealed: bytes, chain_id: int, consent: ConsentId, custodian: ParticipantId, private_key: bytes
    ) -> SignedLink:
        """Open a sealed link.

        Raises:
            EnvelopeError: sealed for another custodian or consent, changed, or it links another consent.
        """
        plaintext = hpke.open_sealed(sealed, private_key, hpke.link_info(chain_id, consent, custodian))
        try:
            value = parse(plaintext)
            link = cls(
                ConsentId(from_hex(value["consentId"])),
                SubjectRef(from_hex(value["subjectRef"])),
                from_hex(value["signature"], 65),
            )
        except (InputError, KeyError, TypeError) as error:
            raise EnvelopeError("the sealed link is malformed") from error
        if link.consent != consent:
            # A true link of another consent, sealed again under this one, would lend this holder another's records.
            raise EnvelopeError("the sealed link is for another consent")
        return link


@dataclass(frozen=True, slots=True)
class ConsentPackage:
    """Everything a grantee needs to ask: the consent, the term openings, a sealed link per custodian.

    `excluded` are the leaves whose records tree is the value of the term EXCLUDED; custodians need them.
    """

    consent: Consent
    consent_id: ConsentId
    openings: tuple[TermOpening, ...]
    links: dict[ParticipantId, bytes]
    excluded: tuple[LeafHash, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "consent": self.consent.to_json(),
            "consentId": hex32(self.consent_id),
            "openings": [opening.to_json() for opening in self.openings],
            "links": {hex32(custodian): hex32(sealed) for custodian, sealed in self.links.items()},
            "excluded": [hex32(leaf) for leaf in self.excluded],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], domain: Domain) -> ConsentPackage:
        """Read the JSON form and check that the id is the consent's and the openings belong to its terms.

        Raises:
            InputError: malformed, or the id belongs to another consent.
            ProofError: an opening does not belong to the consent's terms.
        """
        try:
            consent = Consent.from_json(value["consent"])
            openings = tuple(TermOpening.from_json(item) for item in value["openings"])
            links = {
                ParticipantId(from_hex(custodian)): from_hex(sealed, None)
                for custodian, sealed in value["links"].items()
            }
            consent_id = ConsentId(from_hex(value["consentId"]))
            excluded = tuple(LeafHash(from_hex(leaf)) for leaf in value.get("excluded", ()))
        except (KeyError, TypeError, AttributeError) as error:
            raise InputError("malformed consent package") from error
        if consent.consent_id(domain) != consent_id:
            raise InputError("the package's id is not its consent's")
        for opening in openings:
            opening.check(consent.terms)
        return cls(consent, consent_id, openings, links, excluded)

    def opening(self, field: TermField) -> TermOpening | None:
        """The opening of a field, if it is in the package."""
        return next((opening for opening in self.openings if opening.field is field), None)
