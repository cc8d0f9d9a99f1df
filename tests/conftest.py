"""What holds for the whole suite."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.databases import Servers


@pytest.fixture(scope="session")
def database_servers() -> Iterator[Servers]:
    """Real database servers, which start when a test asks for one."""
    servers = Servers()
    yield servers
    servers.close()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In continuous integration a skipped test is a failure: what was not run is not known."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("tests were skipped, which CI does not allow", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
