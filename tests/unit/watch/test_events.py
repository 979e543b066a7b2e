"""The event table against the interfaces of the contracts."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from watch.events import CUSTOM, EVENTS, NOW, Append, Change, Const
from watch.project import _CUSTOM, custom_events

INTERFACES = Path(__file__).parents[3] / "contracts" / "interfaces"
_EVENT = re.compile(r"^    event (\w+)\(([^;]*?)\);", re.MULTILINE | re.DOTALL)


def declared() -> dict[str, dict[str, set[str]]]:
    """Contract → event → names of its arguments, as the interfaces say."""
    return {
        path.stem[1:]: {
            name: {part.split()[-1] for part in args.split(",") if part.strip()}
            for name, args in _EVENT.findall(path.read_text())
        }
        for path in sorted(INTERFACES.glob("I*.sol"))
    }


def test_events__of_every_interface__are_all_in_the_table() -> None:
    assert {contract: set(events) for contract, events in EVENTS.items()} == {
        contract: set(events) for contract, events in declared().items() if events
    }


@pytest.mark.parametrize(("contract", "event"), [(c, e) for c, events in EVENTS.items() for e in events])
def test_events__arguments_named__exist_in_the_interface(contract: str, event: str) -> None:
    known = declared()[contract][event]
    for effect in EVENTS[contract][event]:
        if isinstance(effect, Change):
            columns = {**effect.key, **effect.sets, **effect.once, **dict.fromkeys(effect.counts, Const(1))}
        elif isinstance(effect, Append):
            columns = dict(effect.values)
        else:
            continue
        assert set(columns) <= {field.name for field in fields(effect.kind)}
        assert {v for v in columns.values() if isinstance(v, str) and v != NOW} <= known


def test_events__custom_ones__each_have_their_function() -> None:
    assert set(custom_events()) == set(_CUSTOM)
    assert CUSTOM in EVENTS["AuditLog"]["Appended"]


@pytest.mark.parametrize("event", sorted(set(custom_events())))
def test_events__arguments_custom_ones_read__exist_in_the_interface(event: str) -> None:
    read = set(re.findall(r"args(?:\.get\(|\[)\"(\w+)\"", inspect.getsource(_CUSTOM[event])))
    optional = {"code", "expiry"} if event.startswith("Access") else set()
    known = next(events[event] for events in declared().values() if event in events)
    assert read
    assert read - optional <= known
