"""`salus simulate` and `salus send`: a made-up hospital day, and sending HL7 messages over MLLP."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Annotated, get_args

import typer

from cli import output
from cli.hospital_day import messages
from cli.hospital_people import SourceKind
from cli.mllp_client import SendReport, send
from oracle.hl7.charset import codec_of
from salus.core.errors import InputError, UnavailableError

DEFAULT_CHARSETS = {"hospital": "UNICODE UTF-8", "checkup": "GB18030"}
_START, _END = b"\x0b", b"\x1c\r"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("simulate", help="Write a made-up hospital day as HL7 messages (the same for the same seed).")(simulate)
    app.command("send", help="Send HL7 messages over MLLP and wait for every acknowledgement.")(send_file)


def simulate(
    target: Annotated[Path, typer.Argument(help="File to write: messages in MLLP frames.")],
    source: Annotated[str, typer.Option(help="hospital or checkup.")] = "hospital",
    patients: Annotated[int, typer.Option(min=1, max=100_000)] = 20,
    seed: Annotated[int, typer.Option()] = 1,
    day: Annotated[str, typer.Option(help="Civil day, YYYY-MM-DD; today when left out.")] = "",
    charset: Annotated[str, typer.Option(help="Name of HL7 table 0211; by source when left out.")] = "",
) -> None:
    """Write the messages of one day."""
    if source not in get_args(SourceKind):
        raise InputError(f"a source is one of {', '.join(get_args(SourceKind))}")
    if charset and codec_of(charset) is None:
        raise InputError(f"{charset} is no character set of HL7 table 0211: take UNICODE UTF-8 or GB 18030-2000")
    made = list(
        messages(
            seed,
            patients,
            source,  # type: ignore[arg-type]  # checked against the literal just above
            charset or DEFAULT_CHARSETS[source],
            _day(day),
        )
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"".join(_START + message + _END for message in made))
    output.emit({"file": str(target), "messages": len(made)}, [f"{len(made)} messages in {target}"])


def send_file(
    file: Annotated[Path, typer.Argument(help="MLLP frames, or one bare message.", exists=True, dir_okay=False)],
    port: Annotated[int, typer.Option(help="MLLP port on this machine.", min=1, max=65535)],
    host: Annotated[str, typer.Option(help="Where the oracle listens.")] = "127.0.0.1",
    connections: Annotated[
        int, typer.Option(min=1, max=64, help="More than one gives up the order between messages.")
    ] = 1,
) -> None:
    """Send the messages of a file."""
    report = send_all(framed(file.read_bytes()), port, host=host, connections=connections)
    codes = {code or "none": count for code, count in report.codes.items()}
    output.emit(
        {"sent": report.sent, "codes": codes, "unanswered": report.unanswered, "refused": report.refused},
        [
            (
                f"{report.sent} sent: {', '.join(f'{count} {code}' for code, count in codes.items())}, "
                f"{report.unanswered} unanswered"
            )
        ],
    )
    if report.unanswered:
        raise UnavailableError(f"{report.unanswered} messages were not answered: send the file again, nothing doubles")


def send_all(made: list[bytes], port: int, *, host: str = "127.0.0.1", connections: int = 1) -> SendReport:
    """Send messages and wait for every reply.

    Raises:
        UnavailableError: nobody listens there.
    """
    try:
        return asyncio.run(send(made, host, port, connections=connections))
    except OSError as error:
        raise UnavailableError(f"nobody answers MLLP on {host}:{port}") from error


def framed(content: bytes) -> list[bytes]:
    """Messages of a file of MLLP frames, or the one bare message it is."""
    if _START not in content:
        return [content]
    return [frame.partition(_START)[2] for frame in content.split(_END) if _START in frame]


def _day(text: str) -> date:
    if not text:
        return date.today()  # noqa: DTZ011 - the civil day where the command runs
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("a day is written YYYY-MM-DD") from error
