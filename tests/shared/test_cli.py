"""The commands of the start scripts, run as a user runs them."""

from __future__ import annotations

import json
import os
import signal
import stat
from pathlib import Path

import aiohttp
import pytest

from tests.support.stack import CommandFailed
from tests.support.timing import eventually

from .conftest import MakeDummy


async def test_background_start_returns_when_ready(dummy: MakeDummy) -> None:
    """start -d detaches, logs to run_dir, and everything is up when it returns."""
    script = dummy("business")
    code, out, err = await script.cli("start", "-d")
    try:
        assert (code, err) == (0, "")
        status = json.loads((await script.cli("status", "--json"))[1])
        assert [row["state"] for row in status["processes"]] == ["ready"]
        pid = status["supervisor"]["pid"]
        assert out == f"started (pid {pid}); log: {script.run_dir / 'business.log'}\n"
        assert os.getsid(pid) == pid
    finally:
        assert (await script.cli("stop"))[:2] == (0, "stopped\n")
    assert await script.cli("stop") == (
        1,
        "",
        f"start_business.py does not run in {script.run_dir}\n",
    )


@pytest.mark.parametrize(
    ("fault", "line", "expected"),
    [
        ("settings", "business-0: dummy.setting is wrong\n", 3),
        ("service", "business-0: service 'dummy': line 1: no good\n", 1),
    ],
)
async def test_background_start_that_fails_says_why(
    dummy: MakeDummy, fault: str, line: str, expected: int
) -> None:
    """In the terminal, not only in the log, and with the exit code of the foreground."""
    script = dummy("business")
    script.fault(fault)
    code, out, err = await script.cli("start", "-d")
    assert (code, out, err) == (expected, "", line)
    assert (await script.cli("status"))[0] == 1


async def test_restart_of_what_does_not_run_starts_it(dummy: MakeDummy) -> None:
    """As GatewayWorker does; and of what runs in the background it keeps it there."""
    script = dummy("gateway")
    assert (await script.cli("restart", "-d"))[0] == 0
    try:
        before = json.loads((await script.cli("status", "--json"))[1])
        assert await script.cli("restart", "-d") == (0, "restarted\n", "")
        after = json.loads((await script.cli("status", "--json"))[1])
        assert before["supervisor"]["pid"] == after["supervisor"]["pid"]
        assert before["processes"][0]["pid"] != after["processes"][0]["pid"]
    finally:
        await script.cli("stop")


async def test_a_second_start_says_that_it_runs(dummy: MakeDummy) -> None:
    """One line, exit code 3; what runs is not disturbed."""
    script = dummy("gateway")
    await script.start()
    assert script.process is not None
    code, _, err = await script.cli()
    assert code == 3
    assert err == f"start_gateway.py already runs in {script.run_dir} (pid {script.process.pid})\n"
    assert len(script.pids("gateway")) == 1


@pytest.mark.parametrize(
    ("role", "setting"), [("gateway", "gateway.port"), ("business", "business.port")]
)
async def test_a_busy_port_is_one_line(
    dummy: MakeDummy, busy_port: int, role: str, setting: str
) -> None:
    """Also with SO_REUSEPORT, where the kernel would not mind. Exit code 3."""
    script = dummy(role, {setting: busy_port})
    with pytest.raises(CommandFailed) as info:
        await script.start()
    assert info.value.code == 3
    assert info.value.line.startswith(
        f"{setting}: cannot listen at 127.0.0.1:{busy_port}: address already in use; set {setting}"
    )
    assert script.log.read_text() == info.value.line + "\n"


async def test_a_second_installation_cannot_join_the_port(dummy: MakeDummy, tmp_path: Path) -> None:
    """Two supervisors with run_dirs of their own do not share a public port by accident."""
    first = dummy("gateway")
    await first.start()
    first.configure({"gateway.port": first.address("public")[1]})
    code, _, err = await first.cli("--run_dir", str(tmp_path / "other"))
    assert code == 3
    assert "address already in use" in err


async def test_a_lock_of_a_dead_supervisor_is_no_obstacle(dummy: MakeDummy) -> None:
    """After kill -9 the next start works, and stop says that nothing runs."""
    script = dummy("gateway")
    await script.start()
    assert script.process is not None
    script.process.kill()
    script.process.wait()
    assert (await script.cli("stop"))[0] == 1
    await script.start()
    assert len(script.pids("gateway")) == 1


async def test_status_for_people_and_for_programs(dummy: MakeDummy) -> None:
    """The table has a line per process, aligned; --json has kinds, names, pids."""
    script = dummy("gateway", {"gateway.processes": 2, "register.listen": "127.0.0.1:0"})
    await script.start()
    code, out, _ = await script.cli("status", "--json")
    rows = json.loads(out)["processes"]
    assert code == 0
    assert [row["kind"] for row in rows] == ["register", "gateway", "gateway"]
    assert all(isinstance(row["pid"], int) for row in rows)
    code, out, _ = await script.cli("status")
    lines = [line for line in out.splitlines() if line.startswith("gateway-")]
    assert code == 0
    assert len(lines) == 2
    assert lines[0].index("ready") == lines[1].index("ready")
    assert str(rows[1]["pid"]) in lines[0]
    assert "RESTARTS" in out
    assert "dummy" in out  # the services


async def test_status_of_a_hung_child_still_comes(dummy: MakeDummy) -> None:
    """With its last numbers, after a moment."""
    script = dummy("gateway", {"supervision.ping_timeout": 0})
    await script.start()
    await eventually(lambda: script.processes()[0].get("memory"))
    talk = await script.talk("hang")
    code, out, _ = await script.cli("status", "--json")
    (row,) = json.loads(out)["processes"]
    assert code == 0
    assert row["pid"] == talk.pid
    assert row["memory"] > 0
    os.kill(talk.pid, signal.SIGKILL)


async def test_connections(dummy: MakeDummy) -> None:
    """A line per client with its process; --limit limits each process; business has none."""
    script = dummy("gateway", {"gateway.processes": 2})
    await script.start()
    code, out, _ = await script.cli("connections", "--json")
    assert code == 0
    assert {row["process"] for row in json.loads(out)["connections"]} == {"gateway-0", "gateway-1"}
    code, out, _ = await script.cli("connections")
    assert code == 0
    assert out.splitlines()[0].startswith("CLIENT ID")
    assert out.count("0" * 20) == 2
    code, out, _ = await script.cli("connections", "--limit", "0")
    assert (code, out) == (0, "no connections\n")


@pytest.mark.parametrize("role", ["gateway", "business"])
async def test_check_config(dummy: MakeDummy, role: str) -> None:
    """OK, or the line and exit code 3 that a start would give; nothing is started."""
    script = dummy(role)
    assert await script.cli("check-config") == (0, "OK\n", "")
    code, out, err = await script.cli("check-config", "--gateway.port", "x")
    assert (code, out) == (3, "")
    assert err.startswith("gateway.port = 'x' (from --gateway.port): should be a valid integer")
    code, out, err = await script.cli("check-config", "--demo", "--gateway.host", "0.0.0.0")
    assert (code, out) == (3, "")
    assert err.startswith("gateway.host = '0.0.0.0': is public")
    assert not script.run_dir.exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--gateway.prot", "1"), "gateway.prot (from the command line): there is no such setting"),
        (("--gateway.prot=1",), "gateway.prot (from the command line): there is no such setting"),
        (("--services", "x"), "services (from the command line): there is no such setting"),
        (("begin",), "begin: there is no such command: "),
        (("--gateway.port",), "argument --gateway.port: expected one argument"),
    ],
)
async def test_a_bad_command_line_is_one_line(
    dummy: MakeDummy, arguments: tuple[str, ...], line: str
) -> None:
    """Exit code 3, as for every bad setting."""
    code, out, err = await dummy("gateway").cli(*arguments)
    assert (code, out) == (3, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


async def test_services_and_only_may_be_repeated(dummy: MakeDummy, tmp_path: Path) -> None:
    """--services DIR and --only NAME are short for business.services and business.only."""
    script = dummy("business")
    code, _, err = await script.cli("check-config", "--services", str(tmp_path), "--only", "a")
    assert (code, err) == (0, "")
    code, _, err = await script.cli(
        "check-config", "--services", str(tmp_path), "--services", str(tmp_path / "nowhere")
    )
    assert code == 3
    assert err.startswith(f"business.services = '{tmp_path / 'nowhere'}': is no directory")


async def test_help_lists_commands_and_settings(dummy: MakeDummy) -> None:
    """Every setting is a flag with its description."""
    code, out, _ = await dummy("business").cli("--help")
    assert code == 0
    for text in ("check-config", "--gateway.ping_interval", "--only", "replace the processes"):
        assert text in out


async def test_run_dir_is_for_its_user_only(dummy: MakeDummy) -> None:
    """What stands in it gives power over the processes."""
    script = dummy("gateway")
    await script.start()
    assert stat.S_IMODE(script.run_dir.stat().st_mode) == 0o700


async def test_health_and_metrics(dummy: MakeDummy) -> None:
    """/healthz, /readyz and /metrics at admin.listen, with the label process."""
    script = dummy("gateway", {"admin.listen": "127.0.0.1:0", "gateway.processes": 2})
    await script.start()
    host, port = script.address("admin")
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:

        async def get(path: str) -> tuple[int, str]:
            async with session.get(path) as answer:
                return answer.status, await answer.text()

        assert await get("/healthz") == (200, "ok\n")
        status, text = await get("/readyz")
        assert status == 200
        assert json.loads(text)["processes"] == {"gateway-0": "ready", "gateway-1": "ready"}
        status, text = await get("/metrics")
        assert status == 200
        assert 'kefu_up{process="gateway-1"} 1.0' in text
        assert 'kefu_messages_in_total{process="gateway-0"} 0.0' in text
        assert 'kefu_service_events_total{process="gateway-0",service="dummy"} 0.0' in text
        script.fault("never ready")
        os.kill(script.pids("gateway")[0], signal.SIGKILL)
        await eventually(lambda: "starting" in [row["state"] for row in script.processes()])
        status, text = await get("/readyz")
        assert status == 503
        assert json.loads(text)["processes"]["gateway-0"] == "starting"
