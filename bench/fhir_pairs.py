"""Pairs of an HL7 message and the FHIR bundle expected of it, and what our own reading makes of the message.

The samples are tests of single fields: most have no patient number, no order number and often no OBR, and a record
needs those (DESIGN section 5). Each message is therefore completed by what is missing, under a number nobody else uses,
and read as it would come from a hospital: results as ORU, and the person and the visit once more as an ADT, because
only an ADT makes records of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

from oracle.hl7.errors import HL7Error
from oracle.normalise import SourceProfile
from oracle.reading import read_drafts

Json = dict[str, Any]

PAIRS = Path(__file__).parents[1].parent / "shared" / "samples" / "hl7_fhir_pairs"
ADDED = "ADDED-BY-SCORER"
# The expected bundles read a stamp without a zone as UTC.
PROFILE = SourceProfile("scored source", ADDED, zone=UTC)
_PERSON = frozenset({"PID", "PD1", "NK1", "PV1", "PV2"})


@dataclass(slots=True)
class Pair:
    """One pair. `expected` are the expected resources by full URL, `ours` our own by a key of this run."""

    name: str
    expected: dict[str, Json]
    ours: dict[str, Json] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def pairs(folder: Path = PAIRS) -> Iterator[Pair]:
    """All pairs of a folder, read."""
    for path in sorted(folder.glob("*.hl7")):
        bundle = json.loads(path.with_suffix(".fhir").read_bytes(), parse_float=Decimal)
        expected = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
        pair = Pair(path.stem.rpartition("catchall__")[2], expected)
        for raw in readings(path.read_text("utf-8")):
            try:
                drafts = read_drafts(raw, PROFILE)
            except HL7Error as error:
                pair.refused.append(f"{error.location}: {error.text}")
                continue
            for draft in drafts:
                _take(pair.ours, draft.content)
        yield pair


def readings(text: str) -> list[bytes]:
    """A sample as the messages a hospital would send of it: as it is, and its person and visit as an ADT."""
    lines = [line.split("|") for line in text.replace("\n", "\r").split("\r") if line.strip()]
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(line[0], line)
    if "PID" not in found:
        return []
    _fill(found["PID"], 3, f"{ADDED}^^^{ADDED}^MR")
    messages = []
    if "OBR" in found:
        orc, obr = found.get("ORC", []), found["OBR"]
        if not any(_value(line, place) for line in (orc, obr) for place in (2, 3)):
            _fill(obr, 3, ADDED)
        messages.append(lines)
    head = list(found["MSH"])
    head[8] = "ADT^A08" if "PV1" in found else "ADT^A31"
    if "PV1" in found and not any(
        _value(found[name], place) for name, place in (("PV1", 19), ("PV1", 50), ("PID", 18))
    ):
        _fill(found["PV1"], 19, ADDED)
    messages.append([head, *(line for line in lines if line[0] in _PERSON)])
    return ["\r".join("|".join(line) for line in message).encode() for message in messages]


def _value(line: list[str], place: int) -> str:
    return line[place] if place < len(line) else ""


def _fill(line: list[str], place: int, value: str) -> None:
    line.extend([""] * (place + 1 - len(line)))
    line[place] = line[place] or value


def _take(into: dict[str, Json], content: Json) -> None:
    """Resources of one record, contained ones beside the others, each reference by the key of what it points at."""
    whole = [entry["resource"] for entry in content["entry"]] if content["resourceType"] == "Bundle" else [content]
    first = len(into)
    names = {f"urn:uuid:{one['id']}": f"{first}.{place}" for place, one in enumerate(whole)}
    for resource in whole:
        key = names[f"urn:uuid:{resource['id']}"]
        inner = {f"#{one['id']}": f"{key}#{one['id']}" for one in resource.get("contained", [])}
        for one in resource.get("contained", []):
            into[inner[f"#{one['id']}"]] = _renamed(one, inner)
        into[key] = _renamed({name: value for name, value in resource.items() if name != "contained"}, inner | names)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        result = {}
        for name, part in value.items():
            if name == "reference" and isinstance(part, str):
                result[name] = names.get(part, part)
            elif not (name in ("identifier", "masterIdentifier") and _is_added(part)):
                cleaned = _renamed(part, names)
                if cleaned not in ([], {}):
                    result[name] = cleaned
        return result
    if isinstance(value, list):
        return [_renamed(one, names) for one in value if not _is_added(one)]
    return value


def _is_added(value: Any) -> bool:
    return isinstance(value, dict) and value.get("value") == ADDED
