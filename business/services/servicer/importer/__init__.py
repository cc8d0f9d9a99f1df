"""Takes over agents, customers, messages and replies from a NiuShop's database (docs/import.md).

``run.py`` leads from ``source.py``, which reads, over ``rows.py``, which judges what was read, to
``people.py`` and ``messages.py``, which store it. The source is never written to.
"""
