"""Builds an oracle from its settings and runs it: the only place of the oracle that names adapters.

kept ◄── parts ◄── rounds, ready ◄── serving
sources ◄──┘
"""

from oracle.runtime.kept import Kept, opened_journal, row_keys
from oracle.runtime.parts import Parts, abandoning, opened, preflight
from oracle.runtime.serving import serve
from oracle.runtime.sources import profile_of, sources_of

__all__ = [
    "Kept",
    "Parts",
    "abandoning",
    "opened",
    "opened_journal",
    "preflight",
    "profile_of",
    "row_keys",
    "serve",
    "sources_of",
]
