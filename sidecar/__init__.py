"""Beside a member's node: makes it follow the registry."""
