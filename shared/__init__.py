"""What several processes of kefu share: inner protocol, links, settings, supervision, errors.

Nothing here knows of WebSockets, hooks or shops. Modules import each other relatively, because
``gateway_client`` may load this package under another name (see ``gateway_client/_shared.py``).
"""
