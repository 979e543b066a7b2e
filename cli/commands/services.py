"""`salus watch …` and `salus custodian …`: what an operator decides after looking, in the world of `salus up`.

On a real machine the same is `python -m watch` and `python -m custodian` under the service's own settings.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

import custodian.audit
import custodian.mended
import custodian.mending
import custodian.runtime
import custodian.settings
import watch.runtime
import watch.settings
from cli import output
from cli.commands import custodian_sets
from cli.consortium.orders import left_dead
from cli.world.cast import Name
from cli.world.raising import KEEPER
from cli.world.running import running_world
from cli.world.services import custodian_part, watch_part
from devnet.supervisor import Supervisor
from salus.core.ids import hex32


def register(app: typer.Typer) -> None:
    """Add the commands."""
    index = typer.Typer(help="The index of the chain: compare, rebuild, close alerts.", no_args_is_help=True)
    index.command("verify")(verify)
    index.command("rebuild")(rebuild)
    index.command("acknowledge")(acknowledge)
    app.add_typer(index, name="watch")
    keeper = typer.Typer(help="A custodian's decisions.", no_args_is_help=True)
    keeper.callback()(lambda: None)  # one verb alone would become the noun
    keeper.command("accept-chain")(accept_chain)
    keeper.command("audit")(audit)
    keeper.command("repair")(repair)
    keeper.command("allow-repair")(allow_repair)
    keeper.command("forget-unnamed")(forget_unnamed)
    custodian_sets.add_to(keeper)
    app.add_typer(keeper, name="custodian")


def verify() -> None:
    """Compare the index with one made from the chain alone, and log heads with the contract; 6 when they differ."""
    kept, fresh, differing = watch.runtime.verify(_watch_settings())
    holds = kept == fresh and not differing
    value: dict[str, Any] = {"block": kept.block, "digest": kept.digest, "differingHeads": differing, "holds": holds}
    wrong = f"the index differs from the chain at block {kept.block}: `salus watch rebuild`"
    output.emit(value, [f"the index is what the chain says, up to block {kept.block}" if holds else wrong])
    if not holds:
        raise typer.Exit(6)


def rebuild() -> None:
    """Make the index anew from the chain; the watch is stopped meanwhile."""
    world = running_world()
    supervisor, part = Supervisor(world.folder), watch_part(world)
    try:
        with left_dead(world.folder, part.name):  # by its keeper, if it has one
            supervisor.stop([part.name])
            made = watch.runtime.rebuild_index(_watch_settings())
    finally:
        if KEEPER not in supervisor.running():
            supervisor.start([part])
    output.emit({"block": made.block, "digest": made.digest}, [f"rebuilt up to block {made.block}"])


def acknowledge() -> None:
    """Close the alerts that wait for a person, and print them."""
    closed = watch.runtime.acknowledge(_watch_settings())
    rows = [{"kind": str(alert.kind), "block": alert.block, "detail": alert.detail} for alert in closed]
    output.emit_table(rows, {"kind": "closed", "block": "block", "detail": "what it was"}, "no alert waited")


def accept_chain(name: Annotated[Name, typer.Argument(help="Which custodian.")]) -> None:
    """Go on with a chain that lost blocks this custodian had seen as final; its log gets an entry of it."""
    told = custodian.settings.read(custodian_part(running_world(), name).environment)
    number = custodian.runtime.accept_chain(told)
    output.emit({"custodian": name, "block": number}, [f"{name} accepts the chain up to block {number}"])


def audit(name: Annotated[Name, typer.Argument(help="Which custodian.")]) -> None:
    """Count whether every anchored record version has its share here, and that it opens; exit code 6 if one does not.

    Nothing is shown of a share. Example: salus custodian audit custodian-1
    """
    world = running_world()
    told = custodian.settings.read(custodian_part(world, name).environment)
    found = custodian.runtime.audit(told, lambda block: output.say(f"   looked up to block {block} …"))
    rows = [{"source": world.name_of(source), **_counted(holding)} for source, holding in found.sources.items()]
    output.emit_table(rows, {column: column for column in rows[0]} if rows else {}, "nothing is anchored yet")
    if not found.is_whole:
        raise typer.Exit(6)


def repair(name: Annotated[Name, typer.Argument(help="Which custodian.")]) -> None:
    """Get a custodian's lost shares back from the other members of its sets; exit code 6 if some did not come back.

    It may run meanwhile. What is here is kept, so run it again to go on. The others allow it first (`allow-repair`).
    Example: salus custodian repair custodian-1
    """
    world = running_world()
    told = custodian.settings.read(custodian_part(world, name).environment)
    found = custodian.runtime.repair(told, _every(50))
    value = {
        "custodian": name,
        "block": found.block,
        "batches": found.batches,
        "whole": found.whole,
        "repaired": found.repaired,
        "gone": found.gone,
        "half": [hex32(leaf) for leaf in found.half],
        "open": [hex32(leaf) for leaf in found.open],
        "absent": [hex32(root) for root in found.absent],
        "illDealt": [hex32(leaf) for leaf in found.ill_dealt],
        "liars": {world.name_of(one): count for one, count in found.liars.items()},
        "suspects": [sorted(world.name_of(one) for one in group) for group in found.suspects],
        "lacking": {world.name_of(one): count for one, count in found.lacking.items()},
        "away": {world.name_of(one): why for one, why in found.away.items()},
    }
    output.emit(value, found.lines(world.name_of))
    if not found.is_done:
        raise typer.Exit(6)


def allow_repair(
    name: Annotated[Name, typer.Argument(help="Which custodian helps.")],
    other: Annotated[Name, typer.Argument(help="Which one lost its shares.")],
    hours: Annotated[int, typer.Option(min=0, max=24 * 31, help="For how long; 0 ends it.")] = 24,
) -> None:
    """Let a custodian help another one to get its shares back, after talking to its people; its log has an entry of it.

    Example: salus custodian allow-repair custodian-2 custodian-1
    """
    world = running_world()
    told = custodian.settings.read(custodian_part(world, name).environment)
    until = custodian.runtime.allow_repair(told, world.ids[other], hours)
    value = {"custodian": name, "for": other, "until": until}
    line = f"{name} helps {other} until {output.clock(until)}" if hours else f"{name} helps {other} no more"
    output.emit(value, [line])


def forget_unnamed(
    name: Annotated[Name, typer.Argument(help="Which custodian.")],
    anyway: Annotated[bool, typer.Option("--anyway", help="Though not everything is here that should be.")] = False,
) -> None:
    """Destroy keys that no share here rests under, after a restore or a repair: older copies then open nothing more.

    It looks first whether everything is here. The custodian is stopped meanwhile, and started again; on a machine of
    its own stop it first (docs/runbook.md, Backups). Example: salus custodian forget-unnamed custodian-1
    """
    world = running_world()
    part = custodian_part(world, name)
    told = custodian.settings.read(part.environment)
    tell = lambda block: output.say(f"   looked up to block {block} …")  # noqa: E731 - as audit tells
    supervisor = Supervisor(world.folder)
    try:
        with left_dead(world.folder, part.name):  # by its keeper, if it has one
            supervisor.stop([part.name])
            found = custodian.runtime.forget_unnamed(told, tell, anyway=anyway)
    finally:
        if KEEPER not in supervisor.running():
            supervisor.start([part])
    value = {"custodian": name, "periods": found.periods, "kept": found.kept}
    output.emit(value, [f"keys of {found.kept} shares stay, in {found.periods} months; all others are gone"])


def _every(batches: int) -> custodian.mending.Progress:
    def tell(found: custodian.mended.Mended) -> None:
        if found.batches % batches == 0:
            output.say(f"   {found.batches} batches, {found.repaired} back, {len(found.open)} open …")

    return tell


def _counted(holding: custodian.audit.Holding) -> dict[str, int]:
    value = asdict(holding)
    return {name: len(told) if isinstance(told, list) else told for name, told in value.items()}


def _watch_settings() -> watch.settings.Settings:
    return watch.settings.read(watch_part(running_world()).environment)
