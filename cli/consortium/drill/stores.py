"""Drills of what everything is kept in: a PostgreSQL server and a content swarm of Kubo nodes, killed, emptied, full.

They are played in a world that keeps everything there. A full disk is a small one mounted for the drill; where mounting
isn't allowed those two are not played, and say so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing

from cli.consortium.drill.counts import Counts
from cli.consortium.drill.course import Drill, Stage
from cli.consortium.drill.drills import killing
from cli.consortium.drill.envelopes import anchored_envelopes
from cli.consortium.drill.scene import until
from cli.world.cast import CUSTODIANS, WITH_ORACLE
from cli.world.database import SERVER
from cli.world.layout import World
from cli.world.swarm import KEEPERS, part_name
from devnet.kubo_binary import kubo_binary
from devnet.small_disk import SmallDisk, refusal
from devnet.swarm import load, replaced
from devnet.swarm_nodes import order
from salus.adapters.content.address import content_store
from salus.adapters.content.holding import ContentHolding
from salus.core.errors import IntegrityError, UnavailableError

_PATIENCE = 120.0
_BETWEEN_KILLS_SECONDS, _LET_GO_SECONDS = 6.0, 3.0
_SPARE_OF_KUBO, _SPARE_OF_POSTGRES = 8 << 20, 24 << 20
_PROBE_BYTES, _MOST_PROBES = 64 << 10, 50
_EMPTIED, _FULL = KEEPERS[2], KEEPERS[1]
_CONTENT_SETTING = "SALUS_ORACLE_CONTENT"


def store_drills(hold: float) -> list[Drill]:
    """Every drill of the stores; `hold` is how long a harm lasts that does not end by itself, in seconds."""
    return [
        killing("postgres", SERVER),
        Drill("dead-postgres", "the database server of everybody is dead", lambda stage: _dead_server(stage, hold)),
        *(killing(part_name(name), part_name(name)) for name in KEEPERS),
        Drill("kill-custodians", "custodians killed, one after the other and all at once", _custodians),
        Drill("empty-kubo", "a Kubo node is replaced by an empty one", _empty_node),
        Drill("quota", "every Kubo node has reached its quota", lambda stage: _quota(stage, hold)),
        Drill("full-kubo", "the disk under one Kubo node is full", _where_mounting_goes(_full_node, hold)),
        Drill("full-postgres", "the disk under oracles' journals is full", _where_mounting_goes(_full_server, hold)),
    ]


def _dead_server(stage: Stage, hold: float) -> str:
    stage.scene.keep_dead(SERVER)
    stage.harm(hold, f"{SERVER} dead")
    stage.scene.let_live(SERVER)
    return f"kill -9 of {SERVER}, dead for {hold:.0f} s"


def _custodians(stage: Stage) -> str:
    for name in CUSTODIANS:
        stage.scene.await_well(name, _PATIENCE)
        stage.scene.kill(name)
        stage.hold(_BETWEEN_KILLS_SECONDS, f"{name} killed")
    for name in CUSTODIANS:
        stage.scene.await_well(name, _PATIENCE)
    stage.scene.kill(*CUSTODIANS)
    return f"kill -9 of {', '.join(CUSTODIANS)}, one after the other, then of all three at once"


def _empty_node(stage: Stage) -> str:
    scene, part = stage.scene, part_name(_EMPTIED)
    scene.keep_dead(part)
    stage.hold(_LET_GO_SECONDS, f"{part} dead")
    replaced(load(scene.world.swarm), _EMPTIED, kubo_binary())
    scene.let_live(part)
    scene.await_well(part, _PATIENCE)
    return f"{part} dead, an empty node of a new identity in its place; then {_mend(stage)}"


def _quota(stage: Stage, hold: float) -> str:
    scene, swarm = stage.scene, load(stage.scene.world.swarm)
    least = min(int(order(swarm, name, "repo/stat", **{"size-only": "true"})["RepoSize"]) for name in swarm.nodes)
    for name in WITH_ORACLE:
        address = f"{scene.world.content_address_for(name)}&quota={least}"
        scene.start_with(f"{name}-oracle", {_CONTENT_SETTING: address})
    for name in WITH_ORACLE:
        scene.await_well(f"{name}-oracle", _PATIENCE)
    stage.harm(hold, f"oracles may fill a node up to {least} bytes, which all have")
    waiting = stage.traffic.under_way()
    for name in WITH_ORACLE:
        scene.start_with(f"{name}-oracle", {})
    return (
        f"oracles with a quota of {least} bytes, which all nodes have reached, for {hold:.0f} s: {waiting} waited in "
        "journals; then without one"
    )


def _where_mounting_goes(drill: Callable[[Stage, float], str], hold: float) -> Callable[[Stage], str]:
    def play(stage: Stage) -> str:
        why = refusal()
        return f"not played: {why}" if why is not None else drill(stage, hold)

    return play


def _full_node(stage: Stage, hold: float) -> str:
    scene, part = stage.scene, part_name(_FULL)
    swarm = load(scene.world.swarm)
    scene.keep_dead(part)
    stage.hold(_LET_GO_SECONDS, f"{part} dead")
    with SmallDisk(swarm.node_folder(_FULL), _SPARE_OF_KUBO) as disk, closing(_alone(scene.world)) as node:
        scene.let_live(part)
        scene.await_well(part, _PATIENCE)
        disk.fill()
        said = _refusal_of(node, disk)
        stage.harm(hold, f"the disk of {part} is full")
        disk.make_room()
        again = until(f"{part} takes envelopes", lambda: bool(_stored(node)), _PATIENCE)
        mended = _mend(stage)
        scene.keep_dead(part)
        stage.hold(_LET_GO_SECONDS, f"{part} dead: it gets its own disk back")
    scene.let_live(part)
    scene.await_well(part, _PATIENCE)
    return (
        f"a full disk under {part} for {hold:.0f} s; alone it said: {said}; it took envelopes {again:.1f} s after "
        f"there was room; then {mended}"
    )


def _full_server(stage: Stage, hold: float) -> str:
    scene = stage.scene
    scene.keep_dead(SERVER)
    stage.hold(_LET_GO_SECONDS, f"{SERVER} dead")
    with SmallDisk(scene.world.folder / SERVER / "data", _SPARE_OF_POSTGRES) as disk:
        scene.let_live(SERVER)
        scene.await_well(SERVER, _PATIENCE)
        stage.hold(_BETWEEN_KILLS_SECONDS, f"{SERVER} on a small disk")
        disk.fill()
        stage.harm(hold, f"the disk of {SERVER} is full")
        before = stage.traffic.progress()
        disk.make_room()
        went_on = until(
            "messages are acknowledged again",
            lambda: all(now > then for now, then in zip(stage.traffic.progress()[:-1], before[:-1], strict=True)),
            _PATIENCE,
        )
        scene.keep_dead(SERVER)
        stage.hold(_LET_GO_SECONDS, f"{SERVER} dead: it gets its own disk back")
    scene.let_live(SERVER)
    return (
        f"a full disk under {SERVER}, where the oracles' journals are, for {hold:.0f} s; both oracles acknowledged "
        f"again {went_on:.1f} s after there was room; then the server was killed to give it its own disk back"
    )


def _alone(world: World) -> ContentHolding:
    """The node whose disk is full, as a store of one copy."""
    return content_store(load(world.swarm).address(_FULL, copies=1))


def _refusal_of(node: ContentHolding, disk: SmallDisk) -> str:
    """How a node on a full disk refuses. It may find a place that was left free in the middle of its files."""
    for _ in range(_MOST_PROBES):
        try:
            _stored(node)
        except UnavailableError as error:
            return str(error).rpartition(": ")[2]  # without paths of this machine
        disk.fill()
    raise IntegrityError(f"the node of {_FULL} stores {_MOST_PROBES} envelopes on a disk without room")


def _stored(node: ContentHolding) -> bytes:
    """Something that belongs to no record, stored and erased again."""
    digest = node.put(os.urandom(_PROBE_BYTES))
    node.erase(digest)
    return digest


def _mend(stage: Stage) -> str:
    """What `salus content check --repair` of all anchored envelopes comes to.

    Raises:
        IntegrityError: an envelope is lost.
    """
    began, counts, world = time.monotonic(), Counts(), stage.scene.world
    expected = anchored_envelopes(world, counts)
    with closing(content_store(world.content_address)) as store:
        found = store.check(
            repair=True,
            expected=expected,
            progress=lambda what, done, of: stage.tell(f"repair: {what} {done} of {of or '?'}"),
        )
    if found.lost:
        raise IntegrityError(f"{len(found.lost)} envelopes are lost after the repair")
    took = time.monotonic() - began
    return (
        f"`salus content check --repair`: {found.missing} missing, {found.damaged} damaged, {found.short} with too few "
        f"copies, {found.repaired} of these {found.found} good after {took:.1f} s, 0 of {len(expected)} anchored lost"
    )
