"""Run every benchmark, or those named: `python -m bench [NAME …]`; `python -m bench.NAME --help` tells of its options,
which may follow the name of one: `python -m bench path --seconds 300`.

| name | measures |
| --- | --- |
| `ingest` | durable ACK over MLLP, beside python-hl7 and HAPI HL7v2 |
| `reading` | HL7 to labelled FHIR, step by step |
| `fhir_score` | how much of the FHIR that others expect of HL7 messages the mapping makes |
| `labels` | precision and recall of the labels on the labelled set |
| `path` | MLLP to anchored, with custodians and chain; exactly once, opened by patients, processor time by stage |
| `access` | request to plaintext, 20 requesters at once |
| `receipt` | offline check of receipts |
| `log_lookup` | the index with 1,000,000 entries |
| `follow` | the light client: a header and a proof checked, 10,000 headers over HTTP |

And those that run only when named:

| name | measures |
| --- | --- |
| `consortium` | four validators, Clique or QBFT: block interval, requests a second alone and batched, latency, growth |
| `stores` | content stores: records in batches to a folder and to a Kubo swarm, reads, memory for a gigabyte |
| `journal_postgres` | durable ACK with the journal on PostgreSQL, beside SQLite and a bare fsync |
| `quality` | a hospital's month with known truth: completeness, duplicates, ownership, gaps |
| `soak` | 1,000,000 messages, resends, malformed ones and kills: everything there once (an hour) |
"""

from __future__ import annotations

import argparse
import subprocess
import sys

ALL = ("ingest", "reading", "fhir_score", "labels", "path", "access", "receipt", "log_lookup", "follow")
NAMED_ONLY = ("consortium", "stores", "journal_postgres", "quality", "soak")
INTERRUPTED = 130


def main() -> int:
    """Run benchmarks one after another, each in a process of its own; returns how many failed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(ALL + NAMED_ONLY)}; all but the last five when none is given",
    )
    told, options = parser.parse_known_args()
    names = told.names
    if options and len(names) != 1:
        parser.error(f"{' '.join(options)}: options are those of one benchmark; name it before them")
    unknown = [name for name in names if name not in ALL + NAMED_ONLY]
    if unknown:
        sys.stderr.write(f"bench: no benchmark {', '.join(unknown)}; there are {', '.join(ALL + NAMED_ONLY)}\n")
        return 2
    failed = 0
    for name in names or ALL:
        sys.stdout.write(f"\n== {name}\n")
        sys.stdout.flush()
        code = _run(name, options)
        if code == INTERRUPTED:
            return code
        failed += code != 0
    return failed


def _run(name: str, options: list[str]) -> int:
    """Exit code of one benchmark. At Ctrl-C it gets the signal too, and is waited for while it cleans up."""
    with subprocess.Popen([sys.executable, "-m", f"bench.{name}", *options]) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue


if __name__ == "__main__":
    sys.exit(main())
