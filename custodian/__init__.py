"""Keeps key shares and releases them only against a final access entry."""
