"""What every geth-like node of a network here is told alike: the rules of its EVM, and the sizes of its pool."""

from __future__ import annotations

FORKS = (
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
)
"""Members of a genesis file's `config` that turn Berlin on; London and later stay off."""
POOL = ("accountslots", 5_000), ("globalslots", 100_000), ("accountqueue", 5_000), ("globalqueue", 100_000)
"""Options `--txpool.…` and their values."""
