from salus.core.codes import EXPLANATIONS, RULESET, Code

# A frozen copy: a number or a name that stands here never changes; new ones are added at the end of their block.
FROZEN = {
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
    "PURPOSE_NOT_ALLOWED": 30,
    "ACTION_NOT_ALLOWED": 31,
    "CATEGORY_NOT_ALLOWED": 32,
    "LEVEL_TOO_HIGH": 33,
    "CONFIDENTIALITY_TOO_HIGH": 34,
    "FORM_TOO_IDENTIFIED": 35,
    "OUTSIDE_WINDOW": 36,
    "FLAG_NOT_SUPPORTED": 37,
    "UNDEFINED_BITS": 38,
    "RULESET_UNKNOWN": 39,
    "MALFORMED_CONSENT": 40,
    "SUBJECT_FROZEN": 50,
    "SUBJECT_DENIES": 51,
    "NOT_CONTROLLER": 52,
    "EMERGENCY_BLOCKED": 53,
    "ACCESS_UNKNOWN": 100,
    "ACCESS_NOT_FINAL": 101,
    "ACCESS_DENIED": 102,
    "ACCESS_EXPIRED": 103,
    "ACCESS_FROZEN": 104,
    "ACCESS_MISMATCH": 105,
    "NOT_OPERATOR": 106,
    "SESSION_KEY_MISMATCH": 107,
    "CALL_REPLAYED": 108,
    "CALL_STALE": 109,
    "SIGNATURE_INVALID": 110,
    "RECORDS_ROOT_MISMATCH": 120,
    "RECORD_COUNT_MISMATCH": 121,
    "RECORDS_NOT_DISTINCT": 122,
    "TOO_MANY_RECORDS": 123,
    "LINK_MISSING": 124,
    "LINK_INVALID": 125,
    "TERMS_INVALID": 126,
    "RECORD_UNKNOWN": 140,
    "RECORD_UNANCHORED": 141,
    "RECORD_OTHER_SUBJECT": 142,
    "RECORD_OTHER_SOURCE": 143,
    "RECORD_OUTSIDE_CATEGORIES": 144,
    "RECORD_OUTSIDE_DAYS": 145,
    "RECORD_ABOVE_LEVEL": 146,
    "RECORD_ABOVE_CONFIDENTIALITY": 147,
    "RECORD_TOO_IDENTIFIED": 148,
    "RECORD_TOPIC_NOT_ALLOWED": 149,
    "RECORD_INVALID": 150,
    "RECORD_SUPERSEDED": 151,
    "RECORD_DESTROYED": 152,
    "RECORD_EXCLUDED": 153,
    "RECORD_RETENTION_OVER": 154,
    "NODE_STALE": 170,
    "CHAIN_SHORTENED": 171,
    "CUSTODIAN_INACTIVE": 172,
    "DEPOSIT_FORGED": 190,
    "DEPOSIT_MISMATCH": 191,
    "DEPOSIT_NOT_MEMBER": 192,
    "DEPOSIT_NOT_SOURCE": 193,
}


def test_codes__frozen_names__keep_their_numbers() -> None:
    now = {code.name: int(code) for code in Code}
    assert {name: now.get(name) for name in FROZEN} == FROZEN


def test_codes__numbers__used_once_and_fit_the_access_slot() -> None:
    assert len(Code.__members__) == len(list(Code))
    assert all(0 < code < 2**16 for code in Code)


def test_codes__every_code__has_an_explanation_that_is_a_sentence() -> None:
    assert set(EXPLANATIONS) == set(Code)
    assert all(text[0].isupper() and text.endswith(".") for text in EXPLANATIONS.values())


def test_ruleset__of_this_gateway__one() -> None:
    assert RULESET == 1
