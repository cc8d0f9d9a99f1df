"""What kefu costs, measured against the stock ``websockets`` server in the same run.

Lives here: the load generator, the stock server, the cases, the table. ``python -m benchmarks``
(``make bench``) runs them. Nothing of the product imports this package.
"""
