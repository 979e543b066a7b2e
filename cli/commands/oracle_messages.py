"""`salus oracle status`, `quarantine`, `show`, `release`, `discard`, `reprocess`, `audit`: what became of messages, and
what a person does with them. Each deed is logged with the account that did it on this machine."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import typer

from cli import output
from cli.exits import exit_code
from cli.oracle_standing import standing, standing_lines
from cli.world.journal import journal_of
from oracle.audit import Wholeness
from oracle.hl7.charset import UTF_8, codec_of, decode
from oracle.hl7.errors import CharsetError, Condition
from oracle.quarantine import MOST_AT_ONCE
from oracle.status import condition_name, status_json
from salus.core.days import SHANGHAI_OFFSET
from salus.core.errors import InputError, IntegrityError, UnavailableError
from salus.core.journal import Fault
from salus.core.operations import Selection
from salus.core.printable import escaped

_DAY_SECONDS = 86_400
_EPOCH = date(1970, 1, 1)
Source = Annotated[
    str, typer.Argument(help="Institution of the running world; `here`: SALUS_ORACLE_… settings in force.")
]
Key = Annotated[int, typer.Argument(help="Number of the message in the list.", min=1)]
Keys = Annotated[list[int] | None, typer.Argument(help="Numbers of messages.", min=1)]
Reason = Annotated[str, typer.Option(help="Why, for the operators' log; no names of patients.")]
Condition357 = Annotated[int, typer.Option("--condition", help="All with this code of HL7 table 0357.", min=0)]
OfSource = Annotated[str, typer.Option("--source", help="Only of this sender (name of its source file).")]
After = Annotated[int, typer.Option(min=0, help="Only messages above this key: go on where it stopped.")]
Everything = Annotated[bool, typer.Option("--all", help="All that wait.")]


def register(oracle: typer.Typer) -> None:
    """Add the commands."""
    oracle.command("status")(status)
    oracle.command("quarantine")(quarantine)
    oracle.command("show")(show)
    oracle.command("release")(release)
    oracle.command("redrive", help="The same as `release`.")(release)
    oracle.command("discard")(discard)
    oracle.command("reprocess")(reprocess)
    oracle.command("audit")(audit)


def status(
    source: Source,
    control_id: Annotated[
        str, typer.Argument(help="The message's control id (MSH-10); without one: how the oracle itself stands.")
    ] = "",
    sender: Annotated[str, typer.Option("--source", help="Name of the sender's source file; all when left out.")] = "",
    application: Annotated[str | None, typer.Option(help="MSH-3, if many senders use the same ids.")] = None,
    facility: Annotated[str | None, typer.Option(help="MSH-4, likewise.")] = None,
) -> None:
    """What has become of the messages with a control id: state, records, batch, block. Shows no content.

    Without a control id: whether the oracle is ready, its sources, changed source files that are not in force, alerts;
    exit code 5 if it is not ready. Example: salus oracle status hospital-b
    """
    if not control_id:
        said = standing(source)
        output.emit(said, standing_lines(said))
        if not said["ready"]:
            raise typer.Exit(exit_code(UnavailableError()))
        return
    with journal_of(source) as kept:
        found = kept.lookup.find(control_id, sender, application, facility)
        told = [status_json(one, kept.operations.chain_id()) for one in found]
    output.emit(told, (line for one in told for line in _status_lines(one)))


def quarantine(
    source: Source,
    after: Annotated[int, typer.Option(min=0, help="Only messages above this key.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> None:
    """Messages that were kept but could not be used."""
    with journal_of(source) as kept:
        rows: list[dict[str, Any]] = [
            {
                "key": item.key,
                "receivedAt": item.received_at,
                "source": item.listener,
                "kind": item.kind,
                "fault": _fault(item.fault),
            }
            for item in kept.quarantine.list(after, limit)
        ]
    shown = rows if output.is_json() else [{**row, "receivedAt": output.clock(row["receivedAt"])} for row in rows]
    headings = {
        "key": "key",
        "receivedAt": "received",
        "source": "source",
        "kind": "message",
        "fault": "what was wrong",
    }
    output.emit_table(shown, headings, "the quarantine is empty")


def show(
    source: Source,
    key: Key,
    reason: Reason = "",
    charset: Annotated[
        str, typer.Option(help="Character set to read it in; found from the message when left out.")
    ] = "",
) -> None:
    """One kept message, decrypted: this shows a patient's data, and is logged."""
    if charset and codec_of(charset) is None:
        raise InputError(f"{charset} is no character set known here: take UTF-8, GB18030 or BIG5")
    with journal_of(source) as kept:
        found = kept.quarantine.show(key, acting(), reason)
    text, codec = _readable(found.raw, charset)
    lines = [escaped(line) for line in text.replace("\n", "\r").split("\r") if line]
    output.emit({"key": key, "raw": found.raw, "charset": codec, "lines": lines}, lines)


def release(
    source: Source,
    keys: Keys = None,
    condition: Condition357 = 0,
    of: OfSource = "",
    everything: Everything = False,
    after: After = 0,
    reason: Reason = "",
) -> None:
    """Try quarantined messages again, after what was wrong is mended; 1000 at a time."""
    chosen = _waiting(keys, condition, of, after, everything=everything)
    with journal_of(source) as kept:
        done = kept.quarantine.release(chosen, acting(), reason)
    output.emit({"released": list(done)}, [f"{_messages(done)} will be tried again{_more(done, keys)}"])


def discard(
    source: Source,
    reason: Annotated[str, typer.Option(help="Why nothing is to come of it; no names of patients.")],
    keys: Keys = None,
    condition: Condition357 = 0,
    of: OfSource = "",
    after: After = 0,
) -> None:
    """Decide that nothing comes of quarantined messages; 1000 at a time. `release` by number takes it back."""
    chosen = _waiting(keys, condition, of, after, everything=False)
    with journal_of(source) as kept:
        done = kept.quarantine.discard(chosen, acting(), reason)
    output.emit({"discarded": list(done)}, [f"{_messages(done)} discarded{_more(done, keys)}"])


def reprocess(
    source: Source,
    keys: Keys = None,
    kind: Annotated[str, typer.Option(help="All of this type and event, like ORU^R01.")] = "",
    since: Annotated[str, typer.Option(help="Received on this day or later, YYYY-MM-DD.")] = "",
    until: Annotated[str, typer.Option(help="Received before this day, YYYY-MM-DD.")] = "",
    of: OfSource = "",
    after: After = 0,
    reason: Reason = "",
) -> None:
    """Have finished messages read again, after a mapping or a table changed; 1000 at a time, oldest first.

    What says nothing new makes no new version.
    """
    chosen = Selection(tuple(keys or ()), 0, of, kind, _day(since), _day(until), after)
    if not (keys or kind or since or until or of):
        raise InputError("name messages, or choose them by --kind, --since, --until or --source")
    with journal_of(source) as kept:
        done = kept.quarantine.reprocess(chosen, acting(), reason)
    output.emit({"reprocessed": list(done)}, [f"{_messages(done)} will be processed again{_more(done, keys)}"])


def audit(
    source: Source,
    after: Annotated[int, typer.Option(min=0, help="Only rows above this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> None:
    """The operators' log: who did what with which message, and whether the log is whole (exit code 6 if not)."""
    with journal_of(source) as kept:
        whole = kept.auditing.check()
        rows: list[dict[str, Any]] = [
            {
                "number": row.number,
                "at": row.at,
                "actor": row.actor,
                "deed": row.deed.value,
                "message": row.message,
                "reason": row.reason,
            }
            for row in kept.auditing.rows(after, limit)
        ]
    if output.is_json():
        output.emit({"rows": rows, "checked": whole.rows, "wrong": whole.wrong})
    else:
        shown = [{**row, "at": output.clock(row["at"])} for row in rows]
        headings = {
            "number": "number",
            "at": "when",
            "actor": "who",
            "deed": "what",
            "message": "message",
            "reason": "why",
        }
        output.emit_table(shown, headings, "nothing was done yet")
        output.emit(None, [_whole(whole)])
    if whole.wrong:
        raise typer.Exit(exit_code(IntegrityError()))


def _whole(whole: Wholeness) -> str:
    return f"NOT WHOLE: {whole.wrong}" if whole.wrong else f"{whole.rows} rows, whole"


def _readable(raw: bytes, charset: str) -> tuple[str, str]:
    """Text of a kept message and the codec that gave it; what can't be read shows as U+FFFD.

    What intake refused for its charset is tried as GB18030, the most common set of senders that name none.
    """
    for named in dict.fromkeys((charset or None, "GB18030")):
        try:
            decoded = decode(raw, named)
        except CharsetError:
            continue
        return decoded.text, decoded.codec
    return raw.decode(UTF_8, errors="replace"), UTF_8


def acting() -> str:
    """The account of this machine that acts."""
    try:
        return f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # an account without an entry, as in some containers
        return f"os:{os.getuid()}"


def _more(done: Sequence[int], keys: Iterable[int] | None) -> str:
    """How to go on, where there may be more than were taken at once."""
    return f"; go on with --after {done[-1]}" if len(done) >= MOST_AT_ONCE and not keys else ""


def _waiting(keys: Iterable[int] | None, condition: int, of: str, after: int, *, everything: bool) -> Selection:
    if not (keys or condition or of or everything):
        raise InputError("name messages, or choose them by --condition or --source")
    return Selection(tuple(keys or ()), condition, of, after=after)


def _day(text: str) -> int:
    """Unix time at which a civil day (Asia/Shanghai) begins; 0 for none."""
    if not text:
        return 0
    try:
        return (date.fromisoformat(text) - _EPOCH).days * _DAY_SECONDS - SHANGHAI_OFFSET
    except ValueError as error:
        raise InputError("a day is written YYYY-MM-DD") from error


def _messages(keys: Iterable[int]) -> str:
    listed = list(keys)
    if not listed:
        return "no message"
    return f"message {listed[0]}" if len(listed) == 1 else f"{len(listed)} messages"


def _fault(fault: Fault) -> str:
    name = condition_name(fault.code) if fault.code in set(Condition) else str(fault.code)
    return f"{name.lower()} ({fault.code}) at {fault.location}" if fault.location else name


def _status_lines(told: Mapping[str, Any]) -> Iterable[str]:
    yield f"message {told['key']}: {told['state']}, {told['kind'] or 'no type'} from {told['source']}"
    yield f"  received {output.clock(told['receivedAt'])}" + (
        f", flags {' '.join(told['flags'])}" * bool(told["flags"])
    )
    if told["duplicateOf"]:
        yield f"  says the same as message {told['duplicateOf']}, which is {told['result']}"
    if told["fault"]:
        fault = told["fault"]
        yield f"  {fault['text']} ({fault['condition']}) at {fault['location'] or 'message'}"
        if fault["advice"]:
            yield f"  {fault['advice']}"
    for made in told["records"]:
        yield f"  {made['record']} version {made['version']} ({made['status']}{', invalid' * made['invalid']})"
        where = f"batch {made['batch']} {made['batchState']}" if made["batch"] else "in no batch yet"
        yield f"    {where}" + (f", block {made['block']}, root {made['root']}" if made["block"] else "")
    for record in told["saidAgain"]:
        yield f"  said nothing new about {record}"
    if not told["bytesKept"]:
        yield "  its bytes are erased"
    yield f"  application acknowledgment: {told['acknowledgment'] or 'none asked for'}"
