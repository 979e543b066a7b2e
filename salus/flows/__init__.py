"""Use cases, one per file, that take their ports as arguments."""
