"""What the keeper is told, and the file it is told by."""

from __future__ import annotations

from pathlib import Path

from cli.consortium.orders import Orders, read_orders, write_orders


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
