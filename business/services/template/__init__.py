"""The smallest service. Copy this directory to a new name and run ``start_business.py reload``:
clients connect to ``ws://host:8282/<name>``, HTTP requests go to ``http://host:8080/<name>/``.

``template`` itself is not run, unless ``--only template`` says so.
"""
