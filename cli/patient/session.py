"""What a patient does with a wallet: claim, read, consent, replace, revoke, look who came.

Keys never leave this process; the API only carries what was signed here. Any institution's API will do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cli.patient.wallet import GivenConsent, OwnSubject, Wallet, load, save
from salus.adapters.api_client import ApiClient, RelayedContent, RelayedCustodians, RelayedLedger
from salus.adapters.keys.hd import DerivedAccounts, new_words
from salus.adapters.keys.signer import LocalSigner
from salus.core.access import AccessKind
from salus.core.errors import ConflictError, InputError, NotFoundError
from salus.core.ids import ZERO32, ConsentId, LeafHash, ParticipantId, SubjectRef, from_hex, hex32
from salus.core.labels import MAX_LEVEL, Action, Category, Confidentiality, Purpose, Role
from salus.core.package import ConsentPackage
from salus.flows.bind import freeze_call, sign_binding
from salus.flows.custody import Caller, ListedRecord, list_records
from salus.flows.grant import Offer, compose, grant_call, package, revoke_all_call, revoke_call, sign
from salus.flows.link import LinkWords, sign_link
from salus.flows.open import NO_PARTICIPANT, Ask, Opened, Person, Reading, open_without_consent

WORDS_ENTROPY = 16
CUSTODIAN_SET = 1
_LEAF_MEMBERS = (
    "recordId",
    "version",
    "previousLeaf",
    "subjectRef",
    "envelopeDigest",
    "contentCommitment",
    "categories",
    "level",
    "confidentiality",
    "form",
    "firstDay",
    "lastDay",
    "topicsCommitment",
    "custodianSet",
)


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Unix seconds."""
        return int(time.time())


@dataclass(frozen=True, slots=True)
class WalletFile:
    """Where a wallet is and what opens it."""

    path: Path
    passphrase: str

    def create(self) -> Wallet:
        """A new wallet in a new file.

        Raises:
            ConflictError: the file exists.
        """
        if self.path.exists():
            raise ConflictError(
                f"there is a wallet at {self.path} already: name another file",
                advice="A wallet is never overwritten: its words are the only way to its accounts.",
            )
        wallet = Wallet(new_words(os.urandom(WORDS_ENTROPY)))
        self.write(wallet)
        return wallet

    def read(self) -> Wallet:
        """The wallet."""
        return load(self.path, self.passphrase)

    def write(self, wallet: Wallet) -> None:
        """Keep the wallet."""
        save(wallet, self.path, self.passphrase)


@dataclass(frozen=True, slots=True)
class LinkToSign:
    """A merge, or the undoing of one, that waits for this patient."""

    key: int
    words: LinkWords


class PatientSession:
    """One patient at one API."""

    def __init__(self, file: WalletFile, api: ApiClient) -> None:
        self._file = file
        self.wallet = file.read()
        self.api = api
        self._accounts = DerivedAccounts(self.wallet.mnemonic)

    def claim(self, oracle: ApiClient, code: str, source: ParticipantId) -> OwnSubject:
        """Take control of the subject a source gave a one-time code for.

        Raises:
            NotFoundError: the code is wrong, used or expired.
            InputError: the source asks to sign something else than this binding.
        """
        index = self.wallet.next_controller()
        controller = self._accounts.controller(index)
        asked = oracle.post("/v1/claims/prepare", {"code": code, "controller": controller.address})
        message = asked["typedData"]["message"]
        subject = SubjectRef(from_hex(message["subjectRef"]))
        if message["sourceId"] != hex32(source):  # else it could take the place of the subject at another source
            raise InputError("the source asks to bind a subject of another source: it was not signed")
        deadline = int(message["deadline"])
        if message["controller"] != controller.address:
            raise InputError("the source asks to bind another account: it was not signed")
        signature = sign_binding(controller, subject, source, deadline, self.api.domain("SubjectRegistry"))
        body = {
            "code": code,
            "controller": controller.address,
            "deadline": deadline,
            "signature": hex32(signature),
        }
        oracle.post("/v1/claims", body)
        own = OwnSubject(source, subject, index)
        self._keep(self.wallet.with_subject(own))
        self.custodian_keys()
        return own

    def waiting_links(self, oracle: ApiClient, source: ParticipantId) -> list[LinkToSign]:
        """Merges of this wallet's numbers at a source, or the undoing of one, that wait for its signature.

        Raises:
            InputError: the source asks to sign what is no link of a subject of this wallet.
        """
        own = self.wallet.subject_at(source)
        asked = oracle.post("/v1/links/waiting", self._caller(own).call("links", source, {}))
        found = []
        for one in asked["links"]:
            message = one["typedData"]["message"]
            members = (SubjectRef(from_hex(message["subjectRef"])), SubjectRef(from_hex(message["survivor"])))
            by = SubjectRef(from_hex(message["by"])) if "by" in message else None
            if own.subject not in members or by not in {None, own.subject}:
                raise InputError("the source asks to link subjects that this wallet doesn't know: nothing was signed")
            words = LinkWords(*members, int(message["nonce"]), int(message["deadline"]), by)
            found.append(LinkToSign(int(one["key"]), words))
        return found

    def agree(self, oracle: ApiClient, source: ParticipantId, link: LinkToSign) -> None:
        """Sign one of `waiting_links`; the source brings it to the chain when everybody has signed."""
        own = self.wallet.subject_at(source)
        controller, domain = self._accounts.controller(own.index), self.api.domain("SubjectRegistry")
        signature = sign_link(controller, link.words, domain)
        body = {"key": link.key, "deadline": link.words.deadline, "signature": hex32(signature)}
        oracle.post("/v1/links", self._caller(own).call("agree", source, body))

    def custodian_keys(self, *, trust: bool = False) -> dict[ParticipantId, bytes]:
        """X25519 keys of the custodians that links are sealed to, as this wallet first saw them; `trust` takes others.

        Raises:
            ConflictError: the API names another key for a custodian; an API with keys of its own could read whose
                records a consent is about.
        """
        found = self.api.custodian_keys(CUSTODIAN_SET)
        known = self.wallet.custodians
        if not trust and any(known.get(custodian, key) != key for custodian, key in found.items()):
            raise ConflictError(
                "the API names another key for a custodian than this wallet knows, so nothing was signed: ask your "
                "institution whether the Council renewed it; if so, run `salus patient trust`",
                advice="If nobody renewed it, this API may want to read which records a consent is about: do not "
                "trust it, and tell the regulator.",
            )
        if any(custodian not in known or trust for custodian in found):
            self._keep(replace(self.wallet, custodians={**known, **found}))
        return found

    def listing(self, source: ParticipantId) -> list[ListedRecord]:
        """Everything custodians hold of this patient from a source."""
        own = self.wallet.subject_at(source)
        body = {"subject": hex32(own.subject)}
        return list_records(self._caller(own), RelayedCustodians(self.api), self._custodians(), body)

    def leaf(self, source: ParticipantId, leaf: str) -> dict[str, Any]:
        """The whole leaf of one own record version, as custodians keep it.

        Raises:
            NotFoundError: custodians hold no such version of this patient.
        """
        own, custodian = self.wallet.subject_at(source), self._custodians()[0]
        after: str | None = None
        while True:
            body = {"subject": hex32(own.subject), "history": True, **({} if after is None else {"after": after})}
            call = self._caller(own).call("list", custodian, body)
            page = RelayedCustodians(self.api).list(custodian, call)
            for item in page["items"]:
                if item["leaf"] == leaf:
                    return {name: item[name] for name in _LEAF_MEMBERS}
            if not page["more"]:
                raise NotFoundError("custodians hold no such record version of this patient")
            after = page["items"][-1]["leaf"]

    def open(self, source: ParticipantId, leaves: Sequence[bytes] | None = None) -> Opened:
        """Open own records of a source, logged like any access."""
        own = self.wallet.subject_at(source)
        controller = self._controller(own)
        reading = Reading(
            RelayedLedger(self.api, controller),
            RelayedCustodians(self.api),
            RelayedContent(self.api, self.api.sign_in(controller)),
            self._caller(own),
        )
        ask = Ask(Purpose.PATRQT, Action.ACCESS, Person("self", Role.PATIENT))
        if leaves is not None:  # named ones may not be listed any more: the scope is everything, custodians say why not
            ask = replace(
                ask,
                leaves=tuple(LeafHash(leaf) for leaf in leaves),
                categories=int(sum(Category)),
                level=MAX_LEVEL,
                confidentiality=int(max(Confidentiality)),
                days=(1, 0xFFFFFFFF),
            )
        return open_without_consent(AccessKind.OWN, NO_PARTICIPANT, own.subject, self._custodians(), ask, reading)

    def grant(
        self, source: ParticipantId, offer: Offer, grantee_api: ApiClient, replaces: ConsentId | None = None
    ) -> GivenConsent:
        """Sign a consent, put it on chain, hand the package to the grantee."""
        own, keys = self.wallet.subject_at(source), self.custodian_keys()
        index = self.wallet.holder_index(offer.grantee)
        holder = self._accounts.holder(index)
        now = SystemClock().now()
        epoch = self.api.epoch_of(holder.address)
        consent, terms = compose(offer, holder.address, epoch, now, os.urandom, replaces or ZERO32)
        signed = sign(consent, terms, holder, self.api.domain("ConsentRegistry"), offer.excluded)
        made = package(signed, own.subject, self._controller(own), self.api.domain("Council"), keys)
        given = GivenConsent(
            signed.consent_id, offer.grantee, holder.address, own.subject, index, "signed", made.to_json()
        )
        self._keep(self.wallet.with_consent(given))
        self.api.relay(grant_call(signed))
        grantee_api.hand_in(made, grantee_api.sign_in(holder))
        given = replace(given, status="live")
        self._keep(self.wallet.with_consent(given))
        if replaces is not None:
            self._keep(self.wallet.with_consent(replace(self.wallet.consent(replaces), status="replaced")))
        return given

    def revoke(self, consent: ConsentId) -> None:
        """Revoke one consent."""
        given = self.wallet.consent(consent)
        holder = self._accounts.holder(given.index)
        self.api.relay(revoke_call(holder, consent, self.api.domain("ConsentRegistry")))
        self._keep(self.wallet.with_consent(replace(given, status="revoked")))

    def revoke_all(self, grantee: ParticipantId) -> None:
        """Void everything ever signed for a grantee, also what is still in flight."""
        holder = self._accounts.holder(self.wallet.holder_index(grantee))
        epoch = self.api.epoch_of(holder.address)
        self.api.relay(revoke_all_call(holder, epoch, self.api.domain("ConsentRegistry")))
        wallet = self.wallet
        for given in wallet.consents:
            if given.grantee == grantee:
                wallet = wallet.with_consent(replace(given, status="revoked"))
        self._keep(wallet)

    def freeze(self, source: ParticipantId, *, frozen: bool) -> None:
        """Stop, or allow again, every access to the subject at a source."""
        own = self.wallet.subject_at(source)
        controller = self._controller(own)
        facts = self.api.get(f"/v1/subjects/{hex32(own.subject)}", self.api.sign_in(controller))
        deadline = SystemClock().now() + 600
        domain = self.api.domain("SubjectRegistry")
        self.api.relay(freeze_call(controller, own.subject, int(facts["nonce"]), deadline, domain, frozen=frozen))

    def withheld(self, consent: ConsentId) -> list[dict[str, Any]]:
        """What one consent leaves out, by code, as the first custodian that answers says now."""
        given = self.wallet.consent(consent)
        own = next(own for own in self.wallet.subjects if own.subject == given.subject)
        caller, custodians = self._caller(own), RelayedCustodians(self.api)
        body = {"subject": hex32(own.subject), "withheldFor": dict(given.package)}
        custodian = self._custodians()[0]
        answer = custodians.list(custodian, caller.call("list", custodian, body))
        return list(answer["withheld"])

    def log(self) -> list[dict[str, Any]]:
        """All entries about this patient's subjects and holders, oldest first."""
        entries: list[dict[str, Any]] = []
        signers = [self._controller(own) for own in self.wallet.subjects]
        signers += [self._accounts.holder(index) for index in sorted(set(self.wallet.holders.values()))]
        for signer in signers:
            token, after = self.api.sign_in(signer), None
            while True:
                page = self.api.get("/v1/log", token, after=after, limit=500)
                entries += page["items"]
                after = page.get("next")
                if after is None or not page["items"]:
                    break
        return sorted(entries, key=lambda entry: entry["seq"])

    def package_of(self, consent: ConsentId) -> ConsentPackage:
        """The package of a consent, to hand it in again."""
        given = self.wallet.consent(consent)
        return ConsentPackage.from_json(given.package, self.api.domain("ConsentRegistry"))

    def controller_of(self, source: ParticipantId) -> LocalSigner:
        """The account that controls the subject at a source."""
        return self._controller(self.wallet.subject_at(source))

    def _controller(self, own: OwnSubject) -> LocalSigner:
        return self._accounts.controller(own.index)

    def _caller(self, own: OwnSubject) -> Caller:
        return Caller(self._controller(own), self.api.domain("Council"), SystemClock(), os.urandom)

    def _custodians(self) -> list[ParticipantId]:
        return list(self.api.custodian_keys(CUSTODIAN_SET))

    def _keep(self, wallet: Wallet) -> None:
        self._file.write(wallet)
        self.wallet = wallet
