"""Sources: one TOML file for each sender says how it is recognised, read and answered.

model.py    what is known of a sender
table.py    a TOML table read strictly: unknown keys and wrong values are refused by name
read.py     one file to a `Source`
folder.py   all files of a folder, and whether they have changed
live.py     the sources in force, exchanged while the oracle runs
"""

from oracle.sources.folder import SourceFolder, read_folder
from oracle.sources.live import LiveSources
from oracle.sources.model import (
    Acknowledgement,
    BatchFolder,
    ClientTls,
    DueAt,
    Language,
    MllpDoor,
    Rate,
    ReplyTo,
    ServerTls,
    Source,
)
from oracle.sources.read import read_source

__all__ = [
    "Acknowledgement",
    "BatchFolder",
    "ClientTls",
    "DueAt",
    "Language",
    "LiveSources",
    "MllpDoor",
    "Rate",
    "ReplyTo",
    "ServerTls",
    "Source",
    "SourceFolder",
    "read_folder",
    "read_source",
]
