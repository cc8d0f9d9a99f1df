"""What endpoints answer with, as models: the ``data`` of a success, for the description of the API.

No answer is checked against them while the service runs; the tests do that.
"""
