"""Whether everything that was promised came about, once: told from the chain, the oracles' and custodians' databases.

| count | what it is |
| --- | --- |
| lost | a message answered AA without its record versions anchored; an access answered without its entry on chain |
| | the envelope of an anchored version that can't be had any more |
| doubled | a message kept twice, a root anchored twice, a leaf in two batches, an access with two entries |
| early | a custodian's release whose access was not granted at a block that was final by then |
| broken | nodes of different final chains, a log that does not recompute, a batch that is not what was anchored |
| | an envelope or a leaf that is not what was anchored |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cli.consortium.drill.senders import Owed
from cli.world.cast import Name
from salus.core.ids import AccessId

_NAMED = 20


@dataclass(slots=True)
class Counts:
    """What was looked at, and what is wrong. `named` says more of the first wrong ones."""

    messages: int = 0
    versions: int = 0
    anchors: int = 0
    accesses: int = 0
    releases: int = 0
    entries: int = 0
    envelopes: int = 0
    lost: int = 0
    doubled: int = 0
    early: int = 0
    broken: int = 0
    named: list[str] = field(default_factory=list)

    @property
    def all_right(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.early or self.broken)

    def differ(self, kind: str, what: str) -> None:
        """Count something wrong: kind is the name of a count."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.named) < _NAMED:
            self.named.append(f"{kind}: {what}")


@dataclass(frozen=True, slots=True)
class Promises:
    """What people were told: messages by source, accesses granted and denied."""

    messages: Mapping[Name, list[Owed]]
    granted: list[AccessId]
    denied: list[AccessId]
