"""The tests. They mirror the source: ``tests/shared/test_child.py`` tests ``shared/child.py``."""
