"""Processor time of the write path by stage, from the oracle's own metrics and from /proc (Linux).

| stage | whose processor time |
| --- | --- |
| intake | the oracle's event loop: MLLP, judging, replies, HTTP |
| journal | its journal thread: hashes, sealing of rows, group commits |
| read | its reading processes: parse, FHIR, labels, canonical form |
| hand over | the oracle's side of that: opening journal rows, passing messages there and drafts back |
| seal | subjects and heads looked up, keys, shares, envelopes, leaves |
| store | envelopes into the content store, with the store's threads |
| commit | versions, heads and outcomes into the database |
| deposit | batches formed and sealed to each custodian |
| anchor | roots sent and awaited, batches noted |
| rest | other threads of the oracle: those that hand deposits over, quality, replies |
| custodian | a custodian's process |
| chain | the node's process |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bench.processes import cpu_seconds, family

_SAMPLE = re.compile(r'^salus_oracle_(thread|stage)_cpu_seconds_total\{\w+="([^"]*)"\} (\S+)$', re.MULTILINE)
_IN_SEAL_THREAD = ("read", "seal", "store", "commit")
_TO_READERS = ("QueueFeederThread", "Thread")


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds so far: of the oracle's threads and stages by name, of its own process, and of its readers."""

    threads: Mapping[str, float]
    stages: Mapping[str, float]
    oracle: float
    readers: float


def spent(metrics: str, pid: int) -> Spent:
    """What an oracle's `/metrics` text and its process say now."""
    found: dict[str, dict[str, float]] = {"thread": {}, "stage": {}}
    for kind, name, value in _SAMPLE.findall(metrics):
        found[kind][name] = float(value)
    readers = sum(cpu_seconds(child) for child in family(pid) if child != pid)
    return Spent(found["thread"], found["stage"], cpu_seconds(pid), readers)


def by_stage(before: Spent, after: Spent) -> dict[str, float]:
    """CPU seconds of each stage of the oracle between two looks."""
    threads = {name: used - before.threads.get(name, 0.0) for name, used in after.threads.items()}
    stages = {name: used - before.stages.get(name, 0.0) for name, used in after.stages.items()}
    in_seal = sum(stages.get(name, 0.0) for name in _IN_SEAL_THREAD)
    opening = threads.get("seal", 0.0) - in_seal
    found = {
        "intake": threads.get("MainThread", 0.0),
        "journal": threads.get("journal", 0.0),
        "read": after.readers - before.readers,
        "hand over": opening + stages.get("read", 0.0) + sum(threads.get(name, 0.0) for name in _TO_READERS),
        "seal": stages.get("seal", 0.0),
        "store": stages.get("store", 0.0) + threads.get("content", 0.0),
        "commit": stages.get("commit", 0.0),
        "deposit": threads.get("deposit", 0.0),
        "anchor": threads.get("anchor", 0.0),
    }
    named = sum(used for name, used in found.items() if name != "read")
    return found | {"rest": max(0.0, after.oracle - before.oracle - named)}
