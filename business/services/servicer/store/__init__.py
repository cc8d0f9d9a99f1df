"""The service's database: tables, migrations, the group commit, and the statements.

Reads and writes are plain functions that get a SQLAlchemy connection; ``database.py`` runs them.
Nothing here knows of sockets or HTTP.
"""
