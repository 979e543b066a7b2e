"""One TOML file to a `Source`. Unknown keys are refused: a misspelt rule would otherwise silently not hold."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta, timezone, tzinfo
from enum import IntFlag
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oracle.hl7.charset import codec_of
from oracle.hl7.texts import Language
from oracle.model import IdentifierRule, LabelRule, LabelTable
from oracle.sources.model import (
    DEFAULT_MESSAGE_BYTES,
    LARGEST_MESSAGE_BYTES,
    Acknowledgement,
    BatchFolder,
    ClientTls,
    DueAt,
    MllpDoor,
    Rate,
    ReplyTo,
    ServerTls,
    Source,
)
from oracle.sources.table import Table
from oracle.sources.tls import client_context, server_context
from salus.core.errors import SetupError
from salus.core.labels import MAX_LEVEL, MIN_LEVEL, Category, Confidentiality, Topic, mask_of

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_CHARSETS = "UTF-8, GB18030 (also GBK, GB2312), BIG5, ASCII"


@dataclass(frozen=True, slots=True)
class Institution:
    """What files needn't repeat: the institution's name and authority, and the days messages are kept."""

    title: str
    authority: str
    retain_days: int = 30


def read_source(file: Path, institution: Institution, supported: Mapping[str, frozenset[str]]) -> Source:
    """Read one file. `supported` are the message codes with a mapping, each with its trigger events.

    Raises:
        SetupError: names the file, the key, and what is allowed.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"{file.name}: cannot be read") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SetupError(f"{file.name}: is not TOML in UTF-8: {error}") from error
    top = Table(file, values)
    source = _source(top, institution, supported)
    closed = top.flag("closed", default=False)
    top.end()
    if closed:
        return replace(source, mllp=None, token=None, batch=None)
    if source.mllp is None and source.token is None and source.batch is None:
        raise SetupError(f"{file.name}: needs a way in: [mllp], [http] or [batch], or closed = true")
    return source


def _source(top: Table, institution: Institution, supported: Mapping[str, frozenset[str]]) -> Source:
    name = top.text("name")
    if _NAME.fullmatch(name) is None:
        raise top.wrong("name", "must be 1 to 32 of a-z, 0-9 and -, not beginning with -")
    charset = top.optional("charset")
    if charset is not None and codec_of(charset) is None:
        raise top.wrong("charset", f"must be one of {_CHARSETS}")
    messages = top.table("messages")
    identifiers = top.table("identifiers")
    source = Source(
        name=name,
        title=top.text("title", institution.title),
        authority=top.text("authority", institution.authority),
        charset=charset,
        zone=_zone(top),
        is_checkup=top.flag("checkup", default=None),
        language=top.choice("language", Language.ENGLISH, Language),
        events=_events(messages, supported),
        ignored_segments=frozenset(_segments(messages, "ignore_segments")),
        required_segments=_segments(messages, "require_segments"),
        systems=identifiers.pairs("systems", "assigning authorities to FHIR systems (URIs)") if identifiers else (),
        patient=_patient(identifiers),
        level=top.number("level", 0, 0, MAX_LEVEL),
        labels=_labels(top),
        retain_days=top.number("retain_days", institution.retain_days, 0, 36_500),
        max_message_bytes=top.number("max_message_bytes", DEFAULT_MESSAGE_BYTES, 1024, LARGEST_MESSAGE_BYTES),
        sequence_numbers=bool(top.flag("sequence_numbers", default=False)),
        control_id_digits=top.number("control_id_digits", 0, 0, 15),
        silence_minutes=top.number("silence_minutes", 0, 0, 100_000),
        rate=_rate(top.table("rate")),
        mllp=_mllp(top.table("mllp")),
        token=_token(top.table("http")),
        batch=_batch(top.table("batch")),
        acknowledgement=_acknowledgement(top.table("acknowledge")),
    )
    for table in (messages, identifiers):
        if table is not None:
            table.end()
    _check_systems(top, source)
    return source


def _zone(top: Table) -> tzinfo:
    text = top.text("zone", "+08:00")
    found = _OFFSET.fullmatch(text)
    if found is not None:
        offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
        if int(found[3]) < 60 and offset <= timedelta(hours=14):
            return timezone(-offset if found[1] == "-" else offset)
    elif text[0].isalpha():
        try:
            return ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise top.wrong("zone", 'must be an offset like "+08:00", or a zone of this machine like "Asia/Shanghai"')


def _events(messages: Table | None, supported: Mapping[str, frozenset[str]]) -> frozenset[tuple[str, str]] | None:
    if messages is None or not messages.has("accept"):
        return None

    def read(text: str) -> tuple[str, str]:
        code, _, event = text.partition("^")
        if code not in supported or (event and event not in supported[code]):
            listed = "; ".join(f"{one} ({', '.join(sorted(events))})" for one, events in sorted(supported.items()))
            raise ValueError(f'"{text}" is no supported message: "CODE" or "CODE^EVENT" of {listed}')
        return code, event

    return frozenset(messages.each("accept", 'messages like "ADT^A01" or "ORU"', read))


def _segments(messages: Table | None, name: str) -> tuple[str, ...]:
    def read(text: str) -> str:
        if _SEGMENT.fullmatch(text) is None or text == "MSH":
            raise ValueError(f'"{text}" is no segment name (three of A-Z and 0-9, not MSH)')
        return text

    return messages.each(name, 'segment names like "ZPD"', read) if messages is not None else ()


def _patient(identifiers: Table | None) -> tuple[IdentifierRule, ...]:
    rules = []
    for table in identifiers.tables("patient") if identifiers is not None else ():
        kind, authority = table.optional("type"), table.optional("authority")
        table.end()
        if kind is None and authority is None:
            raise table.wrong("type", "or authority must be given: PID-3.5, PID-3.4, or both")
        rules.append(IdentifierRule((kind or "").upper(), authority or ""))
    return tuple(rules)


def _labels(top: Table) -> LabelTable:
    rules = []
    for table in top.tables("labels"):
        word, code = table.optional("word") or "", table.optional("code") or ""
        rule = LabelRule(
            system=table.text("system", "*"),
            code=code,
            word=word,
            topics=mask_of(Topic, table.each("topics", "topics", _member(Topic))),
            category=Category[category]
            if (category := table.choice("category", "", ("", *Category.__members__)))
            else Category(0),
            level=table.number("level", MIN_LEVEL, MIN_LEVEL, MAX_LEVEL),
            confidentiality=Confidentiality[
                table.choice("confidentiality", "U", [one.name for one in Confidentiality])
            ],
        )
        table.end()
        if bool(word) == bool(code):
            raise table.wrong("code", "or word must be given, and not both")
        if word and not any(one.isalnum() for one in word):
            raise table.wrong("word", "must have a letter, a digit or a hanzi")
        if not rule.topics and not rule.category and rule.level == MIN_LEVEL and not rule.confidentiality:
            raise table.wrong("topics", "category, level or confidentiality must say what it means")
        rules.append(rule)
    return LabelTable(tuple(rules))


def _member(kind: type[IntFlag]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in kind.__members__:
            raise ValueError(f'"{text}" is none of {", ".join(kind.__members__)}')
        return text

    return read


def _check_systems(top: Table, source: Source) -> None:
    for authority, system in source.systems:
        if ":" not in system or any(one.isspace() for one in system):
            raise top.wrong(f"identifiers.systems.{authority}", "must be a URI, like urn:oid:1.2.3 or https://…")


def _rate(table: Table | None) -> Rate | None:
    if table is None:
        return None
    per_second = table.measure("messages_per_second", None, 0.01, 100_000)
    rate = Rate(per_second, table.number("burst", max(1, int(per_second)), 1, 1_000_000))
    table.end()
    return rate


def _mllp(table: Table | None) -> MllpDoor | None:
    if table is None:
        return None
    host, port = table.host("host", "127.0.0.1"), table.number("port", None, 0, 65_535)
    within = table.table("tls")
    tls = None
    if within is not None:
        tls = ServerTls(within.path("certificate"), within.path("key"), within.path("client_ca"))
        within.end()
        _try(table, partial(server_context, tls))
    pinned = table.each("client_fingerprints", "SHA-256 fingerprints of certificates", _fingerprint)
    names = table.each("client_names", "subject common names", str)
    table.end()
    if tls is None and (pinned or names):
        raise table.wrong("tls", "must be there when client certificates name the sender")
    if tls is not None and not pinned and not names:
        raise table.wrong("client_fingerprints", "or client_names must say which certificates are this sender's")
    return MllpDoor(port, host, tls, frozenset(pinned), frozenset(names))


def _try(table: Table, make: Callable[[], object]) -> None:
    """Refuse a TLS table whose files don't go together."""
    try:
        make()
    except SetupError as error:
        raise table.wrong("tls", str(error)) from error


def _fingerprint(text: str) -> bytes:
    plain = text.replace(":", "").lower()
    if _FINGERPRINT.fullmatch(plain) is None:
        raise ValueError("a fingerprint is 64 hex digits, colons allowed: openssl x509 -noout -fingerprint -sha256")
    return bytes.fromhex(plain)


def _token(table: Table | None) -> str | None:
    if table is None:
        return None
    file = table.path("token_file")
    table.end()
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if len(text) < 16 or any(one.isspace() for one in text):
        raise table.wrong("token_file", "must name a file with one token of 16 characters or more, ASCII, no blanks")
    return text


def _batch(table: Table | None) -> BatchFolder | None:
    if table is None:
        return None
    batch = BatchFolder(table.path("folder", folder=True), table.measure("settle_seconds", 2.0, 0.1, 3600.0))
    table.end()
    return batch


def _acknowledgement(table: Table | None) -> Acknowledgement:
    if table is None:
        return Acknowledgement()
    reply_to = table.table("reply_to")
    made = Acknowledgement(
        original=table.choice("original", DueAt.STORED, (DueAt.STORED, DueAt.PROCESSED)),
        application=table.choice("application", DueAt.PROCESSED, (DueAt.PROCESSED, DueAt.ANCHORED)),
        receipt=bool(table.flag("receipt", default=False)),
        confirm=bool(table.flag("confirm", default=True)),
        attempts=table.number("attempts", 20, 1, 1000),
        reply_to=None if reply_to is None else _reply_to(reply_to),
    )
    table.end()
    return made


def _reply_to(table: Table) -> ReplyTo:
    within = table.table("tls")
    tls = None
    if within is not None:
        own = within.path("certificate") if within.has("certificate") else None
        key = within.path("key") if within.has("key") else None
        if (own is None) != (key is None):
            raise within.wrong("certificate", "and key must be given together")
        tls = ClientTls(within.path("ca"), own, key, within.optional("server_name") or "")
        if own is None:
            within.flag("certificate", default=None)
            within.flag("key", default=None)
        within.end()
        _try(table, partial(client_context, tls))
    found = ReplyTo(table.host("host", None), table.number("port", None, 1, 65_535), tls)
    table.end()
    return found
