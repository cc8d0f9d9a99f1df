#!/usr/bin/env python3
"""Starts the business processes (they run the services: hooks, HTTP API, pages).

``start_business.py --help`` lists the commands; ``shared/supervisor.py`` does the work, and
``business/worker.py`` is what the processes run. Services may have commands of their own, see
``business/commands.py``.
"""

import sys

from business import commands
from shared import cli

if __name__ == "__main__":
    sys.exit(cli.main("business", others=commands.run))
