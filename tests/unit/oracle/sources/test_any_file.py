"""Whatever stands in a source file: it is taken, or refused with one line that names the file; nothing else happens."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.sources import Institution, Source, read_source
from oracle.sources.listing import described
from salus.core.errors import SetupError

KEYS = (  # noqa: SIM905 - sixty of them read better as words
    "name title authority charset zone checkup language level retain_days max_message_bytes sequence_numbers "
    "silence_minutes control_id_digits closed messages accept ignore_segments require_segments identifiers patient "
    "systems type mllp port host client_fingerprints client_names tls certificate key client_ca ca server_name http "
    "token_file batch folder settle_seconds rate messages_per_second burst acknowledge original application receipt "
    "confirm attempts reply_to labels code system word topics category confidentiality H1"
).split()
WORDS = "lis GBK +08:00 Asia/Shanghai zh ORU ADT^A01 PID MR HIV LAB V processed anchored 127.0.0.1 urn:x:1 .".split()  # noqa: SIM905 - as above
_texts = st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
_plain = st.one_of(_texts, st.integers(-10, 10_000), st.booleans(), st.floats(allow_nan=True))
_values = st.recursive(
    _plain,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=12,
)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)


def taken(text: bytes) -> Source | None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "one.toml"
        file.write_bytes(text)
        try:
            return read_source(file, Institution("x", "H1"), SUPPORTED_EVENTS)
        except SetupError as error:
            told = str(error)
    assert told.startswith("one.toml: ")
    return None


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(KEYS), _values, max_size=8), st.booleans())
def test_any_values__are_taken_or_refused_by_name(values: dict[str, Any], whole: bool) -> None:
    values = {"name": "lis", "mllp": {"port": 2575}, **values} if whole else values
    found = taken("\n".join(f"{name} = {toml(one)}" for name, one in values.items()).encode())
    if found is not None:
        assert described(found)["name"] == found.name


@given(st.binary(max_size=200))
def test_any_bytes__are_taken_or_refused_by_name(text: bytes) -> None:
    assert taken(text) is None
