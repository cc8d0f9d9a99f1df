"""Tests of ``shared/``."""
