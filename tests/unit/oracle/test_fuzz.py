"""Laws that hold for any bytes (tests/fuzz): a few seconds of changed messages, and everything that ever broke one."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.intake.mllp import frame
from tests.fuzz.laws import LAWS
from tests.fuzz.messages import GB18030, MESSAGES
from tests.fuzz.seeds import mutate, seeds

FOUND = Path(__file__).resolve().parents[2] / "fuzz" / "found"
FILES = sorted(file for file in FOUND.glob("*/*") if file.is_file())
_SHORT = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("law", LAWS)
@_SHORT
@given(place=st.integers(0, 1000), random=st.randoms(use_true_random=False), rounds=st.integers(1, 3))
def test_law__changed_input__holds(law: str, place: int, random: Random, rounds: int) -> None:
    data = seeds(law)[place % len(seeds(law))]
    for _ in range(rounds):
        data = mutate(law, data, random, 8192)
    LAWS[law](data)


@pytest.mark.parametrize("law", LAWS)
@_SHORT
@given(data=st.binary(max_size=400))
def test_law__any_bytes__holds(law: str, data: bytes) -> None:
    LAWS[law](data)


@pytest.mark.parametrize("law", LAWS)
def test_law__what_it_begins_with__holds(law: str) -> None:
    for one in seeds(law):
        LAWS[law](one)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_law__what_once_broke_it__holds(file: Path) -> None:
    LAWS[file.parent.name](file.read_bytes())


@pytest.mark.parametrize("raw", MESSAGES + GB18030)
def test_frames__whole_messages_cut_anywhere__same_replies(raw: bytes) -> None:
    for size in (1, 2, 7, 64):
        LAWS["mllp"](bytes([size]) + frame(raw) + frame(raw))
