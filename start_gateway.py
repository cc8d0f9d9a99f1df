#!/usr/bin/env python3
"""Starts the gateway processes (they hold the clients' sockets) and the register.

``start_gateway.py --help`` lists the commands; ``shared/supervisor.py`` does the work, and
``gateway/server.py`` is what the processes run.
"""

import sys

from shared import cli

if __name__ == "__main__":
    sys.exit(cli.main("gateway"))
