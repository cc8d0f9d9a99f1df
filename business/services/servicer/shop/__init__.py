"""The shop's own data, which the chat reads and never writes: sites, members, goods, orders.

``interface.py`` says what the chat asks for, ``demo.py`` answers from a shop made up for trying
kefu out.
"""
