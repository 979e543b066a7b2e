"""The deployment file as a service reads it: which chain, and where the Council is. All else is in its directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from salus.core.errors import InputError, SetupError
from salus.core.ids import Address, read_address


@dataclass(frozen=True, slots=True)
class DeploymentFile:
    """What of a file `deployments/<chain-id>.json` a service needs: EIP-155 chain id, address of the Council."""

    chain_id: int
    council: Address


def read_deployment(path: Path, setting: str) -> DeploymentFile:
    """Read one; `setting` is what named it, for the error.

    Raises:
        SetupError: it can't be read, or has no chain id or no Council.
    """
    try:
        known = json.loads(path.read_bytes())
        return DeploymentFile(int(known["chainId"]), read_address(known["contracts"]["Council"][-1]["address"]))
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, InputError) as error:
        raise SetupError(f"{setting} must name a deployment file that lists the Council") from error
