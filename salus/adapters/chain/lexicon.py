"""What bytes of a chain mean: calls, selectors, topics and roles by the artifacts, whoever sent them.

For people who look at a block explorer, a proposal or a node's error. Nothing is read from a chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from salus.adapters.chain.abi import Function, abi_of, checksummed
from salus.adapters.chain.artifacts import load, names
from salus.core.access import access_from_words
from salus.core.consent import consent_from_words
from salus.core.contracts import ROLES
from salus.core.errors import CalldataError, IntegrityError, SalusError
from salus.core.ids import role_id, to_address


@dataclass(frozen=True, slots=True)
class DecodedCall:
    """A call of one contract; `args` are by name, structs as mappings, calls inside calls decoded too."""

    contract: str
    function: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """One event of one contract, its arguments by name."""

    contract: str
    event: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """Something a selector or topic is the digest of: `function`, `error` or `event`, and its signature.

    `parameters` are names and canonical types, where it was asked for by name.
    """

    kind: str
    contract: str
    signature: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The signature's name alone."""
        return self.signature.partition("(")[0]


@cache
def contracts() -> tuple[str, ...]:
    """Contracts that are deployed (interfaces and libraries are not)."""
    return tuple(name for name in names() if load(name).bytecode)


def calls(data: bytes) -> list[DecodedCall]:
    """Every function that calldata can be for: its selector fits, and exactly its arguments follow."""
    found = []
    for contract in contracts():
        for name, function in abi_of(contract).functions.items():
            if function.selector == data[:4] and (values := _arguments(function, data)) is not None:
                found.append(DecodedCall(contract, name, _named(_inputs(contract, name), values)))
    return found


def selectors(data: bytes) -> list[Named]:
    """Functions and errors of a 4-byte selector."""
    found = {}
    for contract in contracts():
        abi = abi_of(contract)
        for function in abi.functions.values():
            if function.selector == data:
                found["function", contract] = Named("function", contract, _signature(function.name, function.inputs))
    for contract in _all():
        if (error := abi_of(contract).errors.get(data)) is not None:
            found.setdefault(("error", ""), Named("error", contract, _signature(error.name, error.inputs)))
    return list(found.values())


def topics(data: bytes) -> list[Named]:
    """Events of a 32-byte first topic."""
    found = []
    for contract in contracts():
        if (event := abi_of(contract).events.get(data)) is not None:
            kinds = dict(event.indexed) | dict(event.data)
            found.append(Named("event", contract, _signature(event.name, [kinds[name] for name in event.names])))
    return found


def role(data: bytes) -> str | None:
    """Contract whose directory role 32 bytes are."""
    return next((name for name in ROLES if role_id(name) == data), None)


def event(topics: Sequence[bytes], data: bytes) -> DecodedEvent:
    """The event of a log, whose first topic is of one of ours (`topics`).

    Raises:
        IntegrityError: no event has this topic, or the other topics and the data are not of it.
    """
    for contract in contracts():
        if (known := abi_of(contract).events.get(topics[0])) is not None:
            return DecodedEvent(contract, known.name, known.decode(topics, data))
    raise IntegrityError("no event of these contracts has this topic")


def named(name: str) -> list[Named]:
    """Custom errors and events of a name, in whatever case it is written."""
    return [one for one in _errors_and_events() if one.name.casefold() == name.casefold()]


def all_names() -> list[str]:
    """Names of every custom error and event."""
    return [one.name for one in _errors_and_events()]


@cache
def _errors_and_events() -> tuple[Named, ...]:
    found: dict[tuple[str, str], Named] = {}
    for contract in _all():
        for error in abi_of(contract).errors.values():
            signature, inputs = _signature(error.name, error.inputs), tuple(zip(error.names, error.inputs, strict=True))
            found.setdefault(("error", signature), Named("error", contract, signature, inputs))
        for event in abi_of(contract).events.values():
            kinds = dict(event.indexed) | dict(event.data)
            signature = _signature(event.name, [kinds[each] for each in event.names])
            inputs = tuple((each, kinds[each]) for each in event.names)
            found.setdefault(("event", signature), Named("event", contract, signature, inputs))
    return tuple(found.values())


def _all() -> list[str]:
    """Every artifact, deployed contracts first: an error is said to be of the contract, not of its interface."""
    return sorted(names(), key=lambda name: name not in contracts())


def _arguments(function: Function, data: bytes) -> tuple[Any, ...] | None:
    """Arguments of calldata, None if it has other bytes than they need."""
    try:
        values = function.decode_arguments(data)
        return values if function.encode(values) == data else None
    except SalusError:
        return None


def _inputs(contract: str, name: str) -> Sequence[Mapping[str, Any]]:
    inputs: Sequence[Mapping[str, Any]] = next(
        element["inputs"] for element in load(contract).abi if element["type"] == "function" and element["name"] == name
    )
    return inputs


def _named(parameters: Sequence[Mapping[str, Any]], values: Sequence[Any]) -> dict[str, Any]:
    return {item["name"]: _value(item, value) for item, value in zip(parameters, values, strict=True)}


def _value(item: Mapping[str, Any], value: Any) -> Any:
    kind: str = item["type"]
    if kind.endswith("]"):
        inner = {
            **item,
            "type": kind[: kind.rindex("[")],
            "internalType": item.get("internalType", "").removesuffix(kind[kind.rindex("[") :]),
        }
        return [_value(inner, one) for one in value]
    if kind != "tuple":
        return checksummed(value) if kind == "address" else value
    reader = _WORDS.get(item.get("internalType", ""))
    return _named(item["components"], value) if reader is None else reader(item["components"], value)


def _call(components: Sequence[Mapping[str, Any]], value: Sequence[Any]) -> dict[str, Any]:
    """A call inside a proposal, with what it does."""
    shown = _named(components, value)
    inside = [{"contract": one.contract, "function": one.function, "args": one.args} for one in calls(value[1])]
    does: dict[str, Any] = {"does": inside[0]} if len(inside) == 1 else {"doesOneOf": inside}
    return {"target": shown["target"], **does} if inside else shown


def _access(components: Sequence[Mapping[str, Any]], value: Sequence[Any]) -> dict[str, Any]:
    try:
        return access_from_words(tuple(value)).to_json()
    except (CalldataError, IntegrityError):
        return _named(components, value)  # bits above a field: shown as they are


def _consent(components: Sequence[Mapping[str, Any]], value: Sequence[Any]) -> dict[str, Any]:
    holder, *others = value
    if holder >> 160:
        return _named(components, value)
    try:
        return consent_from_words((to_address(holder.to_bytes(20, "big")), *others)).to_json()
    except (CalldataError, IntegrityError):
        return _named(components, value)


_WORDS = {"struct Call": _call, "struct AccessWords": _access, "struct ConsentWords": _consent}
"""Structs that are packed for the gateway or hold a call, and how they are unpacked."""


def _signature(name: str, kinds: Sequence[str]) -> str:
    return f"{name}({','.join(kinds)})"
