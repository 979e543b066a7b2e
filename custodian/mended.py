"""What came of a repair, for the custodian that asked for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from salus.core.ids import LeafHash, ParticipantId, Root, hex32


@dataclass(slots=True)
class Mended:
    """What came of it.

    `batches` looked at, `whole` record versions that were here, `repaired` that came back, `gone` that have a tombstone
    now. `half` lack their inner share of level 5: their sources make new versions. `open` are leaves that did not come
    back, `absent` batches that no t helpers know. `ill_dealt` leaves have shares that never fitted: the source's fault.

    `liars` are helpers whose part was not of the share that the envelope names, by how many leaves showed it; of each
    group of `suspects` one is. `lacking` are helpers without a share of what is open, `alone` are those that told of
    record versions which not all helpers know and which did not come back. `away` are those that failed to help, with
    what they said. `missing` are neither here nor destroyed; what is open is among them.
    """

    block: int = 0
    batches: int = 0
    whole: int = 0
    repaired: int = 0
    gone: int = 0
    half: list[LeafHash] = field(default_factory=list)
    open: list[LeafHash] = field(default_factory=list)
    absent: list[Root] = field(default_factory=list)
    ill_dealt: list[LeafHash] = field(default_factory=list)
    liars: Counter[ParticipantId] = field(default_factory=Counter)
    suspects: set[frozenset[ParticipantId]] = field(default_factory=set)
    lacking: Counter[ParticipantId] = field(default_factory=Counter)
    alone: Counter[ParticipantId] = field(default_factory=Counter)
    away: dict[ParticipantId, str] = field(default_factory=dict)
    missing: int = 0

    @property
    def is_done(self) -> bool:
        """Whether all came back that can."""
        return not (self.open or self.absent or self.missing)

    def lines(self, name: Callable[[ParticipantId], str] = hex32) -> list[str]:
        """What came of it, for people; `name` tells who a custodian is."""
        lines = [
            f"{self.repaired} came back, {self.whole} were here, {self.gone} are destroyed, in {self.batches} batches"
        ]
        if self.half:
            lines.append(
                f"{len(self.half)} of level 5 lack their inner share for good: their sources make new versions"
            )
        if self.open or self.absent:
            lines.append(
                f"{len(self.open)} did not come back, and {len(self.absent)} whole batches; see below, try again"
            )
        elif self.missing:
            lines.append(f"{self.missing} are missing that no helper gives: see `audit` here and at the others")
        lines += [
            f"{name(one)} lied: {count} of its parts or more fit no share, unless their source dealt wrongly"
            for one, count in self.liars.items()
        ]
        lines += [f"one of these lied: {', '.join(sorted(map(name, group)))}" for group in self.suspects]
        lines += [f"{name(one)} lacks {count} of these itself" for one, count in self.lacking.items()]
        lines += [
            f"{name(one)} told of {count} that not all know and that did not come back: made up, or lost by others too"
            for one, count in self.alone.items()
        ]
        lines += [f"{name(one)} did not help once or more: {why}" for one, why in self.away.items()]
        if self.ill_dealt:
            lines.append(f"{len(self.ill_dealt)} have shares that never fitted: their source dealt them wrongly")
        return lines
