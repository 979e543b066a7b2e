"""ABI coding: calls, results, events and custom errors of one contract, with selectors and types resolved once.

The codec is eth_abi's, made strict: a bytes32 has 32 bytes. web3 is not used on the way of a call: its `Contract`
resolves the ABI again and fills fees every time, and importing it costs each service a second of CPU at start. Values
follow the ports: bytes stay bytes, addresses are checksummed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import BytesDecoder
from eth_abi.encoding import BytesEncoder
from eth_abi.exceptions import DecodingError, EncodingError, ValueOutOfBounds
from eth_abi.registry import BaseEquals, registry
from eth_utils.abi import abi_to_signature, get_abi_input_types, get_abi_output_types

from salus.adapters.chain.artifacts import load, names
from salus.core.errors import ChainRevert, InputError, IntegrityError
from salus.core.hashing import keccak
from salus.core.ids import Address, to_address


class _ExactBytes(BytesEncoder):
    """Fixed bytes of exactly their size; eth_abi alone would pad shorter ones."""

    def validate_value(self, value: Any) -> None:
        super().validate_value(value)  # type: ignore[no-untyped-call]  # eth_abi leaves it untyped
        size: int = self.value_bit_size // 8  # type: ignore[operator]  # its annotation says None
        if len(value) != size:
            self.invalidate_value(value, exc=ValueOutOfBounds, msg=f"needs {size} bytes")


def _strict_codec() -> ABICodec:
    strict = registry.copy()  # type: ignore[no-untyped-call]  # as above
    strict.unregister("bytes<M>")
    which = BaseEquals("bytes", with_sub=True)  # type: ignore[no-untyped-call]  # as above
    strict.register(which, _ExactBytes, BytesDecoder, label="bytes<M>")
    return ABICodec(strict)


_CODEC = _strict_codec()
_PANIC_REASONS = {0x01: "assertion", 0x11: "overflow", 0x12: "division by zero", 0x21: "enum", 0x32: "index"}


@lru_cache(maxsize=4096)
def checksummed(address: str) -> Address:
    """EIP-55 form of an address in any case."""
    return to_address(bytes.fromhex(address[2:]))


@dataclass(frozen=True, slots=True)
class Function:
    """One function: 4-byte selector, canonical types of inputs and outputs."""

    contract: str
    name: str
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    prepare: Callable[[Sequence[Any]], tuple[Any, ...]]
    finish: Callable[[Sequence[Any]], tuple[Any, ...]]

    def encode(self, args: Sequence[Any]) -> bytes:
        """Calldata.

        Raises:
            InputError: the arguments don't fit the inputs.
        """
        try:
            return self.selector + _CODEC.encode(self.inputs, self.prepare(args))
        except (EncodingError, TypeError, ValueError, IndexError) as error:
            wanted = f"{self.contract}.{self.name}({', '.join(self.inputs)})"
            raise InputError(f"the arguments do not fit {wanted}") from error

    def decode_arguments(self, data: bytes) -> tuple[Any, ...]:
        """Arguments of calldata, as `encode` takes them (addresses in lower case).

        Raises:
            IntegrityError: another selector, or bytes that are not of the input types.
        """
        if data[:4] != self.selector:
            raise IntegrityError(f"the calldata is not of {self.contract}.{self.name}")
        try:
            return tuple(_CODEC.decode(self.inputs, data[4:]))
        except (DecodingError, TypeError, ValueError) as error:
            raise IntegrityError(f"the arguments are not those of {self.contract}.{self.name}") from error

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Values a call returned.

        Raises:
            IntegrityError: the bytes are not of the output types.
        """
        try:
            return self.finish(_CODEC.decode(self.outputs, data))
        except (DecodingError, TypeError, ValueError) as error:
            raise IntegrityError(f"{self.contract}.{self.name} returned other bytes than its ABI says") from error


@dataclass(frozen=True, slots=True)
class Event:
    """One event: topic 0, names and types of indexed and other arguments."""

    name: str
    topic: bytes
    names: tuple[str, ...]
    indexed: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]
    finish: Callable[[Sequence[Any]], tuple[Any, ...]]

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Arguments by ABI name, in ABI order.

        Raises:
            IntegrityError: the log is not of this event.
        """
        try:
            values = {
                name: _CODEC.decode([kind], topic)[0]
                for (name, kind), topic in zip(self.indexed, topics[1:], strict=True)
            }
            decoded = _CODEC.decode([kind for _, kind in self.data], data)
        except (DecodingError, TypeError, ValueError) as error:
            raise IntegrityError(f"a log is not of the event {self.name}") from error
        values.update({name: value for (name, _), value in zip(self.data, decoded, strict=True)})
        ordered = self.finish([values[name] for name in self.names])
        return dict(zip(self.names, ordered, strict=True))


@dataclass(frozen=True, slots=True)
class CustomError:
    """One custom error: selector, names and types of its arguments."""

    name: str
    selector: bytes
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    finish: Callable[[Sequence[Any]], tuple[Any, ...]]


class ContractAbi:
    """Functions by name and events by topic of one contract."""

    def __init__(self, contract: str, elements: Iterable[Mapping[str, Any]]) -> None:
        self.contract = contract
        self.functions: dict[str, Function] = {}
        self.events: dict[bytes, Event] = {}
        self.errors: dict[bytes, CustomError] = {}
        for element in elements:
            match element["type"]:
                case "function":
                    self.functions[element["name"]] = _function(contract, element)
                case "event":
                    event = _event(element)
                    self.events[event.topic] = event
                case "error":
                    error = _error(element)
                    self.errors[error.selector] = error

    def function(self, name: str) -> Function:
        """A function by name (no Salus contract overloads one).

        Raises:
            InputError: there is none.
        """
        try:
            return self.functions[name]
        except KeyError:
            raise InputError(f"{self.contract} has no function {name}") from None


class RevertTable:
    """What reverted calls return, by selector, over every contract and library."""

    def __init__(self, abis: Iterable[ContractAbi]) -> None:
        self._errors = {_TEXT.selector: _TEXT, _PANIC.selector: _PANIC}
        for abi in abis:
            self._errors |= abi.errors

    def read(self, data: bytes) -> ChainRevert:
        """The revert as an error.

        When a call forwards the revert of an inner call in a `bytes` argument, `cause` is that revert in words.
        """
        known = self._errors.get(data[:4])
        if known is None:
            return ChainRevert("UnknownError" if data else "NoReason", {"data": data} if data else None)
        try:
            values = known.finish(_CODEC.decode(known.inputs, data[4:]))
        except (DecodingError, ValueError):
            return ChainRevert("UnknownError", {"data": data})
        args: dict[str, object] = dict(zip(known.names, values, strict=True))
        for value in values:
            if isinstance(value, bytes) and value[:4] in self._errors and len(value) != 32:
                args["cause"] = str(self.read(value))
        if known is _PANIC and isinstance(code := args["code"], int):
            args["cause"] = _PANIC_REASONS.get(code, "other")
        return ChainRevert(known.name, args)


def _function(contract: str, element: Mapping[str, Any]) -> Function:
    return Function(
        contract,
        element["name"],
        keccak(abi_to_signature(element).encode())[:4],  # type: ignore[arg-type] # an artifact's element is an ABI element
        tuple(get_abi_input_types(element)),  # type: ignore[arg-type] # as above
        tuple(get_abi_output_types(element)),  # type: ignore[arg-type] # as above
        _row(element["inputs"], _to_word),
        _row(element["outputs"], _from_address),
    )


def _event(element: Mapping[str, Any]) -> Event:
    inputs = element["inputs"]
    kinds = get_abi_input_types(element)  # type: ignore[arg-type] # an artifact's element is an ABI element
    typed = list(zip(inputs, kinds, strict=True))
    return Event(
        element["name"],
        keccak(abi_to_signature(element).encode()),  # type: ignore[arg-type] # as above
        tuple(item["name"] for item in inputs),
        tuple((item["name"], kind) for item, kind in typed if item["indexed"]),
        tuple((item["name"], kind) for item, kind in typed if not item["indexed"]),
        _row(inputs, _from_address),
    )


def _error(element: Mapping[str, Any]) -> CustomError:
    return CustomError(
        element["name"],
        keccak(abi_to_signature(element).encode())[:4],  # type: ignore[arg-type] # an artifact's element is an ABI element
        tuple(item["name"] for item in element["inputs"]),
        tuple(get_abi_input_types(element)),  # type: ignore[arg-type] # as above
        _row(element["inputs"], _from_address),
    )


_Change = Callable[[Any], Any]


def _row(params: Sequence[Mapping[str, Any]], leaf: Callable[[str], _Change | None]) -> _Change:
    """Function that changes a row of values where `leaf` has a change for a type; other values stay as they are."""
    places = [(index, change) for index, item in enumerate(params) if (change := _change(item, leaf)) is not None]

    def changed(values: Sequence[Any]) -> tuple[Any, ...]:
        row = list(values)
        for index, change in places:
            row[index] = change(row[index])
        return tuple(row)

    return changed


def _change(param: Mapping[str, Any], leaf: Callable[[str], _Change | None]) -> _Change | None:
    kind: str = param["type"]
    if kind.endswith("]"):
        inner = _change({**param, "type": kind[: kind.rindex("[")]}, leaf)
        return None if inner is None else lambda values: tuple(inner(value) for value in values)
    return _row(param["components"], leaf) if kind == "tuple" else leaf(kind)


def _from_address(kind: str) -> _Change | None:
    """Addresses that were decoded get their checksum."""
    return checksummed if kind == "address" else None


def _to_word(kind: str) -> _Change | None:
    """An address given for a word (the holder in ConsentWords) is that number."""
    return (lambda value: int(value, 16) if isinstance(value, str) else value) if kind == "uint256" else None


_TEXT = _error({"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]})
_PANIC = _error({"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]})


@cache
def abi_of(contract: str) -> ContractAbi:
    """ABI of a compiled contract.

    Raises:
        SetupError: there is no artifact of that name.
    """
    return ContractAbi(contract, load(contract).abi)


@cache
def reverts() -> RevertTable:
    """Errors of all artifacts: an inner call's error comes through the outer contract."""
    return RevertTable(abi_of(name) for name in names())
