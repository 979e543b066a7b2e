"""The policy table against Solidity: a field, flag or error that only one of them knows fails here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from salus.adapters.chain.abi import abi_of
from salus.core.access import AccessKind
from salus.core.codes import Code
from salus.core.labels import Action, Category, Flag, Obligation, Purpose
from salus.core.policy import SubjectStanding, decide, decide_own
from salus.core.policy_table import ACCESS, CONSENT_HEAD, CONSENT_SCOPE, FLAGS, TERMS, Enforcer, Rule
from tests.vectors.samples import NOW, access, consent, standing

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
STRUCTS = [
    ("types/Consent.sol", "ConsentHead", CONSENT_HEAD),
    ("types/Consent.sol", "ConsentScope", CONSENT_SCOPE),
    ("types/Access.sol", "Access", ACCESS),
]
RULES = [*CONSENT_HEAD, *CONSENT_SCOPE, *ACCESS, *TERMS.values(), *FLAGS.values()]


def fields_of(source: str, struct: str) -> list[str]:
    """Names of a Solidity struct's fields in order."""
    body = re.search(rf"^struct {struct} \{{(.*?)^\}}", source, re.MULTILINE | re.DOTALL)
    assert body is not None, f"there is no struct {struct}"
    return re.findall(r"^\s+[a-z][a-z0-9]* (\w+);", body[1], re.MULTILINE)


def constants() -> dict[str, str]:
    """Constants of the Solidity library Labels with their expressions."""
    source = (CONTRACTS / "types" / "Labels.sol").read_text()
    return dict(re.findall(r"constant (\w+) = ([^;]+);", source))


@pytest.mark.parametrize(("file", "struct", "rules"), STRUCTS, ids=[struct for _, struct, _ in STRUCTS])
def test_table__of_a_solidity_struct__names_every_field_in_order(
    file: str, struct: str, rules: tuple[Rule, ...]
) -> None:
    assert [rule.name for rule in rules] == fields_of((CONTRACTS / file).read_text(), struct)


def test_fields__new_one_in_solidity__is_seen() -> None:
    source = "struct Access {\n    uint8 kind;\n    /// What for.\n    bytes32 reason;\n}\n"
    assert fields_of(source, "Access") == ["kind", "reason"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("PURPOSES", Purpose),
        ("CATEGORIES", Category),
        ("ACTIONS", Action),
        ("OBLIGATIONS", Obligation),
        ("FLAGS", Flag),
    ],
)
def test_mask__of_solidity__is_all_the_bits_that_have_a_name(name: str, kind: Any) -> None:
    assert eval(constants()[name], {}) == sum(kind)


def test_flags__that_must_be_zero__are_those_of_solidity() -> None:
    found = constants()
    names = [name.strip() for name in found["FLAGS_UNSUPPORTED"].split("|")]
    mask = sum(eval(found[name], {}) for name in names)
    assert mask == sum(int(flag) for flag, rule in FLAGS.items() if rule.enforcer is Enforcer.ZERO)


def test_breaches__every_error_named__is_in_an_abi() -> None:
    known = {error.name for name in ("ConsentRegistry", "AccessGateway") for error in abi_of(name).errors.values()}
    named = {word for rule in RULES for word in re.findall(r"\b(?:ConsentRegistry|AccessGateway)\w+", rule.breach)}
    assert named
    assert named <= known


def test_breaches__of_what_a_machine_enforces__are_never_empty() -> None:
    machines = {Enforcer.REGISTRY, Enforcer.GATEWAY, Enforcer.CUSTODIAN, Enforcer.ZERO}
    assert not [rule.name for rule in RULES if rule.enforcer in machines and not rule.breach]


# What the table says zero means in an access under a consent, tried.
ZEROS: list[tuple[dict[str, Any], Code]] = [
    ({"categories": 0}, Code.CATEGORY_NOT_ALLOWED),
    ({"actions": 0}, Code.ACTION_NOT_ALLOWED),
    ({"level": 0}, Code.LEVEL_TOO_HIGH),
    ({"confidentiality": 0}, Code.GRANTED),
    ({"form": 0}, Code.GRANTED),
    ({"from_day": 0}, Code.OUTSIDE_WINDOW),
    ({"to_day": 0}, Code.OUTSIDE_WINDOW),
    ({"role": 0}, Code.GRANTED),
    ({"user_digest": bytes(32)}, Code.GRANTED),
    ({"salt": bytes(32)}, Code.GRANTED),
]


@pytest.mark.parametrize(("asked", "code"), ZEROS, ids=[next(iter(asked)) for asked, _ in ZEROS])
def test_zero__of_an_access_field__means_what_the_table_says(asked: dict[str, Any], code: Code) -> None:
    assert decide(access(**asked), consent(), standing(), NOW) is code


@pytest.mark.parametrize("field", ["categories", "level", "actions"])
def test_zero__in_an_own_access__is_no_reason_to_deny(field: str) -> None:
    asked = access(kind=AccessKind.OWN, purpose=Purpose.PATRQT, **{field: 0})
    assert decide_own(asked, SubjectStanding(frozen=False, denial=0, overdue=False)) is Code.GRANTED
