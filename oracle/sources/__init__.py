"""Sources: one TOML file for each sender says how it is recognised, read and answered.

model.py    what is known of a sender
table.py    a TOML table read strictly: unknown keys and wrong values are refused by name
read.py     one file to a `Source`
tls.py      its TLS, and who a certificate names
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
    MllpDoor,
    Rate,
    ReplyTo,
    ServerTls,
    Source,
)
from oracle.sources.read import Institution, read_source
from oracle.sources.tls import client_context, server_context, shown_by

__all__ = [
    "Acknowledgement",
    "BatchFolder",
    "ClientTls",
    "DueAt",
    "Institution",
    "LiveSources",
    "MllpDoor",
    "Rate",
    "ReplyTo",
    "ServerTls",
    "Source",
    "SourceFolder",
    "client_context",
    "read_folder",
    "read_source",
    "server_context",
    "shown_by",
]
