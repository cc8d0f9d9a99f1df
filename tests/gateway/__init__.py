"""Tests of ``gateway``."""
