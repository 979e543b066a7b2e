"""`salus consortium drill`: breaks a consortium of its own on purpose, under traffic, and counts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.world.layout import home
from salus.core.errors import InputError

_ALL, _STORES = "all", "stores"
_NOT_PASSED = 1
_Names = Annotated[
    list[str] | None, typer.Argument(help="Drills by name, `all`, or `stores`: all of the stores. None: a list.")
]
_Short = Annotated[bool, typer.Option("--short", help="A few drills with short harms: four to six minutes.")]
_Kills = Annotated[int | None, typer.Option(min=0, help="Random kills; 20, or 4 with --short.")]
_Seed = Annotated[int, typer.Option(help="Of the random kills.")]
_Rate = Annotated[float, typer.Option(min=0.1, max=100, help="Messages a second of each of two sources.")]
_Report = Annotated[Path | None, typer.Option(help="Write the table to this file, in Markdown.")]
_Stop = Annotated[bool, typer.Option("--stop", help="End what a drill that was cut off left running.")]


def add_to(consortium: typer.Typer) -> None:
    """Add the command to its noun."""
    consortium.command("drill")(drill)


def drill(
    names: _Names = None,
    kills: _Kills = None,
    seed: _Seed = 1,
    rate: _Rate = 5.0,
    report: _Report = None,
    *,
    short: _Short = False,
    stop: _Stop = False,
) -> None:
    """Break a consortium of its own on purpose while people work, and count what was lost.

    `salus consortium drill two-dead kills --kills 10`. `salus consortium drill stores`: of a world on Kubo and
    PostgreSQL, which are killed, emptied and full. It raises a world of its own in a scratch folder and on ports of
    its own; one that runs is left alone. Exit code 1 if a drill did not recover, or something was lost, doubled,
    released too early or answered wrongly.
    """
    from cli.consortium.drill.drills import HOLD_SECONDS, SHORT, SHORT_HOLD_SECONDS, drills  # noqa: PLC0415 - heavy
    from cli.consortium.drill.playing import end_left_over, play  # noqa: PLC0415 - as above
    from cli.consortium.drill.report import HEADINGS, facts, markdown, row  # noqa: PLC0415 - as above
    from cli.consortium.drill.stores import store_drills  # noqa: PLC0415 - as above

    folder = home() / "drill"
    if stop:
        stopped = end_left_over(folder)
        output.emit({"stopped": stopped}, [f"{len(stopped)} parts stopped"])
        return
    number = kills if kills is not None else 4 if short else 20
    hold = SHORT_HOLD_SECONDS if short else HOLD_SECONDS
    others, of_stores = drills(number, seed, hold), store_drills(hold)
    known = [*others, *of_stores]
    wanted = list(SHORT) if short and not names else names or []
    if not wanted:
        listed = [{"name": each.name, "title": each.title} for each in known]
        output.emit_table(listed, {"name": "drill", "title": "what goes wrong"})
        return
    if unknown := set(wanted) - {each.name for each in known} - {_ALL, _STORES}:
        raise InputError(f"no such drill: {', '.join(sorted(unknown))}; `salus consortium drill` lists them")
    chosen = [each for each in others if _ALL in wanted or each.name in wanted]
    chosen += (named := [each for each in of_stores if _STORES in wanted or each.name in wanted])
    stores = bool(named)  # a world on them does for the other drills too
    results = play(folder, chosen, rate, stores=stores)
    if report is not None:
        report.write_text(markdown(results, " ".join(["salus", *sys.argv[1:]]), rate, stores=stores))
    if output.is_json():
        output.emit([facts(result) for result in results])
    else:
        output.emit_table([row(result) for result in results], HEADINGS)
    if len(results) < len(chosen) or not all(result.passed for result in results):
        raise typer.Exit(_NOT_PASSED)
