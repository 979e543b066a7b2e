"""`salus content`: are all copies of all envelopes whole, and from one content store to another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress as Bar

from cli import output
from cli.exits import exit_code
from cli.world.journal import journal_of
from cli.world.running import running_world
from salus.adapters.content.address import content_store, is_folder
from salus.adapters.content.holding import ContentHolding, Progress, silent
from salus.adapters.content.migrate import migrate
from salus.adapters.database.oracle_envelopes import envelopes
from salus.core.cid import cid_of, digest_of
from salus.core.errors import InputError, IntegrityError, NotFoundError, UnavailableError

_MOST_NAMED = 10
_STORE_HELP = "A folder, or kubo+http://… nodes by comma (docs/runbook.md)."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    content = typer.Typer(no_args_is_help=True, help="Envelopes where they lie: check, repair, move.")
    content.command("check")(check)
    content.command("migrate")(move)
    app.add_typer(content, name="content")


def check(
    store: Annotated[str, typer.Argument(help=_STORE_HELP + " That of the running world by default.")] = "",
    repair: Annotated[bool, typer.Option("--repair", help="Make good what can be, from whole copies.")] = False,
    of: Annotated[
        str, typer.Option(help="All envelopes of this institution's oracle must be there; `here`: by its settings.")
    ] = "",
    expect: Annotated[
        str, typer.Option(help="File of CIDs, one a line, that must be there; - is standard input.")
    ] = "",
) -> None:
    """Look at every copy at every node: damaged, missing, too few, back after it was erased.

    Exit code 6 if an envelope is lost or a fault stays, 5 if a node does not answer.

    Example: salus content check --of hospital-a --repair
    """
    with _opened(store) as holding, _told() as progress:
        found = holding.check(repair=repair, expected=_expected(of, expect), progress=progress)
    faults = {name: getattr(found, name) for name in ("damaged", "missing", "short", "returned")}
    value = {
        "envelopes": found.envelopes,
        "copies": found.copies_wanted,
        **faults,
        "repaired": found.repaired,
        "disputed": found.disputed,
        "lost": [cid_of(digest) for digest in found.lost],
        "unreached": list(found.unreached),
    }
    lines = [f"{found.envelopes:,} envelopes, {found.copies_wanted} copies wanted of each"]
    lines += [f"{count:,} {_FAULTS[name]}" for name, count in faults.items() if count]
    lines += [f"{found.repaired:,} of these {found.found:,} are good now"] if found.repaired else []
    if found.disputed:
        lines.append(
            f"{found.disputed:,} are here and erased as too few nodes say: an erasure under way, or a node that lies"
        )
    lines += [f"lost: {cid_of(digest)}" for digest in found.lost[:_MOST_NAMED]]
    lines += (
        [f"… and {len(found.lost) - _MOST_NAMED:,} more (--json names all)"] if len(found.lost) > _MOST_NAMED else []
    )
    lines += [f"{name} did not answer: check again when it does" for name in found.unreached]
    lines += ["--repair makes good what can be"] if found.found > found.repaired and not repair else []
    output.emit(value, lines if not found.is_sound else [*lines, "all is well"])
    if not found.is_sound:
        only_away = not (found.lost or found.disputed) and found.repaired == found.found
        raise typer.Exit(exit_code(UnavailableError() if only_away else IntegrityError()))


_FAULTS = {
    "damaged": "copies of blocks were damaged",
    "missing": "copies of blocks were missing where they are pinned",
    "short": "envelopes had too few copies",
    "returned": "copies were of envelopes that were erased elsewhere",
}


def move(
    source: Annotated[str, typer.Argument(metavar="FROM", help=_STORE_HELP)],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same. It may hold some already.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Read again what TO has, and copy again what is damaged there.")
    ] = False,
) -> None:
    """Copy all envelopes that TO hasn't got. Nothing is removed from FROM; cut off, it goes on where it was.

    Services may write to FROM meanwhile: run it again after they write to TO.

    Example: salus content migrate .salus/up/content 'kubo+http://127.0.0.1:5001?token_file=/etc/salus/kubo'
    """
    with _opened(source) as here, _opened(target, new=True) as there, _told() as progress:
        moved = migrate(here, there, progress, verify=verify)
    value = {
        "copied": moved.copied,
        "there": moved.there,
        "erased": moved.erased,
        "unreadable": [cid_of(digest) for digest in moved.unreadable],
    }
    lines = [f"{moved.copied:,} envelopes copied, {moved.there:,} were there"]
    lines += [f"{moved.erased:,} were erased there and stay so"] if moved.erased else []
    lines += [f"not readable: {cid_of(digest)}" for digest in moved.unreadable[:_MOST_NAMED]]
    output.emit(value, lines)
    if moved.unreadable:
        raise typer.Exit(exit_code(IntegrityError()))


@contextmanager
def _opened(address: str, *, new: bool = False) -> Iterator[ContentHolding]:
    """A store; a folder must be there unless it may be `new`: of a misspelt one all would be well."""
    address = address or running_world().content_address
    if is_folder(address) and not new and not Path(address).is_dir():
        raise NotFoundError(f"there is no content folder {address}")
    with closing(content_store(address)) as store:
        yield store


def _expected(of: str, expect: str) -> Iterator[bytes]:
    if of:
        with journal_of(of) as kept:
            yield from envelopes(kept.database)
    if expect:
        try:
            text = sys.stdin.read() if expect == "-" else Path(expect).read_text(encoding="ascii")
        except UnicodeDecodeError as error:
            raise InputError(f"{expect} is no list of CIDs, one a line") from error
        yield from (digest_of(line) for line in text.split())


@contextmanager
def _told() -> Iterator[Progress]:
    """A bar for people."""
    if output.is_json():
        yield silent
        return
    with Bar(console=output.notes, transient=True) as bar:
        tasks = dict[str, int]()

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=None)
            bar.update(tasks[what], completed=done, total=of or None)  # type: ignore[arg-type]

        yield tell
