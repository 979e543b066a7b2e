"""What reading one message costs, step by step, beside python-hl7's parser. One process, nothing stored.

    python -m bench.reading [--messages N]

Messages are ORU^R01 of about 3.5 KB with some 34 results. Figures are processor time, the best of five rounds, so that
other work on the machine disturbs them little.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import hl7

from bench.lines import line, run
from bench.messages import reports
from cli.hospital_people import HOSPITAL
from oracle.hl7.charset import decode
from oracle.hl7.message import parse
from oracle.intake.receive import receive
from oracle.label import label
from oracle.model import RawMessage
from oracle.normalise import normalise
from oracle.reading import read_message

ROUNDS = 5
_PROFILES = {"mllp": HOSPITAL}
STEPS: dict[str, Callable[[bytes], object]] = {
    "decode and parse": lambda raw: parse(decode(raw).text),
    "decode and parse with python-hl7": lambda raw: hl7.parse(raw.decode()),
    "judge at intake (parse, hashes, verdict)": receive,
    "parse and normalise to FHIR": lambda raw: normalise(parse(receive(raw).text), HOSPITAL),
    "the same and label": lambda raw: [label(group) for group in normalise(parse(receive(raw).text), HOSPITAL)],
    "the same and canonical bytes: all of reading": lambda raw: read_message(RawMessage("mllp", raw), _PROFILES),
}


def micros(messages: list[bytes], work: Callable[[bytes], object]) -> float:
    """Microseconds of processor time a message, best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for message in messages:
            work(message)
        best = min(best, time.process_time() - began)
    return best / len(messages) * 1e6


def main() -> None:
    """Print one line per step."""
    parser = argparse.ArgumentParser(prog="python -m bench.reading", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=400)
    told = parser.parse_args()
    messages = list(reports(1, told.messages))
    size, segments = sum(map(len, messages)) / len(messages), messages[0].count(b"\r")
    for name, work in STEPS.items():
        taken = micros(messages, work)
        figure = f"{taken:,.0f} µs of processor time, {1e6 / taken:,.0f}/s"
        line(f"{name}, {size:,.0f} bytes, {segments} segments", figure, "", "reading")


if __name__ == "__main__":
    run(main)
