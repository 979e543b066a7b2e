"""Drills of a consortium: what breaks on purpose while people work, and whether every count still adds up."""
