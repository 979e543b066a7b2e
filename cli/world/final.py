"""Waiting until what was just written is final: custodians believe nothing earlier."""

from __future__ import annotations

import json
import time

from cli.world.layout import World
from cli.world.networks import finality
from salus.adapters.chain.connect import connect
from salus.core.errors import UnavailableError
from salus.core.ids import Address

_POLL_SECONDS = 0.2


def until_final(world: World, patience: float = 60) -> None:
    """Wait until the newest block of now is final; at once on a development chain.

    Raises:
        UnavailableError: it is not within `patience` seconds.
    """
    deployment = json.loads(world.deployment_file.read_text())
    council = Address(deployment["contracts"]["Council"][-1]["address"])
    chain = connect(world.chain_url, council, finality(world.network).get("FINALITY", "dev"))
    try:
        head, deadline = chain.reader.head().number, time.monotonic() + patience
        while chain.reader.final().number < head:
            if time.monotonic() > deadline:
                raise UnavailableError(f"block {head} is not final in time: do enough validators run?")
            time.sleep(_POLL_SECONDS)
    finally:
        chain.close()
