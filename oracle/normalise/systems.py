"""The FHIR systems a source's settings give to its assigning authorities, in place of those made from their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from oracle.normalise.datatypes import authority
from salus.core.record import NormalisedGroup


def with_systems(groups: Sequence[NormalisedGroup], systems: tuple[tuple[str, str], ...]) -> list[NormalisedGroup]:
    """Groups whose identifiers (a system with a value) name the systems of the settings. Source keys don't change."""
    wanted = _wanted(systems)
    return [
        replace(
            group,
            head=_exchanged(group.head, wanted),
            items=tuple(item._replace(resource=_exchanged(item.resource, wanted)) for item in group.items),
        )
        for group in groups
    ]


@lru_cache(maxsize=256)
def _wanted(systems: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    """Systems as the mapping makes them, by name or by object identifier, to those of the settings."""
    found: dict[str, str] = {}
    for name, system in systems:
        for made in (authority(name), authority("", name, "ISO")):
            if made is not None:
                found[made.system] = system
    return found


def _exchanged(value: Any, wanted: Mapping[str, str]) -> Any:
    """A copy where something changes, else the value itself: parts of resources are shared between messages."""
    if isinstance(value, dict):
        made = {name: _exchanged(one, wanted) for name, one in value.items()}
        system = value.get("system")
        if "value" in value and isinstance(system, str) and system in wanted:
            made["system"] = wanted[system]
        return made if any(made[name] is not one for name, one in value.items()) else value
    if isinstance(value, list):
        listed = [_exchanged(one, wanted) for one in value]
        return listed if any(one is not other for one, other in zip(listed, value, strict=True)) else value
    return value
