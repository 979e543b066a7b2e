"""Public sample messages of orders, pharmacy, vaccination, scheduling, finance and problems: what becomes of each.

The samples lie beside the repository, not in it. Without them the test is skipped, in CI it fails.
"""

import os
from collections import Counter
from pathlib import Path

import fhirkit
import msgspec
import pytest

from oracle.hl7.message import parse
from oracle.intake.receive import SUPPORTED_EVENTS, receive
from oracle.label import label
from oracle.normalise import NormaliseError, SourceProfile, normalise

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples" / "hl7v2"
SOURCE = SourceProfile("示例医院", "H1")
ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
TYPES = frozenset(SUPPORTED_EVENTS) - {"ADT", "ORU", "OUL", "MDM"}


def test_samples__orders_and_their_like__are_mapped_or_refused_with_a_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = sorted(SAMPLES.rglob("*.hl7"))
    if not files:
        reason = "sample messages are missing: expected them in shared/samples/hl7v2 beside the repository"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    mapped: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for path in files:
        received = receive(path.read_bytes())
        if received.text and (message := parse(received.text)).type[0] in TYPES:
            name = "^".join(message.type)
            if received.error is not None:  # answered at the door
                refused[f"{name} at intake: {received.error.text}"] += 1
                continue
            try:
                groups = normalise(message, SOURCE)
            except NormaliseError as error:
                refused[f"{name}: {error.text} ({error.location})"] += 1
                continue
            mapped[name] += 1
            for draft in (draft for group in groups for draft in label(group)):
                kinds[draft.kind] += 1
                assert fhirkit.validate(ENCODER.encode(draft.content).decode()) == [], path.name
    assert not any(name.endswith("()") for name in refused)
    with capsys.disabled():
        print()
        for title, counts in (("mapped", mapped), ("refused", refused), ("records", kinds)):
            print(f"{title}: {counts.total()}")
            for name, number in sorted(counts.items()):
                print(f"{number:5} {name}")
    assert mapped.total() >= 45
    assert {"order", "prescription", "vaccination", "appointment", "account", "problem"} <= set(kinds)
