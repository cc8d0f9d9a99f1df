"""The benchmark service; see events.py."""
