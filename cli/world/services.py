"""The processes of a world: each service with its settings."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from cli.staff import make_client_key, public_jwk
from cli.world.cast import BY_NAME, CAST, CUSTODIANS, VALIDATORS, Institution, Name, Ports
from cli.world.database import database_parts
from cli.world.health import Health
from cli.world.keys import RELAYS
from cli.world.layout import World
from cli.world.networks import Network, clique_of, finality, namespaces, node_part_name, rpc_url
from cli.world.sidecars import sidecar_part
from cli.world.swarm import content_parts
from devnet.anvil import AnvilSettings, anvil_command, is_ready
from devnet.clique_nodes import links_part, node_part
from devnet.geth_binary import geth_binary
from devnet.supervisor import Part
from salus.core.ids import hex32

_ROOT = Path(__file__).resolve().parents[2]
_SCOPES = ["records:open", "consents:read", "audit:read", "destroy"]
STAFF_CLIENT = "ward"


def chain_part(folder: Path, ports: Ports) -> Part:
    """The development chain."""
    folder.joinpath("chain").mkdir(parents=True, exist_ok=True)
    settings = AnvilSettings(ports.chain, state=folder / "chain" / "state.json")
    return Part("chain", anvil_command(settings), ports=(ports.chain,), ready=lambda: is_ready(ports.chain))


def network_parts(folder: Path, ports: Ports, network: Network) -> list[Part]:
    """The nodes of a consortium, and the links between them unless each has a namespace.

    Raises:
        SetupError: there is no geth, and it cannot be built.
    """
    clique, binary, spaces = clique_of(folder, ports, network), geth_binary(), namespaces(ports)
    nodes = {name: node_part(clique, name, binary, node_part_name(name)) for name in clique.nodes}
    if network is Network.NAMESPACES:
        return [replace(part, command=spaces.command(name, part.command)) for name, part in nodes.items()]
    return [links_part(clique), *nodes.values()]


def chain_parts(folder: Path, ports: Ports, network: Network) -> list[Part]:
    """The chain of a world."""
    return [chain_part(folder, ports)] if network is Network.DEV else network_parts(folder, ports, network)


def store_parts(world: World) -> list[Part]:
    """What services keep everything in, and need before they start: database server and content nodes, if any."""
    return [*database_parts(world.folder, world.ports, world.database), *content_parts(world)]


def service_parts(world: World) -> list[Part]:
    """Every service: database server and content nodes, if there are some, then custodians first."""
    parts = [*store_parts(world)]
    parts += [custodian_part(world, name) for name in CUSTODIANS]
    parts.append(watch_part(world))
    parts += [oracle_part(world, i.name) for i in CAST if i.oracle]
    parts += [api_part(world, i.name) for i in CAST if i.api]
    if world.network is not Network.DEV:
        parts += [sidecar_part(world, name) for name in VALIDATORS]
    return parts


def custodian_part(world: World, name: Name) -> Part:
    """One custodian."""
    port, folder, keys = world.ports.custodian(name), _folder(world, name), world.keys
    settings = {
        "PARTICIPANT_ID": hex32(world.ids[name]),
        "RPC_URL": rpc_url(world.network, world.ports, name),
        **finality(world.network),
        **({} if world.network is Network.DEV else {"GENESIS": str(world.genesis_file)}),
        "DEPLOYMENT": str(world.deployment_file),
        "DATABASE_URL": world.database_url(name, "custodian"),
        "OPERATOR_KEYSTORE": str(keys.account_file(f"{name}.operator")),
        "ENCRYPTION_KEY": str(keys.sealing_file(name)),
        "PASSPHRASE_FILE": str(keys.passphrase_file),
        "PERIOD_KEYS": str(folder / "period-keys"),
        "CUSTODIANS": str(_custodians_file(world)),
        "CONTENT": world.content_address_for(name),
        "PORT": str(port),
    }
    return _python(name, "custodian", "SALUS_CUSTODIAN_", settings, (port,), port)


def watch_part(world: World) -> Part:
    """The watch."""
    _folder(world, "watch")
    settings = {
        "RPC_URL": world.chain_url,
        **finality(world.network),
        "DEPLOYMENT": str(world.deployment_file),
        "DATABASE_URL": world.index_url,
        "POLL_SECONDS": "0.3",
        "PORT": str(world.ports.watch),
    }
    return _python("watch", "watch", "SALUS_WATCH_", settings, (world.ports.watch,), world.ports.watch)


def oracle_part(world: World, name: Name) -> Part:
    """One oracle."""
    settings = oracle_settings(world, name)
    http_port, mllp_port = world.ports.oracle_http(name), world.ports.oracle_mllp(name)
    return _python(f"{name}-oracle", "oracle", "SALUS_ORACLE_", settings, (http_port, mllp_port), http_port)


def oracle_settings(world: World, name: Name) -> dict[str, str]:
    """Settings of an oracle, without their prefix."""
    institution, keys = BY_NAME[name], world.keys
    _folder(world, f"{name}-oracle")
    http_port, mllp_port = world.ports.oracle_http(name), world.ports.oracle_mllp(name)
    world.sources(name).mkdir(parents=True, exist_ok=True)
    return {
        "PARTICIPANT_ID": hex32(world.ids[name]),
        "RPC_URL": world.chain_url,
        **finality(world.network),
        "DEPLOYMENT": str(world.deployment_file),
        "DATABASE_URL": world.database_url(f"{name}-oracle", "oracle"),
        "KEYSTORE": str(keys.account_file(f"{name}.oracle")),
        "PASSPHRASE_FILE": str(keys.passphrase_file),
        "SITE_KEY_FILE": str(keys.site_key_file(name)),
        "CONTENT": world.content_address_for(name),
        "CUSTODIANS": str(_custodians_file(world)),
        "HTTP_PORT": str(http_port),
        "MLLP_PORT": str(mllp_port),
        "NAME": institution.title_zh,
        "AUTHORITY": institution.authority,
        "CHARSET": institution.charset,
        # Given even without files: with one folder of the caller's environment two oracles would want the same ports.
        "SOURCES": str(world.sources(name)) if world.has_sources(name) else "",
    }


def api_part(world: World, name: Name) -> Part:
    """One institution's API."""
    port, folder, keys = world.ports.api(name), _folder(world, f"{name}-api"), world.keys
    relays = [str(keys.account_file(f"{name}.relay-{number}")) for number in range(1, RELAYS + 1)]
    settings = {
        "PARTICIPANT_ID": hex32(world.ids[name]),
        "RPC_URL": world.chain_url,
        **finality(world.network),
        "DEPLOYMENT": str(world.deployment_file),
        "DATABASE_URL": world.database_url(f"{name}-api", "api"),
        "INDEX_URL": world.index_url,
        "OPERATOR_KEYSTORE": str(keys.account_file(f"{name}.operator")),
        "SECOND_KEYSTORE": str(keys.account_file(f"{name}.second")),
        "RELAY_KEYSTORES": ",".join(relays),
        "PASSPHRASE_FILE": str(keys.passphrase_file),
        "TOKEN_KEY": str(folder / "token.pem"),
        "SEAL_KEY": str(folder / "seal.key"),
        "CONTENT": world.content_address_for(name),
        "CUSTODIANS": str(_custodians_file(world)),
        "CLIENTS": str(_clients_file(world, name)),
        "TITLES": str(_titles_file(world)),
        "REGULATOR": hex32(world.ids[Name.REGULATOR]),
        "PUBLIC_URL": world.api_url(name),
        "PORT": str(port),
    }
    return _python(f"{name}-api", "api", "SALUS_API_", settings, (port,), port)


def client_key(world: World, name: Name) -> Path:
    """Private key of the staff client at an institution."""
    return world.folder / "clients" / f"{name}.pem"


def _python(
    name: str, package: str, prefix: str, settings: dict[str, str], ports: tuple[int, ...], health: int
) -> Part:
    environment = {prefix + key: value for key, value in settings.items()}
    environment["PYTHONPATH"] = str(_ROOT)
    return Part(name, (sys.executable, "-m", package), environment, ports, Health(health))


def _folder(world: World, name: str) -> Path:
    folder = world.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _custodians_file(world: World) -> Path:
    return _write(
        world.folder / "custodians.json", {hex32(world.ids[name]): world.custodian_url(name) for name in CUSTODIANS}
    )


def _titles_file(world: World) -> Path:
    return _write(
        world.folder / "titles.json", {hex32(world.ids[i.name]): {"en": i.title, "zh": i.title_zh} for i in CAST}
    )


def _clients_file(world: World, name: Name) -> Path:
    key = client_key(world, name)
    key.parent.mkdir(parents=True, exist_ok=True)
    make_client_key(key)
    client = {"client_id": STAFF_CLIENT, "scopes": _scopes(BY_NAME[name]), "jwks": {"keys": [public_jwk(key)]}}
    return _write(world.folder / "clients" / f"{name}.json", {"clients": [client]})


def _scopes(institution: Institution) -> list[str]:
    return ["audit:read"] if institution.name is Name.REGULATOR else _SCOPES


def _write(path: Path, value: object) -> Path:
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(value, indent=1, ensure_ascii=False))
    scratch.replace(path)
    return path
