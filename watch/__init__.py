"""Follows the chain and keeps a read model, gap checks and alerts."""
