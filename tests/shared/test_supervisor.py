"""The supervisor, with real processes: dummies that do what the test says."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.support.stack import CommandFailed
from tests.support.timing import SECOND, eventually, within

from .conftest import MakeDummy


def alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"


async def test_all_processes_start_and_stop(dummy: MakeDummy) -> None:
    """A gateway supervisor runs a register and N gateways, and stop ends all of them."""
    script = dummy("gateway", {"gateway.processes": 2, "register.listen": "127.0.0.1:0"})
    await script.start()
    rows = script.processes()
    assert [(row["kind"], row["name"]) for row in rows] == [
        ("register", "register"),
        ("gateway", "gateway-0"),
        ("gateway", "gateway-1"),
    ]
    assert all(row["state"] == "ready" and row["memory"] > 0 for row in rows)
    await script.command("stop")
    assert await script.wait() == 0
    assert not any(alive(row["pid"]) for row in rows)
    assert not (script.run_dir / "gateway.sock").exists()


async def test_gateways_share_the_port_and_workers_one_socket(dummy: MakeDummy) -> None:
    """Connections reach every gateway process, each by its own socket at the common port."""
    script = dummy("gateway", {"gateway.processes": 2})
    await script.start()
    names = set()
    for _ in range(200):
        talk = await script.talk()
        names.add(talk.name)
        await talk.rest()
        if len(names) == 2:
            break
    assert names == {"gateway-0", "gateway-1"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_everything(dummy: MakeDummy, number: int) -> None:
    """SIGTERM and Ctrl-C drain: children are told, and the exit code is 0."""
    script = dummy("gateway")
    await script.start()
    talk = await script.talk("wait for stop")
    assert script.process is not None
    script.process.send_signal(number)
    assert await talk.rest() == "stop"
    assert await script.wait() == 0


async def test_a_second_signal_ends_at_once(dummy: MakeDummy) -> None:
    """A child that does not finish is killed at the second SIGTERM, long before its deadline."""
    script = dummy("gateway", {"gateway.drain_timeout": 600})
    script.fault("never ends")
    await script.start()
    (pid,) = script.pids("gateway")
    assert script.process is not None
    script.process.send_signal(signal.SIGTERM)
    await eventually(lambda: script.processes()[0]["state"] == "stopping")
    await asyncio.sleep(0.4)  # a signal repeated at once is one signal
    script.process.send_signal(signal.SIGTERM)
    await script.wait()
    assert not alive(pid)


async def test_a_child_that_does_not_finish_ends_at_its_deadline(dummy: MakeDummy) -> None:
    """stop returns although a child goes on: it is ended after drain time and grace."""
    script = dummy("gateway", {"gateway.drain_timeout": 0})
    script.fault("never ends")
    await script.start()
    await within(script.command("stop"), factor=2)
    assert await script.wait() == 0


async def test_a_dead_child_is_replaced_on_the_same_socket(dummy: MakeDummy) -> None:
    """kill -9: another process takes over, and who connected meanwhile is served by it."""
    script = dummy("gateway")
    await script.start()
    (old,) = script.pids("gateway")
    os.kill(old, signal.SIGKILL)
    talk = await script.talk()
    assert talk.pid != old
    await talk.rest()
    row = await eventually(lambda: next(iter(script.processes()), None))
    assert row["restarts"] == 1


@pytest.mark.parametrize("milliseconds", [0, 3, 6, 10, 15, 25])
async def test_a_stop_while_a_child_is_being_replaced_ends_all(
    dummy: MakeDummy, milliseconds: int
) -> None:
    """Whatever moment of the start of its successor the stop hits, nobody is left behind."""
    script = dummy("gateway", {"gateway.drain_timeout": 30})
    await script.start()
    os.kill(script.pids("gateway")[0], signal.SIGKILL)
    await asyncio.sleep(milliseconds / 1000)  # the moment is what is tried
    await within(script.command("stop", now=True))
    assert await script.wait() == 0


async def test_a_child_that_keeps_dying_is_started_with_pauses(dummy: MakeDummy) -> None:
    """A child that crashes at its start costs a few attempts, not a busy loop; it recovers."""
    script = dummy("gateway")
    await script.start()
    script.fault("crash")
    os.kill(script.pids("gateway")[0], signal.SIGKILL)
    await eventually(lambda: script.log.read_text().count("is gone") >= 3)
    assert "Starting another in" in script.log.read_text()
    script.fault("")
    await eventually(lambda: [r for r in script.processes() if r["state"] == "ready"])
    assert script.log.read_text().count("is gone") < 10


async def test_a_hung_loop_is_no_living_process(dummy: MakeDummy) -> None:
    """A child whose loop does not answer is killed and replaced after supervision.ping_timeout."""
    script = dummy("gateway", {"supervision.ping_timeout": 0.6})
    await script.start()
    talk = await script.talk("hang")
    again = await eventually(lambda: [p for p in script.pids("gateway") if p != talk.pid])
    assert again
    assert "did not answer for 0.6 s" in script.log.read_text()


async def test_a_stopped_supervisor_does_not_blame_its_children(dummy: MakeDummy) -> None:
    """A supervisor that was itself stopped for longer than ping_timeout kills nobody."""
    script = dummy("gateway", {"supervision.ping_timeout": 0.6})
    await script.start()
    (pid,) = script.pids("gateway")
    assert script.process is not None
    script.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1.0)  # longer than ping_timeout: that is the case
    script.process.send_signal(signal.SIGCONT)
    await asyncio.sleep(0.5)  # some pings later
    assert script.pids("gateway") == [pid]


async def test_children_do_not_outlive_a_killed_supervisor(dummy: MakeDummy) -> None:
    """kill -9 of the supervisor: its children stop as if they had been told to."""
    script = dummy("gateway", {"gateway.processes": 2})
    await script.start()
    pids = script.pids("gateway")
    talk = await script.talk("wait for stop")
    assert script.process is not None
    script.process.kill()
    assert await talk.rest() == "stop"
    await eventually(lambda: not any(map(alive, pids)))


async def test_a_supervisor_goes_with_its_owner(dummy: MakeDummy) -> None:
    """When the program that started it with --owner-fd is gone, it stops."""
    script = dummy("business")
    await script.start()
    script.abandon()
    assert await script.wait() == 0


async def test_wrong_settings_in_a_child_end_everything(dummy: MakeDummy) -> None:
    """Exit code 3 of a child is not retried: its line is printed, exit code 3."""
    script = dummy("gateway", {"gateway.processes": 2})
    script.fault("settings")
    with pytest.raises(CommandFailed, match=r"gateway-\d: dummy.setting is wrong") as info:
        await script.start()
    assert info.value.code == 3
    assert "dummy.setting is wrong" in script.log.read_text()


async def test_wrong_settings_of_a_replacement_end_everything_too(dummy: MakeDummy) -> None:
    """The same when it happens later, to the successor of a child that died."""
    script = dummy("gateway")
    await script.start()
    script.fault("settings")
    os.kill(script.pids("gateway")[0], signal.SIGKILL)
    assert await script.wait() == 3
    assert script.log.read_text().rstrip().endswith("gateway-0: dummy.setting is wrong")


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("service", "business-0: service 'dummy': line 1: no good"),
        ("bug", "business-0: RuntimeError: a bug"),
        ("crash", "business-0: ended with exit code 7"),
        ("never ready", "business-0: not ready within 0.5 s"),
    ],
)
async def test_a_first_start_that_fails_ends_with_the_reason(
    dummy: MakeDummy, fault: str, line: str
) -> None:
    """Whatever keeps a child from getting ready is one line, exit code 1."""
    script = dummy("business", {"supervision.start_timeout": 0.5 if "never" in fault else 30})
    script.fault(fault)
    with pytest.raises(CommandFailed) as info:
        await script.start()
    assert (info.value.line, info.value.code) == (line, 1)


async def test_reload_replaces_workers_one_by_one(dummy: MakeDummy) -> None:
    """Each old worker is stopped when its successor is ready; someone accepts all the time."""
    script = dummy("business", {"business.processes": 2})
    await script.start()
    old = script.pids("business")
    asked = 0
    reloading = asyncio.create_task(script.command("reload"))
    while not reloading.done():
        await (await script.talk()).rest()
        asked += 1
    await reloading
    new = script.pids("business")
    assert asked
    assert len(new) == 2
    assert not set(old) & set(new)
    assert not any(map(alive, old))


async def test_reload_takes_new_settings(dummy: MakeDummy) -> None:
    """More or fewer processes need no restart."""
    script = dummy("business")
    await script.start()
    for processes in (3, 1):
        script.configure({"business.processes": processes})
        await script.command("reload")
        assert len(script.pids("business")) == processes


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("service", "service 'dummy': line 1: no good"),
        ("settings", "dummy.setting is wrong"),
        ("crash", "ended with exit code 7"),
    ],
)
async def test_reload_with_broken_code_keeps_the_old_workers(
    dummy: MakeDummy, fault: str, reason: str
) -> None:
    """A new worker that does not start aborts the reload, with the reason and exit code 1."""
    script = dummy("business", {"business.processes": 2})
    await script.start()
    old = script.pids("business")
    script.fault(fault)
    code, _, err = await script.cli("reload")
    assert (code, err) == (1, f"business-0: {reason}\n")
    assert script.pids("business") == old
    script.fault("")
    await script.command("reload")
    assert not set(script.pids("business")) & set(old)


async def test_reload_with_wrong_settings_changes_nothing(dummy: MakeDummy) -> None:
    """The settings file is read first."""
    script = dummy("business")
    await script.start()
    old = script.pids("business")
    script.configure({"business.hook_timeout": -1})
    with pytest.raises(CommandFailed, match=r"business.hook_timeout = -1"):
        await script.command("reload")
    assert script.pids("business") == old


async def test_sighup_is_reload(dummy: MakeDummy) -> None:
    """SIGHUP replaces the workers as the command does."""
    script = dummy("business")
    await script.start()
    (old,) = script.pids("business")
    assert script.process is not None
    script.process.send_signal(signal.SIGHUP)
    await eventually(lambda: script.pids("business") not in ([], [old]) and not alive(old))


async def test_a_worker_that_asks_for_it_is_replaced(dummy: MakeDummy) -> None:
    """replace_me starts a successor before the worker is stopped; its neighbour stays."""
    script = dummy("business", {"business.processes": 2})
    await script.start()
    old = set(script.pids("business"))
    talk = await script.talk("replace me")
    await eventually(lambda: not alive(talk.pid))
    new = set(script.pids("business"))
    assert len(new) == 2
    assert old - new == {talk.pid}


async def test_gateway_reload_restarts_nothing(dummy: MakeDummy) -> None:
    """Gateways get new origins and go on; what they refuse is the command's answer."""
    script = dummy("gateway")
    await script.start()
    (pid,) = script.pids("gateway")
    script.configure({"gateway.allowed_origins": ["https://shop.example"]})
    await script.command("reload")
    assert (script.run_dir / "gateway-0.reloaded").read_text() == "https://shop.example"
    script.configure({"gateway.allowed_origins": ["refused"]})
    with pytest.raises(CommandFailed, match=r"gateway-0: gateway.allowed_origins: refused"):
        await script.command("reload")
    assert script.pids("gateway") == [pid]


async def test_restart_keeps_the_sockets_and_says_so_to_children(dummy: MakeDummy) -> None:
    """restart drains with restarting set, reads the settings again, and keeps the port."""
    script = dummy("gateway")
    await script.start()
    (old,) = script.pids("gateway")
    where = script.address("public")
    talk = await script.talk("wait for stop")
    script.configure({"gateway.processes": 2})
    await script.command("restart")
    assert await talk.rest() == "restart"
    assert script.address("public") == where
    assert len(script.pids("gateway")) == 2
    assert not alive(old)


async def test_a_restart_that_fails_ends_everything(dummy: MakeDummy) -> None:
    """Its reason is the answer of the command and the last line of the script."""
    script = dummy("gateway")
    await script.start()
    script.fault("bug")
    with pytest.raises(CommandFailed, match="gateway-0: RuntimeError: a bug"):
        await script.command("restart")
    assert await script.wait() == 1


async def test_a_restart_with_wrong_settings_changes_nothing(dummy: MakeDummy) -> None:
    """The settings file is read before anything is stopped."""
    script = dummy("gateway")
    await script.start()
    (pid,) = script.pids("gateway")
    script.configure({"gateway.router": "any"})
    with pytest.raises(CommandFailed, match=r"gateway.router = 'any'") as info:
        await script.command("restart")
    assert info.value.code == 3
    assert script.pids("gateway") == [pid]


async def test_stop_during_the_start_is_obeyed(dummy: MakeDummy) -> None:
    """A stop that comes before the children are ready stops them."""
    script = dummy("gateway", {"supervision.start_timeout": 60 * SECOND})
    script.fault("never ready")
    starting = asyncio.create_task(script.start())
    await eventually(lambda: script.processes())
    await script.command("stop")
    with pytest.raises(CommandFailed, match="ended without a word"):
        await starting
    assert await script.wait() == 0
