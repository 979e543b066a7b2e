"""The messages benchmarks send: results of a made-up hospital day, 3.5 KB and 34 results each, each of another patient.

They ask for nothing in MSH-15 and MSH-16, so that every receiver answers in original mode (HL7 v2.5.1 section 2.9.2):
one AA a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cli.hospital_day import results

DAY = date(2026, 11, 23)
_ENHANCED, _ORIGINAL = b"|2.5.1|||AL|AL|", b"|2.5.1|||||"


def reports(seed: int, number: int) -> Iterator[bytes]:
    """That many ORU^R01, the same for the same seed."""
    for message in results(seed, number, "UNICODE UTF-8", DAY):
        yield message.replace(_ENHANCED, _ORIGINAL, 1)
