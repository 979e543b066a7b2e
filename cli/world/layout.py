"""Where everything of a world is: one folder, `.salus` of the checkout unless SALUS_HOME names another."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.world.cast import BASE_PORT, CAST, Name, Ports
from cli.world.database import Database, database_url
from cli.world.keys import KeyFolder
from cli.world.networks import Network, rpc_url
from devnet.swarm import load as load_swarm
from salus.core.errors import SetupError
from salus.core.ids import ParticipantId, from_hex, hex32

_ROOT = Path(__file__).resolve().parents[2]


def home() -> Path:
    """Folder of the world."""
    return Path(os.environ.get("SALUS_HOME", _ROOT / ".salus")).resolve()


def base_port() -> int:
    """First of the world's ports.

    Raises:
        SetupError: SALUS_BASE_PORT is no port.
    """
    text = os.environ.get("SALUS_BASE_PORT", str(BASE_PORT))
    if not text.isdigit() or not 1024 <= int(text) <= 65_000:
        raise SetupError("SALUS_BASE_PORT is a number from 1024 to 65000")
    return int(text)


@dataclass(frozen=True, slots=True)
class World:
    """A founded world: folder, ports, participant ids, what its chain and its databases are."""

    folder: Path
    ports: Ports
    ids: dict[Name, ParticipantId]
    network: Network = Network.DEV
    database: Database = Database.SQLITE

    @property
    def keys(self) -> KeyFolder:
        """Its keys."""
        return KeyFolder(self.folder / "keys")

    @property
    def deployment_file(self) -> Path:
        """Addresses of the contracts."""
        return self.folder / "deployment.json"

    @property
    def content(self) -> Path:
        """The content folder, shared by all parts on this machine."""
        return self.folder / "content"

    @property
    def swarm(self) -> Path:
        """Folder of the content swarm, where the world has one."""
        return self.folder / "swarm"

    @property
    def has_swarm(self) -> bool:
        """Whether its envelopes lie in a content swarm, not in the folder."""
        return (self.swarm / "swarm.json").exists()

    @property
    def content_address(self) -> str:
        """Where its envelopes lie: the content folder, or its swarm."""
        return self.content_address_for(None)

    def content_address_for(self, name: str | None) -> str:
        """The same for one institution, whose own node it asks first where it has one."""
        if not self.has_swarm:
            return str(self.content)
        swarm = load_swarm(self.swarm)
        return swarm.address(*sorted(swarm.nodes, key=lambda node: node != name))

    @property
    def index_url(self) -> str:
        """Database of the index, written by the watch, read by the APIs."""
        return self.database_url("watch", "index")

    def database_url(self, part: str, name: str) -> str:
        """Database of a part; `name` is its file's, where databases are files."""
        return database_url(self.folder, self.ports, self.database, part, name)

    @property
    def chain_url(self) -> str:
        """JSON-RPC of the chain: one node, or several by comma."""
        return rpc_url(self.network, self.ports, None)

    @property
    def genesis_file(self) -> Path:
        """Header of the first block, from which custodians of a consortium follow its seals."""
        return self.folder / "genesis-header.json"

    def api_url(self, name: Name) -> str:
        """An institution's API."""
        return f"http://127.0.0.1:{self.ports.api(name)}"

    def oracle_url(self, name: Name) -> str:
        """An oracle's HTTP."""
        return f"http://127.0.0.1:{self.ports.oracle_http(name)}"

    def custodian_url(self, name: Name) -> str:
        """A custodian's wire."""
        return f"http://127.0.0.1:{self.ports.custodian(name)}"

    def sources(self, name: Name) -> Path:
        """Folder of an institution's source files; with none in it, its oracle has one sender on its MLLP port."""
        return self.folder / "sources" / name

    def has_sources(self, name: Name) -> bool:
        """Whether there is a source file."""
        return any(self.sources(name).glob("*.toml"))

    def name_of(self, participant: bytes) -> str:
        """Title of an institution, or a short form of its id."""
        for institution in CAST:
            if self.ids[institution.name] == participant:
                return institution.title
        return hex32(participant)[:10] + "…"

    def save(self) -> None:
        """Write `world.json`."""
        value = {
            "network": self.network,
            "database": self.database,
            "basePort": self.ports.base,
            "participants": {name: hex32(i) for name, i in self.ids.items()},
        }
        scratch = self.folder / "world.new"
        scratch.write_text(json.dumps(value, indent=1))
        scratch.replace(self.folder / "world.json")


def load(folder: Path | None = None) -> World:
    """The world that was founded in a folder.

    Raises:
        SetupError: none was.
    """
    folder = folder or home()
    try:
        value: dict[str, Any] = json.loads((folder / "world.json").read_text())
    except FileNotFoundError as error:
        raise SetupError(f"there is no world in {folder}: run `make up` first") from error
    ids = {Name(name): ParticipantId(from_hex(text)) for name, text in value["participants"].items()}
    network, database = Network(value.get("network", Network.DEV)), Database(value.get("database", Database.SQLITE))
    return World(folder, Ports(int(value["basePort"])), ids, network, database)
