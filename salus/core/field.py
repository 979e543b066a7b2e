"""Arithmetic in GF(2^128), the field of key shares: products, inverses, Lagrange coefficients.

Elements are ints below 2^128; addition is XOR. Source: field polynomial x^128 + x^7 + x^2 + x + 1 (NIST SP 800-38D
section 6.3, most significant bit first), as docs/protocol.md section 7 has it.
"""

from __future__ import annotations

from functools import lru_cache

ELEMENT_BYTES = 16
_POLYNOMIAL = 1 << 128 | 1 << 7 | 1 << 2 | 1 << 1 | 1


def times(one: int, other: int) -> int:
    """Product of two elements; the cost goes with the size of the other one."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one <<= 1
        if one >> 128:
            one ^= _POLYNOMIAL
        other >>= 1
    return product


def inverse(element: int) -> int:
    """What gives 1 when multiplied with the element: its power 2^128 - 2 (Fermat).

    Raises:
        ZeroDivisionError: zero has none.
    """
    if element == 0:
        raise ZeroDivisionError("zero has no inverse")
    power, square = 1, element
    for _ in range(127):
        square = times(square, square)
        power = times(power, square)
    return power


@lru_cache(maxsize=1024)
def coefficients(at: int, points: tuple[int, ...]) -> tuple[int, ...]:
    """Lagrange coefficients: the factor of the value at each point in the value at `at`.

    Raises:
        ValueError: the points are not distinct, or `at` is one of them.
    """
    if len({at, *points}) != len(points) + 1:
        raise ValueError("points of interpolation are distinct, and it is for another one")
    found = []
    for point in points:
        above = below = 1
        for other in points:
            if other != point:
                above = times(above, at ^ other)
                below = times(below, point ^ other)
        found.append(times(above, inverse(below)))
    return tuple(found)


class Scaling:
    """Many products with one factor: a table per byte makes each sixteen look-ups."""

    def __init__(self, factor: int) -> None:
        self._tables: list[list[int]] = []
        for place in range(ELEMENT_BYTES):
            bits = [times(factor, 1 << (8 * place + bit)) for bit in range(8)]
            table = [0]
            for bit in bits:
                table += [entry ^ bit for entry in table]
            self._tables.append(table)

    def of(self, element: bytes) -> bytes:
        """Product with an element of 16 bytes, highest first."""
        product = 0
        for table, byte in zip(self._tables, reversed(element), strict=True):
            product ^= table[byte]
        return product.to_bytes(ELEMENT_BYTES, "big")
