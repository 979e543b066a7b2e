from dataclasses import replace

import pytest

from oracle.intake.senders import HttpSenders
from oracle.intake.throttle import Throttle, Throttles
from oracle.sources import LiveSources, Rate, Source

HIS = Source("his", "x", "H1", token="a-token-of-the-his", rate=Rate(2.0, 3))
LIS = Source("lis", "x", "H1", token="a-token-of-the-lis")
MLLP_ONLY = Source("ris", "x", "H1")


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sources() -> LiveSources:
    return LiveSources([HIS, LIS, MLLP_ONLY])


@pytest.fixture
def senders(sources: LiveSources, clock: Clock) -> HttpSenders:
    return HttpSenders(sources, Throttles(sources, clock), clock)


def test_recognise__token__names_its_source(senders: HttpSenders) -> None:
    assert senders.recognise("Bearer a-token-of-the-his") is HIS
    assert senders.recognise("Bearer a-token-of-the-lis") is LIS


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer ",
        "Bearer None",
        "Bearer a-token-of-the-his ",
        "bearer a-token-of-the-his",
        "a-token-of-the-his",
        "王",
    ],
)
def test_recognise__anything_else__is_nobodys(senders: HttpSenders, shown: str) -> None:
    assert senders.recognise(shown) is None


def test_recognise__oracle_that_asks_for_no_token__takes_everybody_for_one(sources: LiveSources, clock: Clock) -> None:
    senders = HttpSenders(sources, Throttles(sources, clock), clock, everybody="ris")
    assert senders.recognise("") is MLLP_ONLY


def test_recognise__source_removed__its_token_opens_nothing(senders: HttpSenders, sources: LiveSources) -> None:
    sources.exchange([LIS])
    assert senders.recognise("Bearer a-token-of-the-his") is None


def test_take__above_the_rate__says_when_to_come_again(senders: HttpSenders, clock: Clock) -> None:
    assert [senders.take(HIS) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.now += 0.5
    assert [senders.take(HIS), senders.take(HIS)] == [0.0, 0.5]
    assert senders.take(LIS) == 0.0


def test_throttles__rate_exchanged__begins_anew_and_same_rate_goes_on(sources: LiveSources, clock: Clock) -> None:
    throttles = Throttles(sources, clock)
    first = throttles.of("his")
    sources.exchange([replace(HIS, retain_days=1)])
    assert throttles.of("his") is first
    sources.exchange([replace(HIS, rate=Rate(5.0, 1))])
    second = throttles.of("his")
    assert second is not None
    assert second.rate == Rate(5.0, 1)
    sources.exchange([replace(HIS, rate=None)])
    assert throttles.of("his") is None


def test_throttle__debt__is_waited_off_and_idle_time_saves_no_more_than_the_burst() -> None:
    throttle = Throttle(Rate(10.0, 5), 0.0)
    for _ in range(8):
        throttle.take(0.0)
    assert throttle.wait(0.0) == pytest.approx(0.4)
    assert throttle.wait(0.4) == pytest.approx(0.0)
    for _ in range(5):
        throttle.take(1000.0)
    assert throttle.wait(1000.0) == pytest.approx(0.1)
    assert throttle.wait(999.0) == pytest.approx(0.1)
