"""`salus simulate` and `salus send`: a made-up hospital day, and sending HL7 messages over MLLP."""

from __future__ import annotations

import asyncio
import io
import ssl
from datetime import date
from pathlib import Path
from typing import Annotated, get_args

import typer

from cli import output
from cli.exits import REFUSED
from cli.hospital_day import messages
from cli.hospital_people import SourceKind
from cli.mllp_client import SendReport, send
from oracle.hl7.charset import UTF_8, codec_of, decode
from oracle.hl7.errors import CharsetError
from oracle.intake.batch import Enclosed, pieces
from oracle.sources.model import LARGEST_MESSAGE_BYTES, ClientTls
from oracle.sources.tls import client_context
from salus.core.errors import InputError, UnavailableError
from salus.core.printable import escaped

DEFAULT_CHARSETS = {"hospital": "UNICODE UTF-8", "checkup": "GB18030"}
_START, _END = b"\x0b", b"\x1c\r"
_NO_DOOR = (
    "Is it a sender's port? `salus oracle sources` and `make up` name them. If so try again in a few seconds; "
    "`salus doctor` shows which part is away."
)


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
    file: Annotated[
        Path,
        typer.Argument(help="MLLP frames, or messages as they are, one after the other.", exists=True, dir_okay=False),
    ],
    port: Annotated[int, typer.Option(help="MLLP port on this machine.", min=1, max=65535)],
    host: Annotated[str, typer.Option(help="Where the oracle listens.")] = "127.0.0.1",
    connections: Annotated[
        int, typer.Option(min=1, max=64, help="More than one gives up the order between messages.")
    ] = 1,
    listen: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds to wait for application acknowledgments (enhanced mode).")
    ] = 0,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the CA of the oracle's certificate: use TLS.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM file of the sender's own certificate.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    server_name: Annotated[str, typer.Option(help="Name in the oracle's certificate, if not --host.")] = "",
) -> None:
    """Send the messages of a file. Exit code 3 if some are answered with AE, AR, CE or CR: they were not taken."""
    if (ca is None and (certificate or key)) or (certificate is None) != (key is None):
        raise InputError("TLS takes --ca, and --certificate and --key together")
    report = send_all(
        framed(file.read_bytes()),
        port,
        host=host,
        connections=connections,
        listen_seconds=listen,
        tls=None if ca is None else ClientTls(ca, certificate, key, server_name),
    )
    codes = {code or "none": count for code, count in report.codes.items()}
    later = [_text(one) for one in report.deferred]
    told = {"sent": report.sent, "codes": codes, "unanswered": report.unanswered, "refused": report.refused}
    counted = ", ".join(f"{count} {code}" for code, count in codes.items())
    output.emit(
        {**told, "refusals": [_text(one) for one in report.refusals], "deferred": later},
        [
            f"{report.sent} sent: {counted}, {report.unanswered} unanswered",
            *(line for one in report.refusals for line in _refusal(_text(one))),
            *(line for one in later for line in ("application acknowledgment:", *_lines(one))),
        ],
    )
    if report.unanswered:
        how = f" ({report.ended})" if report.ended else ""
        raise UnavailableError(
            f"{report.unanswered} messages were not answered{how}: send the file again, nothing doubles"
            + (". If it stays, the oracle's log says which certificate it saw" if ca is not None and how else "")
        )
    if report.refused:
        raise typer.Exit(REFUSED)


def send_all(
    made: list[bytes],
    port: int,
    *,
    host: str = "127.0.0.1",
    connections: int = 1,
    listen_seconds: float = 0,
    tls: ClientTls | None = None,
) -> SendReport:
    """Send messages and wait for every reply.

    Raises:
        SetupError: a file of `tls` is no PEM.
        UnavailableError: nobody listens there, or TLS was refused.
    """
    context = None if tls is None else client_context(tls)
    name = tls.server_name if tls is not None else ""
    sending = send(
        made, host, port, connections=connections, tls=context, server_name=name or None, listen_seconds=listen_seconds
    )
    try:
        return asyncio.run(sending)
    except ssl.SSLError as error:
        raise UnavailableError(f"TLS with {host}:{port} failed: {_why(error)}") from error
    except OSError as error:
        raise UnavailableError(f"nobody answers MLLP on {host}:{port}", advice=_NO_DOOR) from error


def framed(content: bytes) -> list[bytes]:
    """Messages of a file of MLLP frames, or those that stand in it one after the other, batch envelopes left out.

    What holds no message at all is sent as one: how an oracle answers that may be what is to be seen.
    """
    if _START in content:
        return [frame.partition(_START)[2] for frame in content.split(_END) if _START in frame]
    found = pieces(io.BytesIO(content), LARGEST_MESSAGE_BYTES)
    return [one.raw for one in found if isinstance(one, Enclosed)] or [content]


def _why(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}; --ca is the CA of the oracle's certificate, --server-name the name in it"
    return str(error.reason or error)


def _text(reply: bytes) -> str:
    """A reply in its own character set."""
    try:
        return decode(reply).text
    except CharsetError:
        return reply.decode(UTF_8, errors="replace")


def _lines(reply: str) -> list[str]:
    return [f"   {escaped(line)}" for line in reply.split("\r") if line.strip()]


def _refusal(reply: str) -> list[str]:
    """The lines of a reply that say what was wrong: MSA and ERR."""
    return [line for line in _lines(reply) if line.strip().startswith(("MSA", "ERR"))]


def _day(text: str) -> date:
    if not text:
        return date.today()  # noqa: DTZ011 - the civil day where the command runs
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("a day is written YYYY-MM-DD") from error
