"""How long an offline check of a receipt takes: a usual one, and the largest there can be.

python -m bench.receipt
"""

from __future__ import annotations

import argparse
import time

from bench.lines import line, percentile, run
from salus.core.access import MAX_RECORDS
from salus.core.canonical import canonical
from salus.core.receipt import UnsignedReceipt, verify_receipt
from tests.unit.core.receipts import FRAME, OPERATOR, access_body, destruction_body, record_body, unsigned

ROUNDS = 200


def milliseconds(receipt: UnsignedReceipt, rounds: int = ROUNDS) -> tuple[float, float, int]:
    """Median and p99 of one check from its bytes, and the number of bytes."""
    data, taken = canonical(receipt.sign(OPERATOR)), []
    for _ in range(rounds):
        began = time.perf_counter()
        verify_receipt(data)
        taken.append((time.perf_counter() - began) * 1000)
    return percentile(taken, 0.5), percentile(taken, 0.99), len(data)


def main() -> None:
    """Print one line per kind."""
    argparse.ArgumentParser(prog="python -m bench.receipt", description=__doc__.partition("\n")[0]).parse_args()
    cases = (
        ("receipt of a record in a batch of 1,000", UnsignedReceipt(FRAME, record_body(1000)), ROUNDS),
        ("receipt of an access to 3 records", unsigned("access"), ROUNDS),
        ("receipt of a destruction", UnsignedReceipt(FRAME, destruction_body()), ROUNDS),
        ("receipt of an access to 1,024 records", UnsignedReceipt(FRAME, access_body(MAX_RECORDS)), 30),
    )
    for name, receipt, rounds in cases:
        median, slowest, size = milliseconds(receipt, rounds)
        line(f"check, {name}", f"median {median:.1f} ms, p99 {slowest:.1f} ms, {size:,} bytes", "≤ 50 ms", "receipt")


if __name__ == "__main__":
    run(main)
