"""What is looked at: of a world on this machine its nodes, accounts that send, what parts remember, and disks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from cli.chain_doctor.facts import Expected, Known
from cli.chain_doctor.look import Sight
from cli.world.cast import CAST, CUSTODIANS, VALIDATORS
from cli.world.keys import accounts_of
from cli.world.layout import World
from cli.world.networks import Network, node_part_name
from cli.world.services import custodian_part
from devnet.berlin import POOL
from salus.adapters.chain.finality import rule_of
from salus.adapters.chain.nodes import addresses
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.index import DatabaseIndex
from salus.adapters.deployment_file import read_deployment
from salus.adapters.keys import keystore
from salus.core.errors import SalusError
from salus.core.ids import hex32, read_address


def sight_of(world: World) -> Sight:
    """A running world.

    Raises:
        SetupError: its deployment file can't be read.
    """
    deployed = read_deployment(world.deployment_file, "the world's folder")
    is_dev = world.network is Network.DEV
    room = dict(POOL)
    return Sight(
        urls=_nodes(world),
        expected=Expected(world.network.chain_id, deployed.council, 0 if is_dev else len(VALIDATORS) - 1),
        finality="dev" if is_dev else f"clique:{len(VALIDATORS)}",
        accounts=dict(_accounts(world)),
        known=tuple(_known(world)),
        folders={"chain": world.folder / "chain", "databases": world.folder / "watch", "content": world.content},
        room=(room["globalslots"], room["globalqueue"]),
    )


def _nodes(world: World) -> dict[str, str]:
    if world.network is Network.DEV:
        return {"chain": world.chain_url}
    return dict(zip(map(node_part_name, VALIDATORS), world.chain_url.split(","), strict=True))


def _accounts(world: World) -> Iterator[tuple[str, str]]:
    for institution in CAST:
        for name in accounts_of(institution):
            if (file := world.keys.account_file(name)).exists():
                yield name, keystore.address_of(file)


def _known(world: World) -> Iterator[Known]:
    """Final blocks in the databases of watch and custodians; of one that can't be read now, nothing is said."""
    watched = _index_block(world.index_url)
    if watched is not None:
        yield Known("the watch's index", *watched)
    for name in CUSTODIANS:
        url = custodian_part(world, name).environment["SALUS_CUSTODIAN_DATABASE_URL"]
        if (seen := _custodian_block(url)) is not None:
            yield Known(name, *seen)


def _index_block(url: str) -> tuple[int, str] | None:
    engine = open_engine(url, read_only=True)
    try:
        block = DatabaseIndex(engine).indexed()
        return None if block is None else (block.number, hex32(block.hash))
    except (SQLAlchemyError, SalusError):
        return None
    finally:
        engine.dispose()


def _custodian_block(url: str) -> tuple[int, str] | None:
    store = DatabaseCustodianStore(open_engine(url, read_only=True))
    try:
        seen = store.seen_block()
        return None if seen is None else (seen[0], hex32(seen[1]))
    except (SQLAlchemyError, SalusError):
        return None
    finally:
        store.close()


def sight_of_addresses(
    rpc: str,
    deployment: Path | None = None,
    finality: str | None = None,
    peers: int | None = None,
    accounts: Sequence[str] = (),
    folders: Sequence[Path] = (),
) -> Sight:
    """Nodes by their addresses (comma-separated), with what their operator tells of them.

    Raises:
        InputError: an account is no address.
        SetupError: an address or the rule of finality is malformed, or the deployment file can't be read.
    """
    told = None if deployment is None else read_deployment(deployment, "--deployment")
    if finality is not None:
        rule_of(finality)
    return Sight(
        urls={urlsplit(url).netloc.rpartition("@")[2] or url: url for url in addresses(rpc)},
        expected=Expected(peers=peers) if told is None else Expected(told.chain_id, told.council, peers),
        finality=finality,
        accounts={account: read_address(account) for account in accounts},
        folders={str(folder): folder for folder in folders},
    )
