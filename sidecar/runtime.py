"""Builds the sidecar from its settings and runs it."""

from __future__ import annotations

from collections.abc import Callable

from salus.adapters import follower_http
from salus.adapters.chain.connect import connect
from salus.adapters.chain.node_admin import own_node
from salus.adapters.chain.roll import Roll
from salus.adapters.chain.rpc import Rpc
from salus.adapters.deployment_file import read_deployment
from salus.adapters.service_log import log_lines
from salus.core.errors import SetupError, UnavailableError
from salus.core.node import Action, Seat
from salus.core.state import BlockStamp
from sidecar.follow import Follower
from sidecar.metrics import Metrics
from sidecar.settings import Settings


class _LateRoll:
    """The roll, once the node has the deployment: a newcomer's node has no contract before it has caught up."""

    def __init__(self, open_: Callable[[], Roll]) -> None:
        self._open = open_
        self._roll: Roll | None = None

    def seats(self, validators: int) -> tuple[BlockStamp, tuple[Seat, ...]]:
        """As `Roll.seats`."""
        if self._roll is None:
            try:
                self._roll = self._open()
            except SetupError as error:
                raise UnavailableError(f"the node has no registry (yet): {error}") from error
        return self._roll.seats(validators)


def build(settings: Settings, metrics: Metrics) -> Follower:
    """The follower of the settings.

    Raises:
        SetupError: the deployment file, the engine or a socket is wrong.
    """
    council = read_deployment(settings.deployment, "SALUS_SIDECAR_DEPLOYMENT").council
    node = own_node(settings.engine, Rpc(settings.rpc_url), settings.node_folder, settings.address_book, settings.ipc)
    clique = settings.engine == "clique"

    def roll() -> Roll:
        return Roll(connect(settings.rpc_url, council), clique=clique, first_block=settings.first_block)

    return Follower(node, _LateRoll(roll), metrics)


def once(settings: Settings) -> tuple[Action, ...]:
    """Look once; the orders that were carried out.

    Raises:
        SalusError: node or registry cannot be read, or an order failed.
    """
    return build(settings, Metrics()).step()


def serve(settings: Settings) -> None:
    """Follow the registry and answer on HTTP until told to stop."""
    log_lines()
    metrics = Metrics()
    follower = build(settings, metrics)
    follower_http.serve("sidecar", follower, metrics.registry, settings.port, settings.poll_seconds)
