"""Tests of ``business/``; those of the whole stack start real processes."""
