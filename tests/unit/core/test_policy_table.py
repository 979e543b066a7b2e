from typing import Any

import pytest

from salus.core.access import ACCESS_TYPE
from salus.core.codes import Code
from salus.core.consent import HEAD_TYPE, SCOPE_TYPE, TermField
from salus.core.eip712 import StructType
from salus.core.labels import Flag
from salus.core.policy import decide
from salus.core.policy_table import ACCESS, CONSENT_HEAD, CONSENT_SCOPE, FLAGS, TERMS, Enforcer, Rule
from tests.vectors.samples import NOW, access, consent, standing

TABLES = [(CONSENT_HEAD, HEAD_TYPE), (CONSENT_SCOPE, SCOPE_TYPE), (ACCESS, ACCESS_TYPE)]
RULES = [*CONSENT_HEAD, *CONSENT_SCOPE, *ACCESS, *TERMS.values(), *FLAGS.values()]


@pytest.mark.parametrize(("rules", "kind"), TABLES, ids=lambda value: getattr(value, "name", "table"))
def test_table__of_a_struct__every_field_once_in_order(rules: tuple[Rule, ...], kind: StructType) -> None:
    assert [rule.name for rule in rules] == [name for _, name in kind.members]


def test_table__terms_and_flags__every_one() -> None:
    assert set(TERMS) == set(TermField)
    assert set(FLAGS) == set(Flag)


def test_table__every_rule__says_what_and_what_zero_means() -> None:
    assert all(rule.meaning and rule.zero for rule in RULES)
    assert all("|" not in text for rule in RULES for text in (rule.meaning, rule.zero, rule.breach))


def test_table__must_be_zero__exactly_the_flags_the_gateway_denies() -> None:
    denied = {
        flag for flag in Flag if decide(access(), consent(flags=int(flag)), standing(), NOW) is Code.FLAG_NOT_SUPPORTED
    }
    assert {flag for flag, rule in FLAGS.items() if rule.enforcer is Enforcer.ZERO} == denied


# What the table says zero means, tried: field of the consent, and what else has to change for zero to be seen.
ZEROS: list[tuple[dict[str, Any], dict[str, Any], Code]] = [
    ({"grantee": bytes(32)}, {}, Code.GRANTEE_MISMATCH),
    ({"purposes": 0}, {}, Code.PURPOSE_NOT_ALLOWED),
    ({"categories": 0}, {}, Code.CATEGORY_NOT_ALLOWED),
    ({"actions": 0}, {}, Code.ACTION_NOT_ALLOWED),
    ({"max_level": 0}, {"level": 1}, Code.LEVEL_TOO_HIGH),
    ({"max_confidentiality": 0}, {"confidentiality": 0}, Code.GRANTED),
    ({"max_confidentiality": 0}, {"confidentiality": 1}, Code.CONFIDENTIALITY_TOO_HIGH),
    ({"min_form": 0}, {"form": 0}, Code.GRANTED),
    ({"window_months": 0, "from_day": 20_000, "to_day": 20_800}, {}, Code.GRANTED),
    ({"window_months": 0}, {}, Code.OUTSIDE_WINDOW),
    ({"window_months": 0, "from_day": 0, "to_day": 20_800}, {}, Code.GRANTED),
    ({"valid_from": 0}, {}, Code.GRANTED),
    ({"valid_until": 0}, {}, Code.MALFORMED_CONSENT),
    ({"session_minutes": 0}, {}, Code.GRANTED),
    ({"obligations": 0}, {}, Code.GRANTED),
    ({"flags": 0}, {}, Code.GRANTED),
    ({"ruleset": 0}, {}, Code.RULESET_UNKNOWN),
    ({"terms": bytes(32)}, {}, Code.GRANTED),
    ({"max_uses": 0}, {}, Code.GRANTED),
]


@pytest.mark.parametrize(
    ("signed", "asked", "code"),
    ZEROS,
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else value.name,
)
def test_zero__of_a_consent_field__means_what_the_table_says(
    signed: dict[str, Any], asked: dict[str, Any], code: Code
) -> None:
    assert decide(access(**asked), consent(**signed), standing(), NOW) is code
