"""One line about a source, for people: how it is recognised, what it may send, how it is answered."""

from __future__ import annotations

from oracle.sources.model import MllpDoor, Source


def described(source: Source) -> dict[str, str]:
    """Words by heading; tokens and paths of keys are not shown."""
    ack = source.acknowledgement
    return {
        "name": source.name,
        "title": source.title,
        "in": ", ".join(_ways(source)),
        "charset": source.charset or "by message",
        "zone": str(source.zone),
        "events": "all"
        if source.events is None
        else " ".join(sorted("^".join(filter(None, e)) for e in source.events)),
        "answers": _answers(ack.original, ack.application, ack.reply_to is not None),
        "rate": f"{source.rate.per_second:g}/s" if source.rate else "",
        "level": str(source.level) if source.level else "",
        "label rules": str(len(source.labels.rules)) if source.labels.rules else "",
        "kept": f"{source.retain_days} d",
    }


def _ways(source: Source) -> list[str]:
    ways = []
    if source.mllp is not None:
        ways.append(f"mllp {source.mllp.host}:{source.mllp.port}{_certificates(source.mllp)}")
    if source.token is not None:
        ways.append("http")
    if source.batch is not None:
        ways.append("batch files")
    return ways


def _certificates(door: MllpDoor) -> str:
    if door.tls is None:
        return ""
    shown = sorted(door.names) + [f"{one.hex()[:16]}…" for one in sorted(door.fingerprints)]
    return f" tls ({', '.join(shown)})"


def _answers(original: str, application: str, second: bool) -> str:
    back = "by a second connection" if second else "by the same connection"
    return f"original once {original}; application once {application}, {back}"
