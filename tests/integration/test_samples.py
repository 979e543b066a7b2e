"""All public sample messages through receive, normalise and label: only typed errors, valid FHIR, no broken hanzi.

The samples lie beside the repository, not in it. Without them the test is skipped, in CI it fails.
"""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import fhirkit
import msgspec
import pytest

from oracle.hl7.message import parse
from oracle.intake.receive import Verdict, receive, reply_to
from oracle.label import label
from oracle.normalise import NormaliseError, SourceProfile, normalise
from salus.core.record import RecordDraft

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
SOURCE = SourceProfile("示例医院", "H1")
ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
# How each folder of Chinese samples was really encoded; two of them lie about it in MSH-18
TRUE_CODEC = {
    "gb": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "none_gb": "gb18030",
    "lie_utf8": "gb18030",
    "utf8": "utf-8",
    "uni": "utf-8",
    "none_utf8": "utf-8",
    "lie_gb": "utf-8",
    "shift1": "utf-8",
    "big5": "big5hkscs",
}


def _files(folder: str) -> list[Path]:
    found = sorted((SAMPLES / folder).rglob("*.hl7"))
    if not found:
        reason = f"sample messages are missing: expected them in {SAMPLES.name}/{folder} beside the repository"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _drafts(raw: bytes, counts: Counter[str]) -> list[RecordDraft]:
    received = receive(raw)
    counts[received.verdict.value] += 1
    assert b"\rMSA" in reply_to(received, now=NOW, control_id="1")
    if received.verdict is not Verdict.ACCEPT:
        assert received.error is not None
        return []
    try:
        groups = normalise(parse(received.text), SOURCE)
    except NormaliseError as error:
        counts[f"not normalised: {error}"] += 1
        return []
    drafts = [draft for group in groups for draft in label(group)]
    counts.update(draft.kind for draft in drafts)
    return drafts


def test_samples__public_messages__only_typed_errors_and_valid_fhir(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    for path in _files("hl7v2"):
        for draft in _drafts(path.read_bytes(), counts):
            assert fhirkit.validate(ENCODER.encode(draft.content).decode()) == [], path.name
    with capsys.disabled():
        print()
        for name, number in counts.most_common():
            print(f"{number:5} {name}")
    assert counts["accept"] > 300
    assert counts["report"] > 200


def test_samples__chinese_messages__keep_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    names = 0
    for path in _files("hl7v2_zh"):
        raw = path.read_bytes()
        kind = path.stem.split("_", 1)[1].rsplit("_", 2)[0]
        expected = raw.decode(TRUE_CODEC[kind]).split("\rPID|")[1].split("|")[4].split("^")[0]
        received = receive(raw)
        pid = parse(received.text).first("PID")
        assert pid is not None
        assert pid.value(5) == expected, path.name
        for draft in _drafts(raw, counts):
            assert fhirkit.validate(ENCODER.encode(draft.content).decode()) == [], path.name
            if draft.kind == "demographics" and "name" in draft.content:
                assert draft.content["name"][0]["text"] == expected
                names += 1
    with capsys.disabled():
        print()
        for name, number in counts.most_common():
            print(f"{number:5} {name}")
    assert counts["accept"] == 55
    assert names == 11
