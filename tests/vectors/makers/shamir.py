"""Shamir's scheme over GF(2^128) with chosen coefficients, written apart from the library the code under test uses.

The field is polynomials modulo x^128 + x^7 + x^2 + x + 1, the highest power in the first bit (as in pycryptodome).
"""

from __future__ import annotations

from collections.abc import Sequence

_MODULUS = 1 << 128 | 0b1000_0111


def times(a: int, b: int) -> int:
    """Product in the field."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a >> 128:
            a ^= _MODULUS
        b >>= 1
    return product


def inverse(a: int) -> int:
    """a^(2^128 - 2)."""
    result, power = 1, a
    for _ in range(127):
        power = times(power, power)
        result = times(result, power)
    return result


def value_at(index: int, secret: int, coefficients: Sequence[int]) -> int:
    """The polynomial with this value at 0 and these coefficients of x, x^2, …, at an index."""
    result = 0
    for coefficient in reversed((secret, *coefficients)):
        result = times(result, index) ^ coefficient
    return result


def deal(key: bytes, count: int, coefficients: Sequence[tuple[bytes, bytes]]) -> tuple[bytes, ...]:
    """Shares of a 32-byte key: index and both halves' values; one pair of coefficients per degree."""
    halves = [
        (int.from_bytes(key[part * 16 : part * 16 + 16], "big"), [int.from_bytes(c[part], "big") for c in coefficients])
        for part in (0, 1)
    ]
    return tuple(
        bytes([index]) + b"".join(value_at(index, secret, rest).to_bytes(16, "big") for secret, rest in halves)
        for index in range(1, count + 1)
    )
