"""A patient's wallet, opened in the running world: the options that every command of a patient has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.patient.session import PatientSession, WalletFile
from cli.world.cast import Name
from cli.world.layout import World
from cli.world.running import running_world
from salus.adapters.api_client import ApiClient
from salus.adapters.keys.files import read_passphrase
from salus.core.errors import SetupError

Wallet = Annotated[
    Path | None,
    typer.Option(
        "--wallet", help="Wallet file; patient.wallet of the running world when left out.", envvar="SALUS_WALLET"
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        help="File whose first line opens the wallet; asked for when left out.", envvar="SALUS_WALLET_PASSPHRASE_FILE"
    ),
]
Source = Annotated[Name, typer.Argument(help="Institution that knows you.")]


def opened_session(wallet: Path | None, passphrase_file: Path | None) -> tuple[World, PatientSession]:
    """The running world, and a patient's wallet opened in it.

    Raises:
        SetupError: no world runs, or there is no such wallet.
    """
    world, path = running_world(), wallet_path(wallet)
    if not path.exists():
        raise SetupError(f"there is no wallet at {path}: `salus patient new` makes one, --wallet names another")
    file = WalletFile(path, passphrase_of(passphrase_file))
    return world, PatientSession(file, api_of(world, Name.HOSPITAL_B))


def api_of(world: World, name: Name) -> ApiClient:
    """An institution's API, held to be that institution's."""
    return ApiClient(world.api_url(name), participant=world.ids[name])


def wallet_path(named: Path | None) -> Path:
    """The wallet file that was named, or the world's."""
    return named if named is not None else running_world().folder / "patient.wallet"


def passphrase_of(file: Path | None, *, confirm: bool = False) -> str:
    """The first line of a file, or what is typed."""
    if file is not None:
        return read_passphrase(file)
    return str(typer.prompt("Passphrase of the wallet", hide_input=True, confirmation_prompt=confirm, err=True))
