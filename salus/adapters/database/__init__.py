"""Databases of the services: one engine layer for SQLite (embedded) and PostgreSQL, one schema per service."""
