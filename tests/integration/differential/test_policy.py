"""Policy.sol and salus.core.policy decide alike: 10,000 random requests here, 200,000 in `make test-deep`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from salus.core.access import EMERGENCY_SESSION_SECONDS, OWN_SESSION_SECONDS, AccessKind
from salus.core.codes import Code
from salus.core.ids import address_bytes
from salus.core.policy import decide, decide_emergency, decide_own, expiry
from tests.integration.differential.conftest import Solidity
from tests.integration.differential.requests import Case, RandomCases

_TOGETHER = 1000
_OWN_EVERY = 7
BY_CONSENT = {
    Code.GRANTED,
    Code.PARTICIPANT_INACTIVE,
    Code.ACCREDITATION_EXPIRED,
    Code.NOT_QUALIFIED,
    Code.CONSENT_REVOKED,
    Code.CONSENT_REPLACED,
    Code.CONSENT_VOID,
    Code.CONSENT_NOT_YET_VALID,
    Code.CONSENT_EXPIRED,
    Code.CONSENT_USED_UP,
    Code.GRANTEE_MISMATCH,
    Code.PURPOSE_NOT_ALLOWED,
    Code.ACTION_NOT_ALLOWED,
    Code.CATEGORY_NOT_ALLOWED,
    Code.LEVEL_TOO_HIGH,
    Code.CONFIDENTIALITY_TOO_HIGH,
    Code.FORM_TOO_IDENTIFIED,
    Code.OUTSIDE_WINDOW,
    Code.FLAG_NOT_SUPPORTED,
    Code.UNDEFINED_BITS,
    Code.RULESET_UNKNOWN,
    Code.MALFORMED_CONSENT,
}
BY_EMERGENCY = {Code.SUBJECT_FROZEN, Code.SUBJECT_DENIES, Code.EMERGENCY_BLOCKED}


def _words(*values: int | bytes | str) -> list[int]:
    return [_word(value) for value in values]


def _word(value: int | bytes | str) -> int:
    if isinstance(value, str):
        value = address_bytes(value)  # type: ignore[arg-type] # the only texts among words are addresses
    return int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)


def _standing(case: Case) -> list[int]:
    return _words(case.standing.status, case.standing.roles, case.standing.accredited_until)


def _asked(case: Case) -> tuple[str, list[int]]:
    """The function that decides a case, and its argument words."""
    access = _words(*case.access.to_words())
    if case.access.kind is AccessKind.OWN:
        return "decideOwn", [*access, int(case.subject.frozen), case.now]
    if case.access.kind is AccessKind.EMERGENCY:
        last = [int(case.subject.frozen), case.subject.denial, int(case.subject.overdue), case.now]
        return "decideEmergency", [*_standing(case), *access, *last]
    stands = case.standing
    slot = int(stands.consent_status) | stands.uses_left << 8 | stands.consent_epoch << 40 | case.now << 104
    consent = _words(*case.consent.to_words())
    return "decide", [*_standing(case), slot, stands.holder_epoch, *consent, *access, case.now]


def _here(case: Case) -> tuple[int, int]:
    """Code and expiry that Python gives."""
    if case.access.kind is AccessKind.OWN:
        code, until = decide_own(case.access, case.subject), case.now + OWN_SESSION_SECONDS
    elif case.access.kind is AccessKind.EMERGENCY:
        code = decide_emergency(case.access, case.standing, case.subject, case.now)
        until = case.now + EMERGENCY_SESSION_SECONDS
    else:
        code, until = decide(case.access, case.consent, case.standing, case.now), expiry(case.consent, case.now)
    return int(code), until if code is Code.GRANTED else 0


def _compared(solidity: Solidity, cases: Iterator[Case], count: int) -> Counter[Code]:
    """Outcomes of so many cases, after both sides agreed on each."""
    seen: Counter[Code] = Counter()
    for start in range(0, count, _TOGETHER):
        batch = [next(cases) for _ in range(min(_TOGETHER, count - start))]
        asked = [_asked(case) for case in batch]
        for name in ("decide", "decideOwn", "decideEmergency"):
            chosen = [(case, words) for case, (function, words) in zip(batch, asked, strict=True) if function == name]
            there = solidity.call(name, [words for _, words in chosen])
            for (case, _), answer in zip(chosen, there, strict=True):
                assert answer == _here(case), case
                seen[Code(answer[0])] += 1
    return seen


def _cases(seed: int) -> Iterator[Case]:
    source = RandomCases(seed)
    while True:
        yield source.case()


@pytest.mark.parametrize(
    ("count", "least"), [(10_000, 5), pytest.param(200_000, 120, marks=[pytest.mark.deep, pytest.mark.timeout(900)])]
)
def test_policy__random_requests__solidity_and_python_decide_alike(solidity: Solidity, count: int, least: int) -> None:
    seen = _compared(solidity, _cases(20_261_127), count)
    assert set(seen) == BY_CONSENT | BY_EMERGENCY
    assert min(seen.values()) >= least, seen
    assert seen[Code.GRANTED] > count // 10
