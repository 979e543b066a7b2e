"""Gas of every function that changes state, as one transaction, on a fixed scene: snapshots/gas.txt.

One story in the order a consortium lives it: found, admit, bind, consent, request, supervise, anchor, destroy. A figure
is the whole transaction, 21,000 and calldata included; sizes are in the case's name. `make snapshots` writes the page.
"""

from __future__ import annotations

from dataclasses import replace

from devnet.anvil import CHAIN_ID
from salus.adapters.chain.abi import abi_of
from salus.core.access import Access, AccessKind
from salus.core.consent import Consent
from salus.core.days import day_at
from salus.core.ids import ZERO32, Address, ParticipantId, Root, SubjectRef, participant_id, role_id, subject_ref
from salus.core.labels import Action, Category, Purpose
from salus.core.policy import ParticipantRole
from salus.core.signatures import compact
from tools.gas_scene import Scene, missing, person, scene, word

CONTRACTS = (
    "Council",
    "AuditLog",
    "ParticipantRegistry",
    "SubjectRegistry",
    "RecordRegistry",
    "ConsentRegistry",
    "AccessGateway",
)
_CARE = ParticipantRole.SOURCE | ParticipantRole.CARE | ParticipantRole.EMERGENCY
CAST: dict[str, tuple[int, ParticipantRole]] = {
    "hospital": (1, _CARE),
    "clinic": (3, _CARE),
    "regulator": (7, ParticipantRole.SUPERVISE),
    "custodian 1": (8, ParticipantRole.CUSTODY),
    "custodian 2": (8, ParticipantRole.CUSTODY),
    "custodian 3": (8, ParticipantRole.CUSTODY),
}
MEMBERS = tuple(person(f"member {number}").address for number in (1, 2, 3))
RELAY = person("relay").address
EMPTY = b""
_YEAR = 365 * 86400
_Item = tuple[tuple[object, ...], tuple[object, ...], tuple[bytes, bytes]]


def measure(rules: str = "berlin") -> dict[tuple[str, str, str], int]:
    """Gas by (contract, function, case), under the rules of a hard fork.

    Raises:
        RuntimeError: a step reverts, or a function of the ABI is not in the story.
    """
    with scene(rules) as stage:
        _found(stage)
        _vote(stage)
        _admit(stage)
        _bind(stage)
        _wish(stage)
        _grant(stage)
        _request(stage)
        _supervise(stage)
        _anchor(stage)
        _destroy(stage)
        _switch(stage)
    if absent := missing(list(stage.gas), CONTRACTS):
        raise RuntimeError(f"no gas figure for {', '.join(absent)}: add a step to tools/gas.py")
    return stage.gas


def page(gas: dict[tuple[str, str, str], int]) -> str:
    """The snapshot: a line per figure, in the order of the story within each contract."""
    lines = ["# Gas of whole transactions, EVM berlin. Written by `make snapshots` from tools/gas.py."]
    for contract in CONTRACTS:
        lines += ["", contract]
        rows = [
            (f"{name}  ({case})" if case else name, cost) for (of, name, case), cost in gas.items() if of == contract
        ]
        lines += [f"  {name:68}{cost:>10,}" for name, cost in rows]
    return "\n".join(lines) + "\n"


def _id(name: str) -> ParticipantId:
    return participant_id(CHAIN_ID, _operator(name), word(f"salt {name}"))


def _operator(name: str) -> Address:
    return person(name).address


def _ref(patient: str) -> SubjectRef:
    return subject_ref(CHAIN_ID, _id("hospital"), word(f"seed {patient}"))


def _found(stage: Scene) -> None:
    stage.create("Council", list(MEMBERS), 2, 0)
    at = stage.addresses
    council = at["Council"]
    stage.create("AuditLog", council)
    stage.create("ParticipantRegistry", council)
    stage.create("SubjectRegistry", council, at["ParticipantRegistry"], at["AuditLog"], 5)
    stage.create("RecordRegistry", council, at["ParticipantRegistry"], at["SubjectRegistry"], at["AuditLog"], 5)
    stage.create("ConsentRegistry", council, at["AuditLog"])
    for contract in CONTRACTS[1:-1]:
        stage.act(council, "Council.install", role_id(contract), at[contract], case=f"first {contract}")
    stage.create("AccessGateway", council)
    stage.act(council, "Council.install", role_id("AccessGateway"), at["AccessGateway"], case="first AccessGateway")


def _vote(stage: Scene) -> None:
    council = stage.addresses["Council"]
    calls = [(council, abi_of("Council").function("setDelay").encode([3600]))]
    proposal = stage.read("Council.idOf", calls, word("proposal"))
    stage.act(MEMBERS[0], "Council.propose", calls, word("proposal"), case="one call")
    stage.act(MEMBERS[1], "Council.approve", proposal, case="the last one needed")
    stage.act(MEMBERS[2], "Council.execute", calls, word("proposal"), case="one call, setDelay")
    stage.do(MEMBERS[0], "Council.propose", calls, word("another"))
    stage.act(MEMBERS[0], "Council.cancel", stage.read("Council.idOf", calls, word("another")), case="by the proposer")
    stage.act(council, "Council.setDelay", 0)
    stage.act(council, "Council.addMember", person("member 4").address)
    stage.act(council, "Council.setThreshold", 3)
    stage.act(council, "Council.removeMember", person("member 4").address)


def _admit(stage: Scene) -> None:
    council, until = stage.addresses["Council"], stage.now + _YEAR
    for name, (kind, roles) in CAST.items():
        keys = (word(f"key {name}"), word(f"x {name}"), word(f"y {name}"), _operator(name))
        application = (kind, word(f"papers {name}"), keys, word(f"salt {name}"))
        send = stage.act if name == "hospital" else stage.do
        send(_operator(name), "ParticipantRegistry.applyToJoin", application)
        send(council, "ParticipantRegistry.admit", _id(name), (int(roles), until, 1000))
    hospital, keys = _id("hospital"), (word("other key"), word("x"), word("y"), _operator("hospital"))
    renewal = (hospital, (int(_CARE), until + 1, 1000), word("papers"), keys)
    stage.act(council, "ParticipantRegistry.renew", *renewal, case="with other keys")
    stage.act(council, "ParticipantRegistry.appointPrincipal", hospital, person("other principal").address)
    stage.do(council, "ParticipantRegistry.appointPrincipal", hospital, _operator("hospital"))
    stage.act(council, "ParticipantRegistry.suspend", hospital)
    stage.act(council, "ParticipantRegistry.reinstate", hospital)
    for name, send in (("doctor", stage.act), ("nurse", stage.do)):
        values = {"participantId": hospital, "operator": person(name).address}
        (_, account, deadline), [seal] = stage.signed(
            "ParticipantRegistry", "OperatorAcceptance", person(name), **values
        )
        send(_operator("hospital"), "ParticipantRegistry.addOperator", hospital, account, deadline, seal)
    stage.act(_operator("hospital"), "ParticipantRegistry.removeOperator", hospital, person("nurse").address)
    custodians = [_id(name) for name in CAST if name.startswith("custodian")]
    stage.act(council, "ParticipantRegistry.formCustodianSet", custodians, 2, case="2 of 3")
    gateway = stage.addresses["AccessGateway"]
    stage.act(gateway, "ParticipantRegistry.charge", hospital, 1, case="first of the hour")
    stage.act(gateway, "ParticipantRegistry.charge", hospital, 10, case="later in the hour")


def _bind(stage: Scene) -> None:
    hospital = _operator("hospital")
    stage.act(hospital, "SubjectRegistry.register", _ref("nobody"), _id("hospital"), word("seed nobody"))
    for patient, send in (("Wang", stage.act), ("Li", stage.do), ("Zhao", stage.do)):
        values = {"subjectRef": _ref(patient), "sourceId": _id("hospital"), "controller": person(patient).address}
        binding, [seal] = stage.signed("SubjectRegistry", "Binding", person(patient), **values)
        send(hospital, "SubjectRegistry.bind", binding, word(f"seed {patient}"), seal)
    change = _subject(stage, "Rotation", "Wang", "Wang", "Wang 2", controller=person("Wang 2").address)
    stage.act(RELAY, "SubjectRegistry.rotate", *change)
    appointment = _subject(stage, "Appointment", "Wang", "Wang 2", guardian=person("guardian").address)
    stage.act(RELAY, "SubjectRegistry.appoint", appointment[0], appointment[1][0], case="by the controller")
    late = _subject(stage, "Appointment", "Li", guardian=person("guardian").address)
    stage.act(hospital, "SubjectRegistry.appoint", late[0], EMPTY, case="by the source")
    recovery = _subject(stage, "Rotation", "Wang", "Wang 3", controller=person("Wang 3").address)
    stage.act(hospital, "SubjectRegistry.recover", recovery[0], recovery[1][0])
    veto = _subject(stage, "Veto", "Wang", "Wang 2")
    stage.act(RELAY, "SubjectRegistry.veto", veto[0], veto[1][0])
    stage.wait(10)
    stage.act(RELAY, "SubjectRegistry.complete", _ref("Li"), case="guardian")


def _wish(stage: Scene) -> None:
    hospital, regulator = _operator("hospital"), _operator("regulator")
    for frozen, case in ((True, "stop"), (False, "allow")):
        freeze = _subject(stage, "SubjectFreeze", "Wang", "Wang 2", by=person("Wang 2").address, frozen=frozen)
        stage.act(RELAY, "SubjectRegistry.freeze", freeze[0], freeze[1][0], case=case)
    denial = _subject(stage, "Denial", "Wang", "Wang 2", participantId=_id("clinic"), denial=2)
    stage.act(RELAY, "SubjectRegistry.deny", denial[0], denial[1][0])
    years = _subject(stage, "Retention", "Wang", "Wang 2", retentionYears=3)
    stage.act(RELAY, "SubjectRegistry.retain", years[0], years[1][0])
    merge = _subject(stage, "SubjectLink", "Zhao", "Zhao", "Wang 2", survivor=_ref("Wang"))
    stage.act(hospital, "SubjectRegistry.link", merge[0], [word("seed Zhao"), word("seed Wang")], merge[1])
    undo = _subject(stage, "SubjectUnlink", "Zhao", "Zhao", survivor=_ref("Wang"), by=_ref("Zhao"))
    stage.act(hospital, "SubjectRegistry.unlink", undo[0], undo[1][0])
    stage.act(regulator, "SubjectRegistry.hold", _ref("Wang"), True, case="set")  # noqa: FBT003 - a call's argument
    stage.act(regulator, "SubjectRegistry.hold", _ref("Wang"), False, case="lift")  # noqa: FBT003 - as above


def _subject(
    stage: Scene, struct: str, patient: str, *signers: str, **values: object
) -> tuple[tuple[object, ...], list[bytes]]:
    """A signed verb of a subject with its present nonce."""
    nonce = stage.read("SubjectRegistry.subject", _ref(patient))[7]
    people = [person(name) for name in signers]
    return stage.signed("SubjectRegistry", struct, *people, subjectRef=_ref(patient), nonce=nonce, **values)


def _consent(stage: Scene, holder: str, max_uses: int = 0, replaces: bytes = ZERO32) -> Consent:
    account = person(holder).address
    return Consent(
        holder=account,
        epoch=stage.read("ConsentRegistry.epochOf", account),
        max_uses=max_uses,
        deadline=stage.now + 3600,
        replaces=replaces,
        grantee=_id("hospital"),
        purposes=Purpose.TREAT,
        categories=Category.LAB | Category.VITAL,
        actions=Action(1 << 2),
        max_level=4,
        max_confidentiality=3,
        min_form=0,
        window_months=3,
        from_day=0,
        to_day=0,
        valid_from=stage.now - 60,
        valid_until=stage.now + 30 * 86400,
        session_minutes=30,
        obligations=0x45403,
        flags=0x808D,
        ruleset=1,
        terms=word("terms"),
        salt=word(f"consent {stage.now}"),
    )


def _granted(stage: Scene, holder: str, max_uses: int = 0, case: str | None = None) -> Consent:
    """A consent that is on chain; its grant is noted when it has a case."""
    consent = _consent(stage, holder, max_uses)
    seal = person(holder).sign(consent.consent_id(stage.domain("ConsentRegistry")))
    call = ("ConsentRegistry.grant", tuple(consent.head().values()), consent.scope_hash(), seal)
    if case is None:
        stage.do(RELAY, *call)
    else:
        stage.act(RELAY, *call, case=case)
    return consent


def _grant(stage: Scene) -> None:
    domain = stage.domain("ConsentRegistry")
    first = _granted(stage, "Wang at the hospital", case="new holder")
    second = _granted(stage, "Wang at the hospital", case="known holder")
    narrower = replace(second, salt=word("narrower"), replaces=first.consent_id(domain))
    holder = person("Wang at the hospital")
    head, seal = tuple(narrower.head().values()), holder.sign(narrower.consent_id(domain))
    stage.act(RELAY, "ConsentRegistry.replace", head, narrower.scope_hash(), seal)
    for case, consent_id in (("live", narrower.consent_id(domain)), ("not seen yet", word("unseen"))):
        values = {"holder": holder.address, "consentId": consent_id}
        _, [seal] = stage.signed("ConsentRegistry", "Revocation", holder, **values)
        stage.act(RELAY, "ConsentRegistry.revoke", holder.address, consent_id, seal, case=case)
    _, [seal] = stage.signed("ConsentRegistry", "RevocationOfAll", holder, holder=holder.address, epoch=0)
    stage.act(RELAY, "ConsentRegistry.revokeAll", holder.address, 0, seal)


def _access(stage: Scene, name: str, reference: bytes, kind: AccessKind = AccessKind.CONSENT) -> Access:
    purpose = {1: Purpose.TREAT, 2: Purpose.PATRQT, 3: Purpose.BTG}[kind]
    today = day_at(stage.now)
    return Access(
        kind=kind,
        participant=_id(name),
        reference=reference,
        purpose=purpose,
        categories=Category.LAB,
        actions=Action(1 << 2),
        level=3,
        confidentiality=3,
        form=0,
        from_day=today - 30,
        to_day=today,
        role=1,
        record_count=12,
        records_root=Root(word(f"records {stage.now}")),
        session_key=word(f"session {stage.now}"),
        user_digest=word("doctor"),
        deadline=stage.now + 600,
        salt=word(f"access {stage.now} {reference.hex()}"),
    )


def _request(stage: Scene) -> None:
    domain, hospital = stage.domain("ConsentRegistry"), _operator("hospital")
    consents = {
        "without limit of uses": _granted(stage, "Li at the hospital"),
        "limited uses": _granted(stage, "Zhao at the hospital", 9),
    }
    for case, consent in consents.items():
        access = _access(stage, "hospital", consent.consent_id(domain))
        stage.act(hospital, "AccessGateway.request", consent.to_words(), access.to_words(), case=f"granted, {case}")
    consent = consents["limited uses"]
    access = replace(_access(stage, "hospital", consent.consent_id(domain)), level=5)
    stage.act(hospital, "AccessGateway.request", consent.to_words(), access.to_words(), case="denied")
    gateway, account = stage.addresses["AccessGateway"], consent.holder
    stage.act(gateway, "ConsentRegistry.consume", account, consent.consent_id(domain), True, case="a use is spent")  # noqa: FBT003 - a call's argument
    for size in (1, 10, 50):
        _batch(stage, size)


def _batch(stage: Scene, size: int) -> None:
    domain = stage.domain("ConsentRegistry")
    own: list[_Item] = []
    relayed: list[_Item] = []
    for number in range(size):
        consent = _granted(stage, f"patient {number} of {size}")
        for items in (own, relayed):
            access = _access(stage, "hospital", consent.consent_id(domain))
            access = replace(access, salt=word(f"{number} of {size} {items is own}"))
            seal = person("doctor").sign(access.access_id(stage.domain("AccessGateway")))
            items.append((consent.to_words(), access.to_words(), (ZERO32, ZERO32) if items is own else compact(seal)))
    stage.act(_operator("hospital"), "AccessGateway.requestMany", own, case=f"{size}, sent by the operator")
    stage.act(RELAY, "AccessGateway.requestMany", relayed, case=f"{size}, relayed with signatures")


def _supervise(stage: Scene) -> None:
    domain, regulator = stage.domain("AccessGateway"), _operator("regulator")
    own = replace(_access(stage, "hospital", _ref("Wang"), AccessKind.OWN), participant=ParticipantId(ZERO32))
    stage.act(RELAY, "AccessGateway.requestOwn", own.to_words(), person("Wang 2").sign(own.access_id(domain)))
    access = _access(stage, "hospital", _ref("Wang"), AccessKind.EMERGENCY)
    access_id = access.access_id(domain)
    seals = [compact(person(name).sign(access_id)) for name in ("doctor", "hospital")]
    stage.act(RELAY, "AccessGateway.requestEmergency", access.to_words(), *seals)
    stage.act(regulator, "AccessGateway.freeze", access_id, _ref("Wang"))
    stage.act(regulator, "AccessGateway.unfreeze", access_id, _ref("Wang"))
    stage.act(regulator, "AccessGateway.review", access_id, _ref("Wang"), 1)


def _anchor(stage: Scene) -> None:
    hospital, custodian = _operator("hospital"), _operator("custodian 1")
    stage.act(hospital, "RecordRegistry.anchor", word("first"), 1000, 1, 1, case="batch, first of a source")
    stage.act(hospital, "RecordRegistry.anchor", word("second"), 1000, 1, 1, case="batch, later")
    stage.act(custodian, "RecordRegistry.anchor", word("log"), 1000, 0, 2, case="log of a custodian")
    stage.act(hospital, "RecordRegistry.invalidate", word("leaf"), _ref("Wang"), 1)


def _destroy(stage: Scene) -> None:
    values = {"sourceId": _id("hospital"), "recordId": word("record"), "subjectRef": _ref("Wang")}
    order, [seal] = stage.signed("RecordRegistry", "Destruction", person("Wang 2"), custodianSet=1, **values)
    stage.act(_operator("hospital"), "RecordRegistry.order", order, seal)
    stage.wait(10)
    for number, case in ((1, "first"), (2, "the one that destroys")):
        name = f"custodian {number}"
        attestation, [seal] = stage.signed(
            "RecordRegistry", "Attestation", person(name), custodianId=_id(name), erased=1, **values
        )
        stage.act(RELAY, "RecordRegistry.attest", attestation, seal, case=case)


def _switch(stage: Scene) -> None:
    council, at = stage.addresses["Council"], stage.addresses
    stage.create("AccessGateway", council, name="second")
    stage.act(council, "Council.install", role_id("AccessGateway"), at["second"], case="another AccessGateway")
    stage.act(council, "ConsentRegistry.admitGateway", at["AccessGateway"])
    stage.act(council, "AuditLog.admitWriter", RELAY)
    for case in ("first of a key", "later"):
        stage.act(RELAY, "AuditLog.append", word("key"), 1, 1, word("reference"), case=case)
    stage.act(council, "AuditLog.retireWriter", RELAY)
    stage.act(council, "ParticipantRegistry.expel", _id("clinic"))
