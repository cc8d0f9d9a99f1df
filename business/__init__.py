"""The processes that run the services: worker, service loader, hook runner, HTTP application.

What the services themselves do lies in ``services/<name>``. Sockets of clients are held by the
gateways; a business process may be replaced at any time without one of them being closed.
"""
