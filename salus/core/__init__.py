"""What things mean, as pure functions and values: no network, clock, database or environment."""
