"""A small consortium for the contract tests: named institutions, named people, and the verbs they use."""

import contextlib
import itertools

import pytest
from brownie import accounts, chain, web3
from brownie.exceptions import VirtualMachineError
from eth_utils import keccak
from signing import access_words, compact, consent_words, digest, person, row, scope_hash, sign

from scripts.brownie_deploy import deploy
from scripts.plan import load

SOURCE, CUSTODY, CARE, RESEARCH, PUBLIC_HEALTH, INSURE, SUPERVISE, EMERGENCY = (1 << i for i in range(8))
TREAT, ETREAT, BTG, HRESCH, PATRQT = 1 << 0, 1 << 1, 1 << 2, 1 << 11, 1 << 16
LAB, VITAL = 1 << 7, 1 << 6
USE = 1 << 2
YEAR = 365 * 86400
ZERO = b"\0" * 32
NOBODY = "0x" + "0" * 40
HOSPITAL, CLINIC, INSTITUTE, REGULATOR = "Renji Hospital", "Xujiahui Clinic", "Institute", "Health Commission"

# Institution: kind, roles, index of its principal account.
CAST = {
    HOSPITAL: (1, SOURCE | CARE | EMERGENCY, 3),
    CLINIC: (3, SOURCE | CARE | EMERGENCY, 5),
    INSTITUTE: (4, RESEARCH, 6),
    REGULATOR: (7, SUPERVISE, 7),
    "Custodian East": (8, CUSTODY, 8),
    "Custodian West": (8, CUSTODY, 9),
    "Custodian North": (8, CUSTODY, 10),
}
CUSTODIANS = [name for name in CAST if name.startswith("Custodian")]


def h(text):
    """32 distinct bytes for a label."""
    return keccak(text=text)


def key_of(address):
    """AuditLog key of a holder."""
    return bytes.fromhex(address[2:].lower()).rjust(32, b"\0")


@contextlib.contextmanager
def refuses(error, *values):
    """The call inside reverts with this custom error, and with these arguments when given."""
    with pytest.raises(VirtualMachineError) as caught:
        yield
    found = str(caught.value)
    assert f"revert: {error}" in found, f"expected {error}, found {found}"
    for value in values:
        assert str(value).lower() in found.lower(), f"expected {value} in {found}"


class World:
    """Contracts by attribute, institutions by name, everything voted in by the Council."""

    def __init__(self):
        self.plan = load("dev", members={i: account.address for i, account in enumerate(accounts)})
        contracts = deploy(self.plan)
        self.council = contracts["Council"]
        self.log = contracts["AuditLog"]
        self.participants = contracts["ParticipantRegistry"]
        self.subjects = contracts["SubjectRegistry"]
        self.records = contracts["RecordRegistry"]
        self.consents = contracts["ConsentRegistry"]
        self.gateway = contracts["AccessGateway"]
        self.contracts = contracts
        self.members = list(accounts[:3])
        self.stranger, self.relayer = accounts[12], accounts[13]
        self.chain_id = web3.eth.chain_id
        self.ids, self.operators = {}, {}
        self._salts = itertools.count(1)
        self._people = {}

    # Institutions

    def apply(self, name):
        """Apply in the name of an institution of the cast."""
        kind, _, index = CAST[name]
        salt = h(f"salt {name}")
        keys = (h(f"encryption {name}"), h(f"node x {name}"), h(f"node y {name}"), accounts[index])
        tx = self.participants.applyToJoin((kind, h(f"papers {name}"), keys, salt), {"from": accounts[index]})
        self.ids[name] = bytes(self.participants.idOf(accounts[index], salt))
        self.operators[name] = accounts[index]
        return tx

    def admit_all(self):
        """Admit the whole cast and form one custodian set, 2 of 3."""
        for name in CAST:
            self.apply(name)
        until = now() + 3 * YEAR
        calls = [
            self.call(self.participants, "admit", self.ids[name], (roles, until, 1000))
            for name, (_, roles, _) in CAST.items()
        ]
        calls.append(self.call(self.participants, "formCustodianSet", [self.ids[name] for name in CUSTODIANS], 2))
        self.vote(*calls)

    def call(self, contract, verb, *arguments):
        """One call of a proposal."""
        return contract.address, getattr(contract, verb).encode_input(*arguments)

    def vote(self, *calls, voters=(0, 1)):
        """Propose, approve and execute; returns the execution."""
        salt = next(self._salts).to_bytes(32, "big")
        proposal = self.council.propose(calls, salt, {"from": self.members[voters[0]]}).return_value
        self.council.approve(proposal, {"from": self.members[voters[1]]})
        return self.council.execute(calls, salt, {"from": self.members[2]})

    # People

    def person(self, name):
        """A named key pair."""
        if name not in self._people:
            self._people[name] = person(name)
        return self._people[name]

    def sign(self, who, kind, contract, message):
        """Signature of a named person."""
        return sign(self.person(who), kind, contract, self.chain_id, message)

    def soon(self):
        """A deadline an hour ahead."""
        return now() + 3600

    # Subjects

    def subject_ref(self, name, source=HOSPITAL):
        """Reference of a patient at a source."""
        return bytes(self.subjects.idOf(self.ids[source], h(f"seed {name}")))

    def bind(self, name, source=HOSPITAL):
        """Bind a patient's account; returns the subjectRef."""
        ref = self.subject_ref(name, source)
        message = {
            "subjectRef": ref,
            "sourceId": self.ids[source],
            "controller": self.person(name).address,
            "deadline": self.soon(),
        }
        signature = self.sign(name, "Binding", self.subjects, message)
        self.subjects.bind(row("Binding", message), h(f"seed {name}"), signature, {"from": self.operators[source]})
        return ref

    def subject_message(self, ref, **members):
        """Message of a signed verb with the subject's present nonce."""
        nonce = self.subjects.subject(ref)[7]
        return {"subjectRef": ref, **members, "nonce": nonce, "deadline": self.soon()}

    # Consents

    def consent(self, holder, grantee=HOSPITAL, head=None, **scope):
        """A consent message with sensible defaults."""
        time = now()
        address = self.person(holder).address
        return {
            "head": {
                "holder": address,
                "epoch": self.consents.epochOf(address),
                "maxUses": 0,
                "deadline": time + 3600,
                "replaces": ZERO,
            }
            | (head or {}),
            "scope": {
                "granteeId": self.ids[grantee],
                "purposes": TREAT,
                "categories": LAB | VITAL,
                "actions": USE,
                "maxLevel": 4,
                "maxConfidentiality": 3,
                "minForm": 0,
                "windowMonths": 3,
                "fromDay": 0,
                "toDay": 0,
                "validFrom": time - 60,
                "validUntil": time + 30 * 86400,
                "sessionMinutes": 30,
                "obligations": 0x45403,
                "flags": 0x808D,
                "ruleset": 1,
                "terms": h("terms"),
                "salt": h(f"salt {next(self._salts)}"),
            }
            | scope,
        }

    def consent_id(self, consent):
        """Digest of a consent."""
        return digest("Consent", self.consents, self.chain_id, consent)

    def grant(self, holder, consent, verb="grant", signer=None):
        """Grant through a relayer; returns the transaction."""
        signature = self.sign(signer or holder, "Consent", self.consents, consent)
        head = row("ConsentHead", consent["head"])
        function = getattr(self.consents, verb)
        return function(head, scope_hash(consent["scope"]), signature, {"from": self.relayer})

    def granted(self, holder, grantee=HOSPITAL, head=None, **scope):
        """A consent that is on chain."""
        consent = self.consent(holder, grantee, head, **scope)
        self.grant(holder, consent)
        return consent

    # Accesses

    def access(self, participant, reference, **members):
        """An access message with sensible defaults, inside the default consent."""
        today = (now() + 28800) // 86400
        number = next(self._salts)
        return {
            "kind": 1,
            "participantId": self.ids[participant] if participant else ZERO,
            "referenceId": reference,
            "purpose": TREAT,
            "categories": LAB,
            "actions": USE,
            "level": 3,
            "confidentiality": 3,
            "form": 0,
            "fromDay": today - 30,
            "toDay": today,
            "role": 1,
            "recordCount": 12,
            "recordsRoot": h(f"records {number}"),
            "sessionKey": h(f"session {number}"),
            "userDigest": h("doctor"),
            "deadline": now() + 600,
            "salt": h(f"access salt {number}"),
        } | members

    def access_id(self, access):
        """Digest of an access."""
        return digest("Access", self.gateway, self.chain_id, access)

    def request(self, consent, access=None, participant=HOSPITAL, sender=None, **members):
        """Request under a consent by the participant's operator."""
        access = access or self.access(participant, self.consent_id(consent), **members)
        return self.gateway.request(
            consent_words(consent), access_words(access), {"from": sender or self.operators[participant]}
        )

    def code(self, *arguments, **members):
        """Outcome of a request."""
        return self.request(*arguments, **members).return_value[1]

    def signed_request(self, consent, access, operator_key):
        """Item of requestMany."""
        signature = sign(operator_key, "Access", self.gateway, self.chain_id, access)
        return consent_words(consent), access_words(access), compact(signature)

    def operator(self, name, institution=HOSPITAL):
        """Add a named key as operator of an institution; returns the key."""
        key = self.person(name)
        if self.participants.participantOf(key.address) == "0x" + "0" * 64:
            message = {"participantId": self.ids[institution], "operator": key.address, "deadline": self.soon()}
            self.participants.addOperator(
                self.ids[institution],
                key.address,
                message["deadline"],
                self.sign(name, "OperatorAcceptance", self.participants, message),
                {"from": self.operators[institution]},
            )
        return key

    def emergency(self, ref, participant=HOSPITAL, names=("Dr Li", "Dr Zhao"), **members):
        """Emergency request signed by two operators."""
        keys = [self.operator(f"{name} of {participant}", participant) for name in names]
        access = self.access(participant, ref, **({"kind": 3, "purpose": BTG} | members))
        seals = [compact(sign(key, "Access", self.gateway, self.chain_id, access)) for key in keys]
        tx = self.gateway.requestEmergency(access_words(access), *seals, {"from": self.relayer})
        return access, tx

    # Log

    def chain(self, key):
        """Head and count of one chain of the log."""
        return tuple(self.log.chainOf(key))


def now():
    """Time of the latest block; the next one is never earlier."""
    return chain[-1].timestamp


def pass_time(seconds):
    """Let chain time pass."""
    chain.sleep(seconds)
    chain.mine()
