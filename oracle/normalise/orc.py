"""ORC: what orders of every kind share, and how a message is cut into its orders.

    ORC ─ TQ1* ─ OBR | RXO ─ RXE | RXD | RXA ─ (NTE, RXR, DG1, OBX, SPM …)*      in the order sent

A new order begins at each ORC, and at a detail segment when the order has that one already. An order is known by its
placer number (ORC-2, else the detail's), because that is there first and stays; by its filler number only when it has
no other. HL7 lets one number stand for one order (v2.9 section 4.5.1.2), so the ordered service is not in the key: a
cancel needn't name it.
Source: HL7 v2.9 section 4.5.1; segment maps ORC[ServiceRequest] and ORC[Immunization] of HL7/v2-to-fhir.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from oracle.hl7.errors import Condition
from oracle.hl7.message import Repetition, Segment
from oracle.hl7.timestamps import Stamp
from oracle.normalise.datatypes import (
    Authority,
    authority,
    entity_identifier,
    practitioner,
    table_concept,
)
from oracle.normalise.diagnosis import reason
from oracle.normalise.errors import NormaliseError
from oracle.normalise.local import is_local
from oracle.normalise.order_tables import ORDER_CONTROL, PRIORITY
from oracle.normalise.reading import Reading, join_key, numbered
from oracle.normalise.tables import ORDER_STATUS
from salus.core.record import Code, DraftStatus

Json = dict[str, Any]

MAPPED = frozenset({1, 2, 3, 4, 5, 7, 9, 12, 15, 16, 21, 28})
# How many segments a message may share out to several records, all records together
MOST_COPIES = 20_000
_NTE_MAPPED = frozenset({1, 2, 3})
_PRIOR_RESULT = "PR"
# Segments of the message as a whole, which every mapping reads by itself
SHARED = frozenset({"MSH", "SFT", "EVN", "PID", "PD1", "PV1", "ARV"})


@dataclass(slots=True)
class Order:
    """Segments of one order, as they come. `notes` are the words of NTE that follow no result, `own` Z segments."""

    orc: Segment | None
    pid: Segment | None
    pv1: Segment | None
    details: dict[str, Segment] = field(default_factory=dict)
    parts: list[Segment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    results: list[tuple[Segment, list[str]]] = field(default_factory=list)
    own: list[Segment] = field(default_factory=list)

    def all(self, name: str) -> list[Segment]:
        """Further segments of that name, in order."""
        return [segment for segment in self.parts if segment.name == name]

    def first(self, name: str) -> Segment | None:
        """The first further segment of that name."""
        return next(iter(self.all(name)), None)

    def number(self, field: int) -> Repetition | None:
        """The order's number in a field of the ORC, else of the OBR (2 placer, 3 filler)."""
        for segment in (self.orc, self.details.get("OBR")):
            if segment is not None and segment.value(field):
                return segment.first(field)
        return None

    def leave_out(self, reading: Reading) -> None:
        """Say that nothing of this order is mapped."""
        results = (obx for obx, _ in self.results)
        for segment in (*((self.orc,) if self.orc else ()), *self.details.values(), *self.parts, *results):
            reading.leave_out(segment)

    @property
    def place(self) -> Segment:
        """The segment errors point to."""
        return self.orc or next(iter(self.details.values()))


def collect(
    reading: Reading,
    ranks: Mapping[str, int],
    parts: frozenset[str],
    *,
    specimen_first: bool = False,
    repeats: str = "",
    what: str = "order",
) -> list[Order]:
    """Cut a message into orders, as `cut`; `what` it holds is for the error.

    Raises:
        NormaliseError: the message has no order.
    """
    found = cut(reading, reading.message.segments, ranks, parts, specimen_first=specimen_first, repeats=repeats)
    if not found:
        raise NormaliseError(
            f"the message has no {what}", reading.message.header.at(), condition=Condition.SEGMENT_SEQUENCE
        )
    return found


def cut(
    reading: Reading,
    segments: Iterable[Segment],
    ranks: Mapping[str, int],
    parts: frozenset[str],
    *,
    specimen_first: bool = False,
    repeats: str = "",
) -> list[Order]:
    """Cut segments into orders.

    `ranks` are the segments an order begins with; `parts` those that may follow. With `specimen_first` an SPM and its
    results belong to all orders after it (OML^O33, O35). `repeats` names a detail that may come several times for one
    ORC. Segments that are none of these, notes of the whole message, and prior results sent along (ORC-1 PR) are left
    out by name.
    """
    state = _Cut(reading, ranks, parts, specimen_first, repeats)
    for segment in segments:
        if not state.take(segment):
            reading.leave_out(segment)
    found = []
    for order in state.orders:
        if control(order.orc) == _PRIOR_RESULT:
            order.leave_out(reading)
        else:
            found.append(order)
    return found


class _Cut:
    """State of cutting a message: the last segment's name and the highest rank the present order has reached."""

    def __init__(
        self, reading: Reading, ranks: Mapping[str, int], parts: frozenset[str], specimen_first: bool, repeats: str
    ) -> None:
        self.orders: list[Order] = []
        self._reading = reading
        self._early: list[Segment] = []  # Z segments before the first order
        self._ranks, self._parts, self._specimen_first, self._repeats = ranks, parts, specimen_first, repeats
        self._pid: Segment | None = None
        self._pv1: Segment | None = None
        self._lead: Order | None = None
        self._reached, self._last = -1, ""
        self._copied = 0

    def take(self, segment: Segment) -> bool:
        """Put a segment where it belongs; whether there is such a place."""
        name = segment.name
        taken = True
        if name == "PID":
            self._pid, self._pv1, self._reached = segment, None, -1
        elif name == "PV1":
            self._pv1 = segment
        elif name == "SPM" and self._specimen_first:
            self._lead, self._reached = Order(None, self._pid, self._pv1, parts=[segment]), -1
        elif name in self._ranks:
            self._detail(segment)
        elif name in self._parts and (self.orders or self._lead):
            self._add(self._lead if self._reached < 0 and self._lead else self.orders[-1], segment)
        elif is_local(segment):
            (self.orders[-1].own if self.orders else self._early).append(segment)
        else:
            taken = name in SHARED
        self._last = name if name != "NTE" else self._last
        return taken

    def _detail(self, segment: Segment) -> None:
        rank = self._ranks[segment.name]
        if self._reached < 0 or rank <= self._reached:
            shared = self.orders[-1].orc if self._reached >= 0 and segment.name == self._repeats else None
            self.orders.append(self._begin())
            self.orders[-1].orc = shared
            if len(self.orders) == 1:
                self.orders[0].own = self._early
        self._reached = rank
        if segment.name == "ORC":
            self.orders[-1].orc = segment
        else:
            self.orders[-1].details[segment.name] = segment

    def _add(self, order: Order, segment: Segment) -> None:
        """Put a segment into its order; words go to the result or to the order they follow."""
        if segment.name == "NTE":
            after_result = self._last == "OBX" and order.results
            add_note(self._reading, segment, order.results[-1][1] if after_result else order.notes)
        elif segment.name == "OBX":
            order.results.append((segment, []))
        else:
            order.parts.append(segment)

    def _begin(self) -> Order:
        lead = self._lead
        if lead is None:
            return Order(None, self._pid, self._pv1)
        self._copied += len(lead.parts) + len(lead.results)
        if self._copied > MOST_COPIES:
            raise NormaliseError("too many orders share too many specimen results", lead.parts[0].at())
        return Order(
            None, self._pid, self._pv1, parts=list(lead.parts), notes=list(lead.notes), results=list(lead.results)
        )


def add_note(reading: Reading, nte: Segment, notes: list[str]) -> None:
    """Keep the words of an NTE."""
    reading.leave_out_rest(nte, _NTE_MAPPED)
    text = "\n".join(one.whole() for one in nte.repetitions(3)).strip()
    if text:
        notes.append(text)


def order_key(kind: str, order: Order, home: Authority, used: Counter[str], *more: str) -> str:
    """Key of an order, or of what was done for it (`more`).

    Raises:
        NormaliseError: neither placer nor filler number.
    """
    for number, word in ((2, kind), (3, f"{kind}-by-filler")):
        found = order.number(number)
        if found:
            owner = authority(*(found.value(place) for place in (2, 3, 4)))
            return numbered(join_key(word, home.key, owner.key if owner else "", found.value(1), *more), used)
    raise NormaliseError("the order has neither a placer nor a filler number", order.place.at(2))


def order_identifiers(order: Order, home: Authority) -> list[Json]:
    """Placer and filler number."""
    found = []
    for number, kind in ((2, "PLAC"), (3, "FILL")):
        sent = order.number(number)
        one = entity_identifier(sent, home, kind) if sent else None
        if one:
            found.append(one)
    return found


def placed_order(order: Order, home: Authority, resource: str) -> Json | None:
    """Logical reference to the order something was done for."""
    sent = order.number(2) or order.number(3)
    one = entity_identifier(sent, home, "PLAC") if sent else None
    return {"type": resource, "identifier": {"system": one["system"], "value": one["value"]}} if one else None


def requisition(orc: Segment | None, home: Authority) -> Json | None:
    """ORC-4, the group number; of type EIP its placer part."""
    if orc is None or not orc.value(4):
        return None
    owner = authority(*(orc.value(4, 1, place) for place in (2, 3, 4))) or authority(
        *(orc.value(4, place) for place in (2, 3, 4))
    )
    return {"type": table_concept("PGN", "0203"), "system": (owner or home).system, "value": orc.value(4)}


# ORC: fields and the elements they alone fill, for explicit nulls
ORC_ELEMENTS = {4: ("requisition", "groupIdentifier"), 12: ("requester",), 16: ("statusReason",)}


def order_status(orc: Segment | None) -> str:
    """FHIR request-status: ORC-5, else ORC-1; "unknown" when neither says anything."""
    if orc is None:
        return "unknown"
    return ORDER_STATUS.get(orc.value(5).upper()) or ORDER_CONTROL.get(orc.value(1).upper(), "unknown")


def draft_status(status: str) -> DraftStatus:
    """Only what was entered in error withdraws a record; a cancelled order is a version of it."""
    return DraftStatus.ENTERED_IN_ERROR if status == "entered-in-error" else DraftStatus.CURRENT


def control(orc: Segment | None) -> str:
    """ORC-1."""
    return orc.value(1).upper() if orc else ""


def order_labels(orc: Segment | None) -> tuple[str, ...]:
    """ORC-28, confidentiality code (table 0177)."""
    if orc is None:
        return ()
    return tuple(f"0177:{one.value(1)}" for one in orc.repetitions(28) if one.value(1))


def status_reason(orc: Segment | None) -> tuple[Json, tuple[Code, ...]] | None:
    """ORC-16, why the order was placed or changed."""
    return reason(orc.first(16)) if orc else None


def authored(reading: Reading, orc: Segment | None) -> tuple[Stamp | None, Stamp | None]:
    """When a new order was placed (ORC-9 of a new order), and when ORC-9 says this event happened."""
    event = reading.stamp(orc, 9) if orc else None
    return (event if control(orc) in ("", "NW", "RO") else None), event


def requester(orc: Segment | None, home: Authority, *others: Repetition) -> Json | None:
    """ORC-12, else another field that names who ordered, else the ordering facility ORC-21."""
    for sent in (*((orc.first(12),) if orc else ()), *others):
        person = practitioner(sent, home) if sent else None
        if person:
            return person
    facility = orc.value(21) if orc else ""
    return {"type": "Organization", "display": facility} if facility else None


def priority(*sent: str) -> str | None:
    """The first priority the tables know (0485)."""
    return next((PRIORITY[word.upper()] for word in sent if word.upper() in PRIORITY), None)
