"""Who starts dead parts again: how long it waits, and what it tells a part that woke up."""

from __future__ import annotations

from itertools import pairwise
from threading import Event

from cli.consortium.keeper import Keeper, Patience, keep
from cli.consortium.orders import Orders
from devnet.supervisor import Part
from salus.core.errors import UnavailableError


class Machine:
    """Stands for the supervisor and the clock: parts live until they are killed."""

    def __init__(self, *names: str) -> None:
        self.alive = dict.fromkeys(names, 1)
        self.time = 0.0
        self.revived: list[tuple[str, float]] = []
        self.environment: dict[str, str] = {}

    def now(self) -> float:
        return self.time

    def running(self) -> dict[str, int]:
        return dict(self.alive)

    def reap(self) -> None:
        pass

    def revive(self, part: Part) -> int:
        self.revived.append((part.name, self.time))
        self.environment = dict(part.environment)
        self.alive[part.name] = len(self.revived) + 1
        return self.alive[part.name]

    def kill(self, name: str) -> None:
        del self.alive[name]


def looks(keeper: Keeper, machine: Machine, seconds: float) -> None:
    for _ in range(round(seconds * 2)):
        machine.time += 0.5
        keeper.look()


def keeper_of(machine: Machine, *parts: Part) -> Keeper:
    return Keeper(machine, parts, machine.now)  # type: ignore[arg-type]  # a complete stand-in


def test_keeper__all_alive__starts_nothing() -> None:
    machine = Machine("a", "b")
    looks(keeper_of(machine, Part("a", ()), Part("b", ())), machine, 100)
    assert machine.revived == []


def test_keeper__dead_part__is_started_again_and_no_other() -> None:
    machine = Machine("a", "b")
    keeper = keeper_of(machine, Part("a", ()), Part("b", ()))
    machine.kill("a")
    looks(keeper, machine, 10)
    assert [name for name, _ in machine.revived] == ["a"]


def test_keeper__dies_again_and_again__waits_longer_each_time_up_to_half_a_minute() -> None:
    machine = Machine("a")
    keeper = keeper_of(machine, Part("a", ()))
    for _ in range(7):
        machine.kill("a")
        before = len(machine.revived)
        while len(machine.revived) == before:
            looks(keeper, machine, 0.5)
    starts = [at for _, at in machine.revived]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps == sorted(gaps)
    assert gaps[0] < 3
    assert 30 <= gaps[-1] < 32


def test_patience__ran_for_a_minute__is_new_again() -> None:
    worn = Patience(wait=16.0, started=0.0)
    assert worn.died(30.0).due == 60.0
    assert worn.died(61.0).due == 62.0


def test_keeper__started_again__is_told_once_and_only_when_ready() -> None:
    told: list[float] = []
    machine = Machine("a")

    def ready() -> bool:
        if machine.time < 10:
            raise OSError
        return True

    def settle() -> None:
        if not told:
            told.append(machine.time)
            raise UnavailableError  # the order was lost: it is given again
        told.append(machine.time)

    keeper = keeper_of(machine, Part("a", (), ready=ready, settle=settle))
    machine.kill("a")
    looks(keeper, machine, 30)
    assert told == [10.0, 10.5]


def test_keeper__new_one_beside_running_parts__tells_them_what_the_one_before_may_not_have_told() -> None:
    told: list[str] = []
    machine = Machine("a")
    looks(keeper_of(machine, Part("a", (), settle=lambda: told.append("a"))), machine, 5)
    assert (told, machine.revived) == (["a"], [])


def test_keeper__ordered_to_leave_a_part_dead__starts_it_when_the_order_ends() -> None:
    machine, orders = Machine("a", "b"), [Orders().leave(["a"])]
    parts = (Part("a", ()), Part("b", ()))
    keeper = Keeper(machine, parts, machine.now, lambda: orders[0])  # type: ignore[arg-type]  # a complete stand-in
    machine.kill("a")
    machine.kill("b")
    looks(keeper, machine, 60)
    assert [name for name, _ in machine.revived] == ["b"]
    orders[0] = orders[0].again(["a"])
    looks(keeper, machine, 5)
    assert [name for name, _ in machine.revived] == ["b", "a"]


def test_keeper__ordered_another_environment__joins_it_to_the_parts_own() -> None:
    machine, orders = Machine("a"), Orders().with_environment("a", {"ONE": "2"})
    part = Part("a", (), {"ONE": "1", "TWO": "2"})
    machine.kill("a")
    keeper = Keeper(machine, [part], machine.now, lambda: orders)  # type: ignore[arg-type]  # a complete stand-in
    looks(keeper, machine, 5)
    assert machine.environment == {"ONE": "2", "TWO": "2"}


def test_keeper__part_that_can_not_be_started__waits_longer_and_others_are_looked_after() -> None:
    machine = Machine("a", "b")
    tried = list[float]()
    revive = machine.revive

    def full(part: Part) -> int:
        if part.name == "a":
            tried.append(machine.time)
            raise OSError("No space left on device")
        return revive(part)

    machine.revive = full  # type: ignore[method-assign]
    keeper = keeper_of(machine, Part("a", ()), Part("b", ()))
    machine.kill("a")
    machine.kill("b")
    looks(keeper, machine, 60)
    assert [name for name, _ in machine.revived] == ["b"]
    gaps = [later - earlier for earlier, later in pairwise(tried)]
    assert gaps == sorted(gaps)
    assert 3 < len(tried) < 12


def test_keep__look_fails__looks_again() -> None:
    machine, stop = Machine("a"), Event()
    looked = list[int]()

    def orders() -> Orders:
        looked.append(1)
        if len(looked) == 1:
            raise OSError("No space left on device")
        if len(looked) == 2:
            raise ValueError("orders that are cut short")
        stop.set()
        return Orders()

    keep(Keeper(machine, [Part("a", ())], machine.now, orders), stop, 0)  # type: ignore[arg-type]  # as above
    assert len(looked) == 3
