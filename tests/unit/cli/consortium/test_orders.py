"""What the keeper is told, and the file it is told by."""

from __future__ import annotations

from pathlib import Path

import pytest

import watch.runtime
from cli.commands import services
from cli.consortium.orders import Orders, left_dead, read_orders, write_orders
from cli.world.cast import BASE_PORT, CAST, Ports
from cli.world.layout import World
from cli.world.raising import KEEPER, stop
from devnet.supervisor import Part, Supervisor
from salus.core.ids import ParticipantId

SLEEP = ("sleep", "60")


def test_orders__none_written__leave_nothing_dead(tmp_path: Path) -> None:
    assert read_orders(tmp_path) == Orders()


def test_orders__written__are_read_as_they_were(tmp_path: Path) -> None:
    orders = Orders().leave(["b", "a"]).with_environment("c", {"ONE": "1"})
    write_orders(tmp_path, orders)
    assert read_orders(tmp_path) == orders


def test_orders__taken_back__are_as_before() -> None:
    orders = Orders().leave(["a"])
    assert orders.leave(["b"]).again(["b"]) == orders
    assert orders.with_environment("a", {"ONE": "1"}).with_environment("a", {}) == orders


def test_left_dead__something_goes_wrong_meanwhile__it_may_live_again(tmp_path: Path) -> None:
    def interrupted() -> None:
        with left_dead(tmp_path, "a"):
            assert read_orders(tmp_path).dead == {"a", "b"}
            raise KeyboardInterrupt

    write_orders(tmp_path, Orders().leave(["b"]))
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert read_orders(tmp_path) == Orders().leave(["b"])


def test_stop__orders_of_somebody_who_was_killed__are_forgotten(tmp_path: Path) -> None:
    write_orders(tmp_path, Orders().leave(["watch"]))
    stop(Supervisor(tmp_path))
    assert read_orders(tmp_path) == Orders()


@pytest.mark.parametrize("kept", [True, False])
def test_rebuild__with_a_keeper_or_without__nobody_starts_the_watch_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    ids = {one.name: ParticipantId(bytes([place]) * 32) for place, one in enumerate(CAST, start=1)}
    world = World(tmp_path, Ports(BASE_PORT), ids)
    supervisor = Supervisor(tmp_path)
    supervisor.start([Part(name, SLEEP) for name in ("watch", *([KEEPER] if kept else []))])
    seen = list[tuple[bool, bool]]()

    def interrupted(_settings: object) -> None:
        seen.append(("watch" in supervisor.running(), "watch" in read_orders(tmp_path).dead))
        raise KeyboardInterrupt

    monkeypatch.setattr(services, "running_world", lambda: world)
    monkeypatch.setattr(services, "watch_part", lambda _world: Part("watch", SLEEP))
    monkeypatch.setattr(services, "_watch_settings", lambda: None)
    monkeypatch.setattr(watch.runtime, "rebuild_index", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            services.rebuild()
        assert seen == [(False, True)]
        assert "watch" not in read_orders(tmp_path).dead
        assert ("watch" in supervisor.running()) is not kept  # whom there is a keeper for, the keeper starts
    finally:
        Supervisor(tmp_path).stop(together=True)
