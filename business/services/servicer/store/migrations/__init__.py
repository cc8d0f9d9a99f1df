"""Alembic's side of the store: how migrations are run, and the migrations."""
