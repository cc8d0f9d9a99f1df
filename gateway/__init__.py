"""The gateway process: holds the client sockets and knows nothing of what is said on them.

``server`` assembles it; ``connection`` is one socket, and ``handshake``, ``websocket`` and
``frames`` what passes through it; ``hub`` the indexes; ``peers`` the inner sockets; ``routing``
decides which worker gets an event; ``commands`` executes what peers ask for; ``clockwork`` keeps
the time limits; ``register`` is the other process kind started here. Nothing of hooks or shops
lives here.
"""
