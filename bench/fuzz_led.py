"""One law fuzzed in this process, which libFuzzer ends: `python -m bench.fuzz_led NAME SECONDS`. See `bench.fuzz`.

Only our own modules tell of coverage: they are imported under atheris, which rewrites their bytecode.
"""

from __future__ import annotations

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["oracle", "salus"]):
    from tests.fuzz.laws import LAWS
    from tests.fuzz.seeds import mutate, seeds

from bench.lines import ROOT

_MOST = 65_536
_SLOWEST_SECONDS = 10
_MEGABYTES = 2048


def main(name: str, seconds: int) -> None:
    """Fuzz; does not return."""
    corpus, found = ROOT / ".cache" / "fuzz" / name, ROOT / "tests" / "fuzz" / "found" / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for place, one in enumerate(seeds(name)):
        (corpus / f"seed-{place}").write_bytes(one)

    def change(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if data and random.random() < 0.7:
            return mutate(name, data, random, most)
        return bytes(atheris.Mutate(data, most))

    arguments = [
        sys.argv[0],
        str(corpus),
        f"-max_total_time={seconds}",
        f"-max_len={_MOST}",
        f"-timeout={_SLOWEST_SECONDS}",
        f"-rss_limit_mb={_MEGABYTES}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup(arguments, LAWS[name], custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
