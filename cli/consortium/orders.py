"""What the keeper of a world is told: parts it must leave dead, and what a part's environment has besides.

The keeper is the only one that starts parts, so whoever wants one dead for a while, or started otherwise, writes it
here (`keeper.json` of the world's folder) and kills it. The keeper reads the file at each look.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_FILE = "keeper.json"


@dataclass(frozen=True, slots=True)
class Orders:
    """`dead` are names of parts that are not started; `environment` is joined to a part's own, by its name."""

    dead: frozenset[str] = frozenset()
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def leave(self, names: Iterable[str]) -> Orders:
        """Leave these dead, besides those that are."""
        return Orders(self.dead | frozenset(names), self.environment)

    def again(self, names: Iterable[str]) -> Orders:
        """Start these again."""
        return Orders(self.dead - frozenset(names), self.environment)

    def with_environment(self, name: str, more: Mapping[str, str]) -> Orders:
        """Start a part with these variables too; none for none."""
        others = {part: told for part, told in self.environment.items() if part != name}
        return Orders(self.dead, {**others, name: dict(more)} if more else others)


def read_orders(folder: Path) -> Orders:
    """Orders in force in a world; none where nothing was written."""
    try:
        value = json.loads((folder / _FILE).read_text())
    except FileNotFoundError:
        return Orders()
    return Orders(frozenset(value["dead"]), value["environment"])


def write_orders(folder: Path, orders: Orders) -> None:
    """Put orders in force."""
    scratch = folder / f"{_FILE}.new"
    value = {"dead": sorted(orders.dead), "environment": {name: dict(v) for name, v in orders.environment.items()}}
    scratch.write_text(json.dumps(value, indent=1))
    scratch.replace(folder / _FILE)


def forget_orders(folder: Path) -> None:
    """None are in force any more: whoever gave them may have been killed before taking them back."""
    (folder / _FILE).unlink(missing_ok=True)


@contextmanager
def left_dead(folder: Path, name: str) -> Iterator[None]:
    """A part that is stopped is not started again meanwhile."""
    write_orders(folder, read_orders(folder).leave([name]))
    try:
        yield
    finally:
        write_orders(folder, read_orders(folder).again([name]))
