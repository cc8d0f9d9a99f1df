"""The customer service: customers of shops talk to the shops' agents.

``events.py`` has the hooks of the sockets, ``routes.py`` the way from a URL to a row of the table
of endpoints (``endpoints/``), ``service.py`` what both share. Below them: ``customers.py``,
``agents.py`` and ``messages.py`` do what an endpoint asks for, ``sockets.py`` and ``push.py`` talk
to the gateways, ``store/`` to the database, ``shop/`` to the shop. A copy of this directory under
another name is another customer service, with tables, tokens and cookies of its own.
"""
