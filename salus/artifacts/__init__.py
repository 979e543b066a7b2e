"""ABI and bytecode of the contracts, written by `make artifacts`."""
