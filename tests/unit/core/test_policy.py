from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.access import Access, AccessKind
from salus.core.codes import Code
from salus.core.consent import Consent
from salus.core.labels import Purpose
from salus.core.policy import (
    ConsentStatus,
    ParticipantRole,
    ParticipantStatus,
    Standing,
    SubjectStanding,
    decide,
    decide_emergency,
    decide_own,
    expiry,
    qualified,
)
from tests.unit.core.strategies import accesses, consents, uint
from tests.vectors.makers.policy import ORDER, Change
from tests.vectors.samples import NOW, access, consent, standing

# docs/protocol.md section 5, "Order of the gateway's checks", written out once more.
PROTOCOL_ORDER = [10, 11, 12, 20, 21, 22, 26, 39, 38, 37, 40, 23, 24, 30, 31, 32, 33, 34, 35, 36, 25]
standings = st.builds(
    Standing,
    status=st.sampled_from(ParticipantStatus),
    accredited_until=uint(64),
    roles=uint(8),
    consent_status=st.sampled_from(ConsentStatus),
    consent_epoch=uint(64),
    holder_epoch=uint(64),
    uses_left=uint(32),
)
subjects = st.builds(SubjectStanding, frozen=st.booleans(), denial=st.integers(0, 2), overdue=st.booleans())
times = st.integers(0, 4_102_444_800)


def test_decide__request_inside_everything__granted() -> None:
    assert decide(access(), consent(), standing(), NOW) is Code.GRANTED


def test_order__of_the_examples__is_the_protocol_s() -> None:
    assert [int(change.code) for change in ORDER] == PROTOCOL_ORDER


@pytest.mark.parametrize("change", ORDER, ids=lambda change: change.code.name)
def test_decide__one_thing_wrong__its_code(change: Change) -> None:
    signed, asked, known = consent(**change.consent), access(**change.access), standing(**change.standing)
    assert decide(asked, signed, known, NOW) is change.code


@given(accesses, consents, standings, times)
def test_decide__anything__a_gateway_code_and_never_an_error(
    asked: Access, signed: Consent, known: Standing, now: int
) -> None:
    assert int(decide(asked, signed, known, now)) in {*PROTOCOL_ORDER, 1}


small = st.integers(0, 5)
masks = st.integers(0, 7)
near_accesses = st.builds(
    access,
    categories=masks,
    actions=masks,
    level=small,
    confidentiality=small,
    form=st.integers(0, 4),
    from_day=st.integers(20_660, 20_672),
    to_day=st.integers(20_752, 20_760),
)
near_consents = st.builds(
    consent,
    categories=masks,
    actions=masks,
    max_level=small,
    max_confidentiality=small,
    min_form=st.integers(0, 4),
    valid_until=st.integers(NOW - 1, NOW + 2),
)


@given(near_accesses, near_consents, st.integers(0, 1))
def test_decide__near_every_limit__granted_exactly_when_all_of_it_is_inside(
    asked: Access, signed: Consent, uses: int
) -> None:
    inside = (
        {bit for bit in range(8) if asked.categories >> bit & 1} <= {b for b in range(8) if signed.categories >> b & 1}
        and {bit for bit in range(8) if asked.actions >> bit & 1} <= {b for b in range(8) if signed.actions >> b & 1}
        and min(asked.categories, asked.actions, asked.level, uses) > 0
        and asked.level <= signed.max_level
        and asked.confidentiality <= signed.max_confidentiality
        and asked.form >= signed.min_form
        and 20_666 <= asked.from_day <= asked.to_day <= 20_758
        and signed.valid_until > NOW
    )
    assert (decide(asked, signed, standing(uses_left=uses), NOW) is Code.GRANTED) == inside


@given(st.sampled_from(list(Purpose)), uint(8), st.sampled_from(AccessKind))
def test_qualified__custodian__never(purpose: Purpose, roles: int, kind: AccessKind) -> None:
    assert not qualified(roles | ParticipantRole.CUSTODY, kind, purpose)


@given(st.sampled_from(list(Purpose)), uint(8), st.sampled_from(AccessKind))
def test_qualified__more_roles__never_less_except_custody(purpose: Purpose, roles: int, kind: AccessKind) -> None:
    fewer = roles & ~int(ParticipantRole.CUSTODY)
    if qualified(fewer, kind, purpose):
        assert qualified(0xFF & ~int(ParticipantRole.CUSTODY), kind, purpose)


def test_qualified__every_purpose_and_kind__as_the_protocol_s_table() -> None:
    table = {
        ParticipantRole.CARE: "TREAT COC HOPERAT HQUALIMP PATSFTY X_CHECKUP_MGMT",
        ParticipantRole.RESEARCH: "HRESCH CLINTRCH BIORCH DSRCH POARCH MLTRAINING",
        ParticipantRole.PUBLIC_HEALTH: "PUBHLTH POPHLTH",
        ParticipantRole.INSURE: "HPAYMT COVERAGE X_INSUW",
        ParticipantRole.SUPERVISE: "HLEGAL GOV",
    }
    expected = {(name, role) for role, names in table.items() for name in names.split()}
    found = {
        (str(purpose.name), role)
        for purpose, role in product(Purpose, ParticipantRole)
        if qualified(int(role), AccessKind.CONSENT, purpose)
    }
    assert found == expected
    emergency = {
        str(purpose.name)
        for purpose in Purpose
        if qualified(int(ParticipantRole.CARE | ParticipantRole.EMERGENCY), AccessKind.EMERGENCY, purpose)
    }
    assert emergency == {"BTG", "ETREAT"}


@given(accesses, subjects)
def test_decide_own__frozen__never_granted(asked: Access, subject: SubjectStanding) -> None:
    code = decide_own(asked, subject)
    assert code in {Code.GRANTED, Code.SUBJECT_FROZEN, Code.UNDEFINED_BITS}
    assert not (subject.frozen and code is Code.GRANTED)


@given(accesses, standings, subjects, times)
def test_decide_emergency__frozen_denied_or_overdue__never_granted(
    asked: Access, known: Standing, subject: SubjectStanding, now: int
) -> None:
    if decide_emergency(asked, known, subject, now) is Code.GRANTED:
        assert not subject.frozen
        assert subject.denial < 2
        assert not subject.overdue
        assert known.roles & ParticipantRole.EMERGENCY


@pytest.mark.parametrize(
    ("minutes", "seconds"), [(0, 3_600), (1, 60), (60, 3_600), (1_440, 86_400), (1_441, 86_400), (2**32 - 1, 86_400)]
)
def test_expiry__session__default_and_cut(minutes: int, seconds: int) -> None:
    assert expiry(consent(session_minutes=minutes), NOW) == NOW + seconds


@given(consents, st.integers(0, 2**40))
def test_expiry__any_consent__never_after_its_end(signed: Consent, now: int) -> None:
    assert expiry(signed, now) <= min(signed.valid_until, now + 86_400)
