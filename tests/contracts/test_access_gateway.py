"""AccessGateway: requests, emergencies, review, freeze."""

import pytest
from brownie import AccessGateway, Council, accounts
from signing import access_words, compact, consent_words, row, sign
from world import (
    CARE,
    CLINIC,
    ETREAT,
    HOSPITAL,
    HRESCH,
    INSTITUTE,
    NOBODY,
    PATRQT,
    REGULATOR,
    SOURCE,
    TREAT,
    YEAR,
    ZERO,
    h,
    key_of,
    now,
    pass_time,
    refuses,
)

from scripts.brownie_deploy import role_of

CODES = {
    "GRANTED": 1,
    "PARTICIPANT_INACTIVE": 10,
    "ACCREDITATION_EXPIRED": 11,
    "NOT_QUALIFIED": 12,
    "CONSENT_REVOKED": 20,
    "CONSENT_REPLACED": 21,
    "CONSENT_VOID": 22,
    "CONSENT_NOT_YET_VALID": 23,
    "CONSENT_EXPIRED": 24,
    "CONSENT_USED_UP": 25,
    "GRANTEE_MISMATCH": 26,
    "SUBJECT_FROZEN": 50,
    "SUBJECT_DENIES": 51,
    "EMERGENCY_BLOCKED": 53,
}
MALFORMED, DEADLINE, NOT_OPERATOR, OTHER_PARTICIPANT, QUOTA, KNOWN, OTHER_CONSENT, UNKNOWN = range(1, 9)
SUBJECT_UNKNOWN, NOT_CONTROLLER, SAME_OPERATOR = 9, 10, 11


@pytest.fixture
def consent(consortium):
    """Wang lets the hospital see three months of laboratory data."""
    return consortium.granted("Wang")


@pytest.fixture
def ref(consortium):
    """Wang at the hospital."""
    return consortium.bind("Wang")


def key(consent):
    return key_of(consent["head"]["holder"])


def state(world, access):
    return tuple(world.gateway.accessOf(world.access_id(access)))


# Under a consent


def test_request__inside_consent__grants_and_tells_everything(consortium, consent):
    access = consortium.access(HOSPITAL, consortium.consent_id(consent))
    tx = consortium.request(consent, access)
    access_id, code = tx.return_value
    assert bytes(access_id) == consortium.access_id(access)
    assert code == CODES["GRANTED"]
    event = tx.events["AccessGranted"]
    assert bytes(event["participantId"]) == consortium.ids[HOSPITAL]
    assert bytes(event["referenceId"]) == consortium.consent_id(consent)
    assert bytes(event["key"]) == key(consent)
    assert event["operator"] == consortium.operators[HOSPITAL]
    assert event["scope"] == access_words(access)[2]
    assert bytes(event["recordsRoot"]) == access["recordsRoot"]
    assert bytes(event["userDigest"]) == access["userDigest"]
    assert event["expiry"] == tx.timestamp + 1800
    assert state(consortium, access) == (1, tx.timestamp + 1800, 1, False, False, tx.timestamp)


def test_request__each_outcome__is_on_the_holders_chain(consortium, consent):
    before = consortium.chain(key(consent))[1]
    consortium.request(consent)
    tx = consortium.request(consent, level=5)
    assert consortium.chain(key(consent))[1] == before + 2
    entry = tx.events["Appended"]
    assert (entry["kind"], entry["code"]) == (2, 33)
    assert bytes(entry["key"]) == key(consent)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"purpose": HRESCH}, CODES["NOT_QUALIFIED"]),
        ({"purpose": 1 << 6}, 30),
        ({"actions": 1}, 31),
        ({"actions": 0}, 31),
        ({"categories": 1}, 32),
        ({"categories": 0}, 32),
        ({"level": 5}, 33),
        ({"level": 0}, 33),
        ({"confidentiality": 4}, 34),
        ({"fromDay": 1}, 36),
        ({"fromDay": 0}, 36),
        ({"categories": 1 << 40}, 38),
    ],
)
def test_request__outside_consent__denies_with_code(consortium, consent, members, code):
    access = consortium.access(HOSPITAL, consortium.consent_id(consent), **members)
    tx = consortium.request(consent, access)
    assert tx.return_value[1] == code == tx.events["AccessDenied"]["code"]
    assert state(consortium, access)[:2] == (code, 0)


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ({"minForm": 2}, 35),
        ({"flags": 1 << 4}, 37),
        ({"flags": 1 << 16}, 38),
        ({"ruleset": 2}, 39),
        ({"maxLevel": 6}, 40),
        ({"windowMonths": 0}, 36),
    ],
)
def test_request__consent_not_usable__denies_with_code(consortium, scope, code):
    assert consortium.code(consortium.granted("Wang", **scope)) == code


def test_request__validity__starts_and_ends(consortium):
    start = now() + 1000
    consent = consortium.granted("Wang", validFrom=start, validUntil=start + 1000)
    assert consortium.code(consent) == CODES["CONSENT_NOT_YET_VALID"]
    pass_time(1001)
    tx = consortium.request(consent)
    assert tx.return_value[1] == CODES["GRANTED"]
    assert tx.events["AccessGranted"]["expiry"] == start + 1000
    pass_time(1000)
    assert consortium.code(consent) == CODES["CONSENT_EXPIRED"]


def test_request__revoked_replaced_void__denies(consortium):
    revoked, replaced, void = (consortium.granted(name) for name in ("Wang", "Li", "Zhou"))
    message = {"holder": revoked["head"]["holder"], "consentId": consortium.consent_id(revoked)}
    signature = consortium.sign("Wang", "Revocation", consortium.consents, message)
    consortium.consents.revoke(*message.values(), signature, {"from": consortium.relayer})
    new = consortium.consent("Li", head={"replaces": consortium.consent_id(replaced)})
    consortium.grant("Li", new, "replace")
    message = {"holder": void["head"]["holder"], "epoch": 0}
    signature = consortium.sign("Zhou", "RevocationOfAll", consortium.consents, message)
    consortium.consents.revokeAll(*message.values(), signature, {"from": consortium.relayer})
    assert consortium.code(revoked) == CODES["CONSENT_REVOKED"]
    assert consortium.code(replaced) == CODES["CONSENT_REPLACED"]
    assert consortium.code(new) == CODES["GRANTED"]
    assert consortium.code(void) == CODES["CONSENT_VOID"]


def test_request__limited_uses__spent_by_granted_ones_only(consortium):
    consent = consortium.granted("Wang", head={"maxUses": 2})
    assert [consortium.code(consent, level=level) for level in (3, 5, 3, 3)] == [1, 33, 1, CODES["CONSENT_USED_UP"]]


def test_request__consent_for_another__denies(consortium, consent):
    assert consortium.code(consent, participant=CLINIC) == CODES["GRANTEE_MISMATCH"]


def test_request__suspended_or_unaccredited__denies(consortium, consent):
    hospital = consortium.ids[HOSPITAL]
    consortium.vote(consortium.call(consortium.participants, "suspend", hospital))
    assert consortium.code(consent) == CODES["PARTICIPANT_INACTIVE"]
    consortium.vote(consortium.call(consortium.participants, "reinstate", hospital))
    terms = (CARE | SOURCE, now() + 50, 1000)
    consortium.vote(
        consortium.call(consortium.participants, "renew", hospital, terms, ZERO, (h("k"), ZERO, ZERO, NOBODY))
    )
    pass_time(60)
    assert consortium.code(consent) == CODES["ACCREDITATION_EXPIRED"]


@pytest.mark.parametrize(
    "members",
    [
        {"kind": 2},
        {"kind": 0},
        {"purpose": 0},
        {"purpose": TREAT | ETREAT},
        {"recordCount": 0},
        {"recordCount": 1025},
        {"recordsRoot": ZERO},
        {"sessionKey": ZERO},
        {"participantId": ZERO},
    ],
)
def test_request__malformed__reverts(consortium, consent, members):
    with refuses("AccessGatewayRefused", f", {MALFORMED}"):
        consortium.request(consent, **members)


@pytest.mark.parametrize(("index", "shift"), [(2, 240), (6, 64)])
def test_request__bits_above_last_field_of_access__reverts(consortium, consent, index, shift):
    access = list(access_words(consortium.access(HOSPITAL, consortium.consent_id(consent))))
    access[index] |= 1 << shift
    with refuses("AccessGatewayRefused", f", {MALFORMED}"):
        consortium.gateway.request(consent_words(consent), access, {"from": consortium.operators[HOSPITAL]})


@pytest.mark.parametrize(("index", "shift"), [(0, 160), (1, 160), (4, 208), (5, 240)])
def test_request__bits_above_last_field_of_consent__reverts(consortium, consent, index, shift):
    words = list(consent_words(consent))
    words[index] |= 1 << shift
    access = access_words(consortium.access(HOSPITAL, consortium.consent_id(consent)))
    with refuses("AccessGatewayRefused", f", {MALFORMED}"):
        consortium.gateway.request(words, access, {"from": consortium.operators[HOSPITAL]})


def test_request__by_stranger__reverts(consortium, consent):
    with refuses("AccessGatewayRefused", f", {NOT_OPERATOR}"):
        consortium.request(consent, sender=consortium.stranger)


def test_request__for_another_participant__reverts(consortium, consent):
    with refuses("AccessGatewayRefused", f", {OTHER_PARTICIPANT}"):
        consortium.request(consent, sender=consortium.operators[CLINIC])


def test_request__too_late_or_twice__reverts(consortium, consent):
    with refuses("AccessGatewayRefused", f", {DEADLINE}"):
        consortium.request(consent, deadline=now() - 10)
    access = consortium.access(HOSPITAL, consortium.consent_id(consent))
    consortium.request(consent, access)
    with refuses("AccessGatewayRefused", f", {KNOWN}"):
        consortium.request(consent, access)


def test_request__another_or_unknown_consent__reverts(consortium, consent):
    with refuses("AccessGatewayRefused", f", {OTHER_CONSENT}"):
        consortium.request(consent, referenceId=h("other"))
    with refuses("AccessGatewayRefused", f", {UNKNOWN}"):
        consortium.request(consortium.consent("Wang"))


# Batches


def test_request_many__of_several_operators__records_all(consortium):
    items, accesses = [], []
    for i, (institution, doctor) in enumerate([(HOSPITAL, "Dr Li"), (HOSPITAL, "Dr Li"), (CLINIC, "Dr Sun")]):
        consent = consortium.granted(f"Patient {i}", institution, head={"maxUses": 1})
        access = consortium.access(institution, consortium.consent_id(consent))
        items.append(consortium.signed_request(consent, access, consortium.operator(doctor, institution)))
        accesses.append(access)
    tx = consortium.gateway.requestMany(items, {"from": consortium.relayer})
    assert tx.return_value == 3
    assert len(tx.events["AccessGranted"]) == 3
    assert all(state(consortium, access)[0] == 1 for access in accesses)
    assert consortium.participants.participant(consortium.ids[HOSPITAL])[6] == 2


def test_request_many__bad_items__skipped_and_told(consortium, consent):
    doctor = consortium.operator("Dr Li")
    good = consortium.access(HOSPITAL, consortium.consent_id(consent))
    denied = consortium.access(HOSPITAL, consortium.consent_id(consent), level=5)
    unknown = consortium.consent("Li")
    cases = [
        (consortium.signed_request(consent, good | {"recordCount": 0}, doctor), MALFORMED),
        (consortium.signed_request(consent, good, consortium.person("Impostor")), NOT_OPERATOR),
        (consortium.signed_request(consent, good, doctor), None),
        (consortium.signed_request(consent, good, doctor), KNOWN),
        (consortium.signed_request(consent, denied, doctor), None),
        (consortium.signed_request(unknown, good | {"referenceId": consortium.consent_id(unknown)}, doctor), UNKNOWN),
        (consortium.signed_request(unknown, denied | {"salt": ZERO}, doctor), OTHER_CONSENT),
    ]
    tx = consortium.gateway.requestMany([item for item, _ in cases], {"from": consortium.relayer})
    skipped = {event["index"]: event["refusal"] for event in tx.events["RequestSkipped"]}
    assert skipped == {i: refusal for i, (_, refusal) in enumerate(cases) if refusal}
    assert tx.return_value == 2


def test_request_many__quota_used_up__skips_the_rest(consortium, consent):
    hospital = consortium.ids[HOSPITAL]
    doctor = consortium.operator("Dr Li")
    terms = (CARE | SOURCE, now() + YEAR, 2)
    consortium.vote(
        consortium.call(consortium.participants, "renew", hospital, terms, ZERO, (h("k"), ZERO, ZERO, NOBODY))
    )
    accesses = [consortium.access(HOSPITAL, consortium.consent_id(consent)) for _ in range(3)]
    items = [consortium.signed_request(consent, access, doctor) for access in accesses]
    tx = consortium.gateway.requestMany(items, {"from": consortium.relayer})
    assert tx.return_value == 2
    assert tx.events["RequestSkipped"]["refusal"] == QUOTA


def test_request_many__empty_signature__is_the_senders(consortium, consent):
    access = consortium.access(HOSPITAL, consortium.consent_id(consent))
    item = (consent_words(consent), access_words(access), (ZERO, ZERO))
    tx = consortium.gateway.requestMany([item], {"from": consortium.relayer})
    assert tx.events["RequestSkipped"]["refusal"] == NOT_OPERATOR
    tx = consortium.gateway.requestMany([item], {"from": consortium.operators[HOSPITAL]})
    assert tx.events["AccessGranted"]["operator"] == consortium.operators[HOSPITAL]


# Own


def own(world, ref, signer="Wang", **members):
    access = world.access(None, ref, **({"kind": 2, "purpose": PATRQT, "actions": 2} | members))
    signature = world.sign(signer, "Access", world.gateway, access)
    return access, world.gateway.requestOwn(access_words(access), signature, {"from": world.relayer})


def test_request_own__by_controller__grants_one_hour(consortium, ref):
    access, tx = own(consortium, ref)
    assert tx.return_value[1] == 1
    assert tx.events["AccessGranted"]["expiry"] == tx.timestamp + 3600
    assert tx.events["AccessGranted"]["operator"] == consortium.person("Wang").address
    assert bytes(tx.events["Appended"]["key"]) == ref
    assert state(consortium, access)[2] == 2


def appoint(world, ref, name):
    message = world.subject_message(ref, guardian=world.person(name).address)
    signature = world.sign("Wang", "Appointment", world.subjects, message)
    world.subjects.appoint(row("Appointment", message), signature, {"from": world.relayer})


def freeze(world, ref):
    message = world.subject_message(ref, by=world.person("Wang").address, frozen=True)
    signature = world.sign("Wang", "SubjectFreeze", world.subjects, message)
    world.subjects.freeze(row("SubjectFreeze", message), signature, {"from": world.relayer})


def test_request_own__by_guardian__grants(consortium, ref):
    appoint(consortium, ref, "Daughter")
    _, tx = own(consortium, ref, signer="Daughter")
    assert tx.events["AccessGranted"]["operator"] == consortium.person("Daughter").address


def test_request_own__frozen__denies(consortium, ref):
    freeze(consortium, ref)
    assert own(consortium, ref)[1].return_value[1] == CODES["SUBJECT_FROZEN"]


def test_request_own__by_stranger_or_of_unknown__reverts(consortium, ref):
    with refuses("AccessGatewayRefused", f", {NOT_CONTROLLER}"):
        own(consortium, ref, signer="Li")
    with refuses("AccessGatewayRefused", f", {SUBJECT_UNKNOWN}"):
        own(consortium, h("nobody"))


def test_request_own__another_purpose_or_participant__reverts(consortium, ref):
    for members in ({"purpose": TREAT}, {"participantId": consortium.ids[HOSPITAL]}, {"kind": 1}):
        with refuses("AccessGatewayRefused", f", {MALFORMED}"):
            own(consortium, ref, **members)


# Emergency


def deny(world, ref, participant, denial):
    message = world.subject_message(ref, participantId=world.ids[participant], denial=denial)
    signature = world.sign("Wang", "Denial", world.subjects, message)
    world.subjects.deny(row("Denial", message), signature, {"from": world.relayer})


def review(world, access, ref, reviewer=CLINIC, verdict=1):
    return world.gateway.review(world.access_id(access), ref, verdict, {"from": world.operators[reviewer]})


def test_request_emergency__two_operators__grants_four_hours(consortium, ref):
    access, tx = consortium.emergency(ref, CLINIC)
    assert tx.return_value[1] == 1
    assert tx.events["AccessGranted"]["expiry"] == tx.timestamp + 4 * 3600
    opened = tx.events["EmergencyOpened"]
    assert opened["second"] == consortium.person(f"Dr Zhao of {CLINIC}").address
    assert opened["reviewBy"] == tx.timestamp + 72 * 3600
    assert bytes(tx.events["Appended"]["key"]) == ref
    waiting, overdue = consortium.gateway.openEmergencyOf(consortium.ids[CLINIC])
    assert bytes(waiting) == consortium.access_id(access)
    assert not overdue


@pytest.mark.parametrize(("denial", "code"), [(1, CODES["GRANTED"]), (2, CODES["SUBJECT_DENIES"])])
def test_request_emergency__denied_institution__only_absolute_counts(consortium, ref, denial, code):
    deny(consortium, ref, CLINIC, denial)
    assert consortium.emergency(ref, CLINIC)[1].return_value[1] == code


def test_request_emergency__frozen_subject__denies(consortium, ref):
    freeze(consortium, ref)
    tx = consortium.emergency(ref)[1]
    assert tx.return_value[1] == CODES["SUBJECT_FROZEN"]
    assert "EmergencyOpened" not in tx.events


def test_request_emergency__without_role_or_purpose__denies(consortium, ref):
    assert consortium.emergency(ref, INSTITUTE)[1].return_value[1] == CODES["NOT_QUALIFIED"]
    assert consortium.emergency(ref, purpose=TREAT)[1].return_value[1] == CODES["NOT_QUALIFIED"]
    assert consortium.code(consortium.granted("Wang", purposes=ETREAT), purpose=ETREAT) == CODES["NOT_QUALIFIED"]


def test_request_emergency__one_operator_twice__reverts(consortium, ref):
    with refuses("AccessGatewayRefused", f", {SAME_OPERATOR}"):
        consortium.emergency(ref, names=("Dr Li", "Dr Li"))


def test_request_emergency__second_of_another_institution__reverts(consortium, ref):
    access = consortium.access(HOSPITAL, ref, kind=3, purpose=ETREAT)
    keys = consortium.operator("Dr Li"), consortium.operator("Dr Sun", CLINIC)
    seals = [compact(sign(each, "Access", consortium.gateway, consortium.chain_id, access)) for each in keys]
    for pair in (seals, seals[::-1]):
        with refuses("AccessGatewayRefused", f", {OTHER_PARTICIPANT}"):
            consortium.gateway.requestEmergency(access_words(access), *pair, {"from": consortium.relayer})


def test_request_emergency__unknown_subject__reverts(consortium):
    with refuses("AccessGatewayRefused", f", {SUBJECT_UNKNOWN}"):
        consortium.emergency(h("nobody"))


def test_request_emergency__unreviewed_after_72_hours__blocks_until_review(consortium, ref):
    access, _ = consortium.emergency(ref)
    assert consortium.emergency(ref)[1].return_value[1] == 1
    pass_time(72 * 3600 + 1)
    assert consortium.emergency(ref)[1].return_value[1] == CODES["EMERGENCY_BLOCKED"]
    assert consortium.emergency(ref, CLINIC)[1].return_value[1] == 1
    review(consortium, access, ref)
    assert consortium.emergency(ref)[1].return_value[1] == CODES["EMERGENCY_BLOCKED"]


def test_review__out_of_order__frees_when_all_are_judged(consortium, ref):
    first, _ = consortium.emergency(ref)
    second, _ = consortium.emergency(ref)
    review(consortium, second, ref)
    assert bytes(consortium.gateway.openEmergencyOf(consortium.ids[HOSPITAL])[0]) == consortium.access_id(first)
    review(consortium, first, ref, REGULATOR, 2)
    assert bytes(consortium.gateway.openEmergencyOf(consortium.ids[HOSPITAL])[0]) == ZERO
    assert state(consortium, first)[4]


def test_review__by_itself_or_unqualified__reverts(consortium, ref):
    access, _ = consortium.emergency(ref)
    for reviewer in (HOSPITAL, INSTITUTE, "Custodian East"):
        with refuses("AccessGatewayNotReviewer"):
            review(consortium, access, ref, reviewer)


def test_review__twice_bad_verdict_or_wrong_key__reverts(consortium, ref):
    access, _ = consortium.emergency(ref)
    for verdict in (0, 3):
        with refuses("AccessGatewayInvalidVerdict"):
            review(consortium, access, ref, verdict=verdict)
    with refuses("AccessGatewayWrongKey"):
        review(consortium, access, h("other chain"))
    tx = review(consortium, access, ref)
    assert tx.events["Appended"]["kind"] == 3
    assert bytes(tx.events["Appended"]["key"]) == ref
    with refuses("AccessGatewayUnchanged"):
        review(consortium, access, ref)


def test_review__of_another_kind__reverts(consortium, consent):
    access = consortium.access(HOSPITAL, consortium.consent_id(consent))
    consortium.request(consent, access)
    with refuses("AccessGatewayNotEmergency"):
        review(consortium, access, key(consent))


# Freeze


def test_freeze__by_regulator__stops_and_resumes(consortium, consent):
    access = consortium.access(HOSPITAL, consortium.consent_id(consent))
    consortium.request(consent, access)
    access_id, regulator = consortium.access_id(access), {"from": consortium.operators[REGULATOR]}
    tx = consortium.gateway.freeze(access_id, key(consent), regulator)
    assert state(consortium, access)[3]
    assert tx.events["Appended"]["kind"] == 4
    with refuses("AccessGatewayUnchanged"):
        consortium.gateway.freeze(access_id, key(consent), regulator)
    tx = consortium.gateway.unfreeze(access_id, key(consent), regulator)
    assert not state(consortium, access)[3]
    assert tx.events["Appended"]["kind"] == 5
    with refuses("AccessGatewayUnchanged"):
        consortium.gateway.unfreeze(access_id, key(consent), regulator)


def test_freeze__by_others_denied_or_wrong_key__reverts(consortium, consent):
    granted = consortium.access(HOSPITAL, consortium.consent_id(consent))
    denied = consortium.access(HOSPITAL, consortium.consent_id(consent), level=5)
    for access in (granted, denied):
        consortium.request(consent, access)
    access_id = consortium.access_id(granted)
    with refuses("AccessGatewayNotSupervisor"):
        consortium.gateway.freeze(access_id, key(consent), {"from": consortium.operators[HOSPITAL]})
    regulator = {"from": consortium.operators[REGULATOR]}
    with refuses("AccessGatewayWrongKey"):
        consortium.gateway.freeze(access_id, h("other"), regulator)
    with refuses("AccessGatewayNotGranted"):
        consortium.gateway.freeze(consortium.access_id(denied), key(consent), regulator)


# Replacement


def test_replaced_gateway__can_no_longer_record(consortium, consent):
    newer = AccessGateway.deploy(consortium.council, {"from": consortium.stranger})
    consortium.vote(consortium.call(consortium.council, "install", role_of("AccessGateway"), newer))
    with refuses("ConsentRegistryNotGateway"):
        consortium.request(consent)
    consortium.gateway = newer
    assert consortium.code(consent) == 1


def test_constructor__before_directory_is_filled__reverts(deployed):
    council = Council.deploy(accounts[:3], 2, 0, {"from": accounts[0]})
    with refuses("AccessGatewayMissingContract"):
        AccessGateway.deploy(council, {"from": accounts[0]})
