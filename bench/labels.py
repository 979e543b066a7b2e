"""Precision and recall of the labels on the labelled set, the parts held out by themselves.

    python -m bench.labels [FILE …]

Counted in records: a record that should have a topic and has it is found; one that has it and should not is too many.
The set is written by the project (`bench/label_cases.py` tells the format); it is no sample of any hospital's messages.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.label_cases import Case, cases, files, is_held_out, written
from bench.lines import line, run
from oracle.label import VERSION, label
from salus.core.labels import Labels, names

LEVEL_5 = "level 5"


@dataclass(slots=True)
class Count:
    """Records that have something and should, that have it in vain, and that miss it."""

    right: int = 0
    extra: int = 0
    missing: int = 0

    @property
    def precision(self) -> float:
        """Share of the records that have it which should; 1 when none has it."""
        return self.right / (self.right + self.extra) if self.right + self.extra else 1.0

    @property
    def recall(self) -> float:
        """Share of the records that should have it which have; 1 when none should."""
        return self.right / (self.right + self.missing) if self.right + self.missing else 1.0


@dataclass(slots=True)
class Score:
    """Counts by name (level 5, each topic, each category), and the cases whose records aren't exactly as expected."""

    cases: int = 0
    sensitive: int = 0
    counts: dict[str, Count] = field(default_factory=dict)
    wrong: list[tuple[Case, tuple[Labels, ...]]] = field(default_factory=list)


def score(judged: Iterable[Case]) -> Score:
    """Label every case and compare."""
    total = Score()
    for case in judged:
        found = tuple(draft.labels for group in case.groups for draft in label(group))
        total.cases += 1
        total.sensitive += any(one.level == 5 for one in case.expected)
        if found != case.expected:
            total.wrong.append((case, found))
        should, has = _names_of(case.expected), _names_of(found)
        for name in should | has:
            count = total.counts.setdefault(name, Count())
            count.right += min(should[name], has[name])
            count.extra += max(has[name] - should[name], 0)
            count.missing += max(should[name] - has[name], 0)
    return total


def _names_of(records: Iterable[Labels]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in records:
        found.update([LEVEL_5] if one.level == 5 else [])
        found.update(f"topic {name}" for name in names(one.topics))
        found.update(f"category {name}" for name in names(one.categories))
    return found


def _print(name: str, total: Score) -> None:
    exact = total.cases - len(total.wrong)
    figure = f"{exact} of {total.cases} exactly right ({total.sensitive} with a record of level 5)"
    line(f"{name}, tables of {VERSION}", figure, "", "labels")
    for what in sorted(total.counts, key=lambda one: (one != LEVEL_5, one.split()[0] != "topic", one)):
        count = total.counts[what]
        figures = f"precision {count.precision:7.1%}  recall {count.recall:7.1%}"
        sys.stdout.write(
            f"  {what:22} {figures}  ({count.right} right, {count.extra} extra, {count.missing} missing)\n"
        )


def _print_wrong(total: Score) -> None:
    for case, found in total.wrong:
        sys.stdout.write(f"  wrong: {case.id}: {case.why}\n")
        sys.stdout.write(f"    expected {'; '.join(map(written, case.expected))}\n")
        sys.stdout.write(f"    found    {'; '.join(map(written, found))}\n")


def main() -> None:
    """Print the score of the set, and of its parts held out."""
    parser = argparse.ArgumentParser(prog="python -m bench.labels", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"of {', '.join(files())}; all when none is given")
    wanted = parser.parse_args().files or files()
    parts = {name: cases(name) for name in wanted if is_held_out(name)}
    parts["the rest"] = [one for name in wanted if not is_held_out(name) for one in cases(name)]
    for name, judged in parts.items():
        if judged:
            total = score(judged)
            _print(name, total)
            _print_wrong(total)


if __name__ == "__main__":
    run(main)
