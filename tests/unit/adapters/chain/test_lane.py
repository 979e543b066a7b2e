"""A lane's nonces: what it sends again, what it gives up, and that no nonce is signed for twice."""

from __future__ import annotations

from salus.adapters.chain.lane import Flight, Lane
from salus.adapters.chain.simulate import Prepared
from salus.adapters.keys.signer import LocalSigner
from salus.core.errors import UnavailableError
from salus.core.ids import Address

CALL = Prepared(Address("0x3535353535353535353535353535353535353535"), b"\1")


def lane(next_nonce: int = 5) -> Lane:
    return Lane(LocalSigner(b"\7" * 32), 31337, next_nonce)


def depart(one: Lane, count: int, now: float = 0) -> list[Flight]:
    return one.depart([(CALL, 50_000)] * count, now)


def mine(one: Lane, flight: Flight, now: float = 0) -> None:
    flight.receipt = {"status": "0x1"}
    one.land(flight, now)


def test_depart__several__takes_consecutive_nonces() -> None:
    assert [flight.raw.nonce for flight in depart(lane(), 3)] == [5, 6, 7]


def test_again__nothing_mined__is_the_same_bytes_in_order() -> None:
    one = lane()
    flights = depart(one, 3)
    assert one.again(5, 2.0, one.flights.values()) == [flight.raw for flight in flights]


def test_again__chain_that_lost_mined_ones__includes_them() -> None:
    one = lane()
    flights = depart(one, 3)
    mine(one, flights[0])
    mine(one, flights[1])
    assert one.again(5, 2.0, one.flights.values()) == [flight.raw for flight in flights]


def test_again__hole_before_the_lane__is_filled_and_signed_once() -> None:
    one = lane(next_nonce=7)
    [flight] = depart(one, 1)
    first = one.again(5, 2.0, one.flights.values())
    assert [raw.nonce for raw in first] == [5, 6, 7]
    assert first[2] == flight.raw
    assert one.again(5, 4.0, one.flights.values()) == first


def test_again__nonce_used_by_another__is_doubted_then_given_up() -> None:
    one = lane()
    first, second = depart(one, 2)
    assert one.again(6, 2.0, one.flights.values()) == [second.raw]
    assert not first.landed
    assert one.stalled_at < 3.0
    one.again(6, 3.0, one.flights.values())
    assert first.replaced
    assert not second.landed
    assert one.flights == {6: second}


def test_again__chain_ahead_of_the_lane__follows_it() -> None:
    one = lane()
    [flight] = depart(one, 1)
    assert one.again(9, 2.0, one.flights.values()) == []
    assert one.again(9, 3.0, one.flights.values()) == []
    assert flight.replaced
    assert [item.raw.nonce for item in depart(one, 1)] == [9]


def test_again__without_progress__waits_longer_and_shorter_after_progress() -> None:
    one = lane()
    flights = depart(one, 2)
    waits = []
    for now in (10.0, 20.0, 30.0, 40.0, 50.0):
        one.again(5, now, one.flights.values())
        waits.append(one.stalled_at - now)
    assert waits == [4.0, 8.0, 16.0, 16.0, 16.0]
    mine(one, flights[0], 60.0)
    assert one.stalled_at == 64.0


def test_land__last_one_refused_by_the_node__gives_its_nonce_back() -> None:
    one = lane()
    flights = depart(one, 2)
    flights[1].failure = UnavailableError("refused")
    one.land(flights[1], 0)
    assert [flight.raw.nonce for flight in depart(one, 1)] == [6]


def test_land__middle_one_refused_by_the_node__leaves_a_hole_that_is_filled_with_nothing() -> None:
    one = lane()
    flights = depart(one, 3)
    flights[1].failure = UnavailableError("refused")
    one.land(flights[1], 0)
    again = one.again(5, 2.0, one.flights.values())
    assert [raw.nonce for raw in again] == [5, 6, 7]
    assert again[1] != flights[1].raw
    assert (again[0], again[2]) == (flights[0].raw, flights[2].raw)


def test_depart__after_thousands_mined__keeps_a_bounded_number_of_bytes() -> None:
    one = lane()
    for _ in range(700):
        mine(one, depart(one, 1)[0])
    assert len(one.raws) <= 512


def test_depart__thousand_at_once__keeps_all_until_they_land() -> None:
    one = lane(next_nonce=0)
    flights = depart(one, 1000)
    assert one.again(0, 2.0, one.flights.values()) == [flight.raw for flight in flights[:512]]
