"""Writes the vectors that Solidity and Python share: `python -m tests.vectors.generate` (`--check` exits 1 on drift).

Each file is a list of `{"name", "input", "expected"}`; tests/vectors/README.md says what is in them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from tests.vectors.makers import (
    calendar,
    codes,
    digests,
    ids,
    leaves,
    log,
    policy,
    repair,
    terms,
    trees,
    wires,
    words,
)
from tests.vectors.samples import Json

HERE = Path(__file__).resolve().parent
MAKERS: dict[str, Callable[[], list[Json]]] = {
    "calendar": calendar.make,
    "codes": codes.make,
    "digests": digests.make,
    "ids": ids.make,
    "leaves": leaves.make,
    "log": log.make,
    "policy": policy.make,
    "repair": repair.make,
    "terms": terms.make,
    "trees": trees.make,
    "wires": wires.make,
    "words": words.make,
}


def rendered(name: str) -> str:
    """Text of one file: one case a line, members sorted."""
    lines = (json.dumps(made, ensure_ascii=False, sort_keys=True) for made in MAKERS[name]())
    return "[\n" + ",\n".join(lines) + "\n]\n"


def drifted() -> list[str]:
    """Names of the files that are not what the code makes."""
    return [name for name in MAKERS if not _path(name).exists() or _path(name).read_text() != rendered(name)]


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    if parser.parse_args(arguments).check:
        changed = drifted()
        for name in changed:
            print(
                f"{_path(name).name} differs from the code; run `python -m tests.vectors.generate` and look at the diff"
            )
        return 1 if changed else 0
    for name in MAKERS:
        _path(name).write_text(rendered(name))
    return 0


def _path(name: str) -> Path:
    return HERE / f"{name}.json"


if __name__ == "__main__":
    sys.exit(main())
