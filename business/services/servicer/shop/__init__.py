"""The shop's own data, which the chat reads and never writes: sites, members, goods, orders.

``interface.py`` says what the chat asks for; ``sql.py`` reads it from a NiuShop database,
``http.py`` asks the shop's back end, ``demo.py`` answers from a shop made up for trying kefu out.
``guarded.py`` stands before whichever it is, ``opening.py`` picks it.
"""
