"""Writes the reference pages that come from code into docs/: errors, policy, settings, cli, labels and metrics.

python -m tools.docs           write the pages
python -m tools.docs --check   exit 1 if one differs from what the code says
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum, IntFlag
from pathlib import Path

from salus.core import errors, policy_table
from salus.core.access import AccessKind
from salus.core.codes import EXPLANATIONS, Code
from salus.core.labels import Action, Category, Confidentiality, Form, Obligation, Purpose, Role, Topic
from salus.core.policy import ParticipantRole, qualified
from salus.core.policy_table import Rule
from tools import docs_cli, docs_labels, docs_metrics, docs_settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
_BLOCKS: tuple[tuple[int, str], ...] = (
    (1, "AccessGateway, on chain"),
    (50, "AccessGateway, on chain, and custodians"),
    (52, "custodians and APIs"),
    (53, "AccessGateway, on chain, and custodians"),
    (100, "custodian, whole call"),
    (140, "custodian, one record"),
    (170, "custodian, whole call"),
    (190, "custodian, deposit"),
)
_HEADS = ("Field", "Enforced by", "What it says", "Zero means", "A breach gives")


def errors_page() -> str:
    """Every outcome code and every error of the core."""
    codes = [(str(int(code)), f"`{code.name}`", decided_by(code), EXPLANATIONS[code]) for code in Code]
    kinds = [(f"{'· ' * depth}`{kind.__name__}`", _first_line(kind), kind.advice) for depth, kind in _tree()]
    return _page(
        "Codes and errors",
        "tools/docs.py from `salus/core/codes.py` and `salus/core/errors.py`",
        "Codes are one append-only table, the same in Solidity (`contracts/types/Codes.sol`, `LaterCodes.sol`), Python "
        "and `tests/vectors/codes.json`. On chain a code below 100 is the outcome of a recorded request; custodians "
        "answer the others over HTTP.",
        _section("Codes", ("Code", "Name", "Decided by", "What it means and what to do"), codes),
        "`NOT_CONTROLLER` is an answer of custodians and APIs; the gateway reverts instead of recording such a "
        "request.",
        _section("Errors", ("Error", "When", "What to do"), kinds),
    )


def policy_page() -> str:
    """Every field with its enforcer, and the vocabularies the masks are made of."""
    table = policy_table
    return _page(
        "Policy of ruleset 1",
        "tools/docs.py from `salus/core/policy_table.py`, `salus/core/policy.py` and `salus/core/labels.py`",
        "Every field has one enforcer. What custodians check beside the gateway is said in the field's own words. Bits "
        "that are not defined below deny.",
        _section("Consent: head, in clear at grant", _HEADS, map(_row, table.CONSENT_HEAD)),
        _section("Consent: scope, hidden until it is used", _HEADS, map(_row, table.CONSENT_SCOPE)),
        _section("Access", _HEADS, map(_row, table.ACCESS)),
        _section(
            "Terms, opened field by field",
            ("Number", *_HEADS),
            ((str(int(field)), *_row(rule)) for field, rule in table.TERMS.items()),
        ),
        _section(
            "Flags",
            ("Bit", "Flag", "Enforced by", "Set means", "A breach gives"),
            (
                (_bit(flag), f"`{rule.name}`", rule.enforcer.value, rule.meaning, rule.breach)
                for flag, rule in table.FLAGS.items()
            ),
        ),
        _section("Who may ask for a purpose", ("Bit", "Purpose", "Role needed"), _purposes()),
        _section("Participant roles", ("Bit", "Role"), _members(ParticipantRole)),
        _section("Categories", ("Bit", "Category"), _members(Category)),
        _section("Actions", ("Bit", "Action"), _members(Action)),
        _section("Obligations", ("Bit", "Obligation"), _members(Obligation)),
        _section("Sensitive topics", ("Bit", "Topic"), _members(Topic)),
        _section("Forms", ("Value", "Form"), _members(Form)),
        _section("Confidentiality", ("Value", "Code"), _members(Confidentiality)),
        _section("Roles of persons", ("Value", "Role"), _members(Role)),
    )


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "policy.md": policy_page,
    "settings.md": docs_settings.page,
    "cli.md": docs_cli.page,
    "labels.md": docs_labels.page,
    "metrics.md": docs_metrics.page,
}


def decided_by(code: Code) -> str:
    """Who gives a code."""
    return next(who for first, who in reversed(_BLOCKS) if code >= first)


def drifted() -> list[str]:
    """Names of the pages that are not what the code says."""
    return [name for name, make in PAGES.items() if not (DOCS / name).exists() or (DOCS / name).read_text() != make()]


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page would change")
    if parser.parse_args(arguments).check:
        changed = drifted()
        for name in changed:
            print(f"docs/{name} differs from the code; run `python -m tools.docs` and look at the diff")
        return 1 if changed else 0
    for name, make in PAGES.items():
        (DOCS / name).write_text(make())
    return 0


def _tree(
    kind: type[errors.SalusError] = errors.SalusError, depth: int = 0
) -> Iterator[tuple[int, type[errors.SalusError]]]:
    yield depth, kind
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    for child in sorted(below, key=lambda each: inspect.getsourcelines(each)[1]):
        yield from _tree(child, depth + 1)


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def _row(rule: Rule) -> tuple[str, ...]:
    name = rule.name if " " in rule.name else f"`{rule.name}`"
    return name, rule.enforcer.value, rule.meaning, rule.zero, rule.breach


def _purposes() -> Iterator[tuple[str, ...]]:
    for purpose in Purpose:
        roles = [str(role.name) for role in ParticipantRole if qualified(role, AccessKind.CONSENT, purpose)]
        if qualified(ParticipantRole.CARE | ParticipantRole.EMERGENCY, AccessKind.EMERGENCY, purpose):
            roles = ["CARE and EMERGENCY, in an emergency only"]
        if purpose is Purpose.PATRQT:
            roles = ["none: the patient, without a consent"]
        yield _bit(purpose), f"`{purpose.name}`", ", ".join(roles) or "none: never qualified by a consent"


def _members(kind: type[IntFlag | IntEnum]) -> Iterator[tuple[str, ...]]:
    for member in kind:
        yield (_bit(member) if isinstance(member, IntFlag) else str(int(member))), f"`{member.name}`"


def _bit(member: IntFlag) -> str:
    return str(int(member).bit_length() - 1)


def _section(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, ("---",) * len(heads), *rows)]
    return f"## {title}\n\n" + "\n".join(line.replace("|  |", "| |") for line in lines)


def _page(title: str, origin: str, *parts: str) -> str:
    return (
        f"# {title}\n\nGenerated by {origin}; change those and run `python -m tools.docs`.\n\n"
        + "\n\n".join(parts)
        + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
