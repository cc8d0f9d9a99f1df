"""One directory per service. Copy ``template`` to a new name and reload: that is a new service.

Nothing is registered here or anywhere else; ``business/loader.py`` finds the directories that have
an ``events.py``. A service imports its own modules relatively, so that a copy works as it is.
"""
