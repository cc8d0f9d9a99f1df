"""What kefu costs, measured against simpler servers in the same run.

Lives here: the load generators, the simpler servers, the cases, the table. ``python -m benchmarks``
(``make bench``) runs them. Nothing of the product imports this package.
"""
