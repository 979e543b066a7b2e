"""How much of the FHIR that others expect of HL7 messages our mapping makes: precision and recall by resource type.

    python -m bench.fhir_score [--missing]

Recall: share of the expected elements that are right. Precision: share of the elements we made, in resources that match
an expected one, that were expected; what we add (display names, types, what FHIR requires) lowers it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.fhir_expected import EMPTY, RULES, TYPES, UNREACHED, asked, leaves
from bench.fhir_match import match
from bench.fhir_pairs import PAIRS, pairs
from bench.lines import line, run

GOAL = 0.90


@dataclass(slots=True)
class Score:
    """Counts of elements over all pairs, by resource type."""

    pairs: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    made_right: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of the expected elements that are right."""
        return self.right.total() / self.asked.total() if self.asked else 0.0


def score(folder: Path = PAIRS) -> Score:
    """Score all pairs of a folder."""
    total = Score()
    for pair in pairs(folder):
        total.pairs += 1
        total.refused.extend(f"{pair.name}: {reason}" for reason in pair.refused)
        found = asked(pair.expected)
        total.excluded.update(found.excluded)
        matched = match(found.resources, pair.ours)
        for outcome in matched.outcomes:
            total.asked[outcome.kind] += outcome.asked
            total.right[outcome.kind] += outcome.right
            total.wrong.update(f"{outcome.kind}.{path} = {value}" for path, value in outcome.wrong)
        for key, right in matched.ours.items():
            own = pair.ours[key]
            total.made[own["resourceType"]] += _made(own)
            total.made_right[own["resourceType"]] += right
    return total


def _made(resource: Any) -> int:
    """Elements we made. A reference is one, however it is written; ids aren't any."""
    if isinstance(resource, dict):
        if "resourceType" not in resource and ("reference" in resource or isinstance(resource.get("type"), str)):
            return 1
        return sum(_made(part) for name, part in resource.items() if name not in ("resourceType", "id"))
    return sum(map(_made, resource)) if isinstance(resource, list) else leaves(resource)


def main() -> int:
    """Print the score; 1 when it is under the goal."""
    parser = argparse.ArgumentParser(prog="python -m bench.fhir_score", description=__doc__.partition("\n")[0])
    parser.add_argument("--missing", action="store_true", help="name the expected elements that aren't right")
    told = parser.parse_args()
    if not PAIRS.is_dir():
        sys.stdout.write(f"fhir_score: skipped, no samples ../shared/samples/{PAIRS.name} beside the repository\n")
        return 0
    found = score()
    write_table(found)
    if told.missing:
        for name, number in found.wrong.most_common():
            sys.stdout.write(f"  missing {number:4} {name}\n")
    figure = f"{found.share:.1%} of {found.asked.total():,} expected elements right in {found.pairs} pairs"
    line("FHIR as others expect it", figure, f"{GOAL:.0%}", "fhir_score")
    return 0 if found.share >= GOAL else 1


def write_table(found: Score) -> None:
    """Tables of the score and of what isn't asked."""
    out = sys.stdout.write
    out(f"{'resource':20}{'expected':>9}{'right':>7}{'recall':>8}{'precision':>11}\n")
    for kind, number in found.asked.most_common():
        right, made = found.right[kind], found.made[kind]
        precision = f"{found.made_right[kind] / made:.0%}" if made else "-"
        out(f"{kind:20}{number:9}{right:7}{right / number if number else 1:8.0%}{precision:>11}\n")
    out("\nnot asked, in elements:\n")
    reasons = TYPES | {rule.name: rule.reason for rule in RULES}
    reasons |= {UNREACHED: "only what isn't asked refers to it", EMPTY: "see the other rules"}
    for name, number in found.excluded.most_common():
        out(f"{number:7}  {name}: {reasons[name]}\n")
    for reason in found.refused:
        out(f"refused  {reason}\n")
    out("\n")


if __name__ == "__main__":
    run(lambda: sys.exit(main()))
