"""Strict reading of a receipt's JSON: exactly the members named, exactly one spelling of every value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from salus.core.canonical import canonical, integer
from salus.core.errors import CanonicalError, InputError, ReceiptError
from salus.core.ids import Address, from_hex, hex32, read_address


class Json(Protocol):
    """A value with a JSON form."""

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        ...


J = TypeVar("J", bound=Json)


class Fields:
    """One object of a receipt at a path.

    Raises:
        ReceiptError: not an object, or not exactly these members; and every method, if its member is malformed.
    """

    __slots__ = ("_path", "_value")

    def __init__(self, value: Any, path: str, *names: str) -> None:
        if not isinstance(value, Mapping):
            raise ReceiptError(path or "receipt", "must be an object")
        for name in names:
            if name not in value:
                raise ReceiptError(_join(path, name), "is missing")
        for name in value:
            if name not in names:
                raise ReceiptError(_join(path, str(name)), "is not a member of a receipt of this version")
        self._value = value
        self._path = path

    def path(self, name: str) -> str:
        """Path of a member."""
        return _join(self._path, name)

    def raw(self, name: str) -> Any:
        """A member as it is."""
        return self._value[name]

    def integer(self, name: str, bits: int = 64) -> int:
        """An integer of 0 to 2^bits - 1."""
        try:
            return integer(self._value[name], bits)
        except InputError as error:
            raise ReceiptError(self.path(name), f"must be an integer of {bits} bits") from error

    def hex(self, name: str, length: int = 32) -> bytes:
        """Lower-case hex of that many bytes."""
        return read_bytes(self._value[name], self.path(name), length)

    def address(self, name: str) -> Address:
        """An address in EIP-55 form."""
        try:
            found = read_address(self._value[name])
        except InputError as error:
            raise ReceiptError(self.path(name), "must be an address") from error
        if found != self._value[name]:
            raise ReceiptError(self.path(name), "must be an address in mixed case (EIP-55)")
        return found

    def text(self, name: str, *allowed: str) -> str:
        """One of the texts allowed."""
        value = self._value[name]
        if not isinstance(value, str) or value not in allowed:
            raise ReceiptError(self.path(name), f"must be one of {', '.join(repr(item) for item in allowed)}")
        return value

    def items(self, name: str) -> list[Any]:
        """A list."""
        value = self._value[name]
        if not isinstance(value, list):
            raise ReceiptError(self.path(name), "must be a list")
        return value

    def byte_items(self, name: str, length: int = 32) -> tuple[bytes, ...]:
        """A list of lower-case hex values of one length."""
        return tuple(read_bytes(v, f"{self.path(name)}[{i}]", length) for i, v in enumerate(self.items(name)))

    def struct(self, name: str, read: Callable[[Any], J]) -> J:
        """A value that a class reads, in the one spelling that class writes."""
        value = self._value[name]
        try:
            found = read(value)
            if canonical(found.to_json()) == canonical(value):
                return found
        except (InputError, CanonicalError, TypeError, AttributeError) as error:
            raise ReceiptError(self.path(name), str(error) or "is malformed") from error
        raise ReceiptError(self.path(name), "is not written as receipts write it")


def read_bytes(value: Any, path: str, length: int) -> bytes:
    """Bytes of lower-case `0x` hex.

    Raises:
        ReceiptError: something else.
    """
    try:
        found = from_hex(value, length)
    except InputError as error:
        raise ReceiptError(path, f"must be 0x and {2 * length} hex digits") from error
    if hex32(found) != value:
        raise ReceiptError(path, "must be in lower case")
    return found


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
