"""``python -m benchmarks [CASE ...] [--quick]``: measure, print the table, check the targets.

Exit code: 0, 1 if a target was missed (unless ``--no-check``), 2 if a server failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from . import report
from .cases import CASES, FULL, KEFU, QUICK, Bench, Plan
from .generator import GeneratorError
from .list_cases import DATABASES, TARGET_MESSAGES
from .processes import Cores, raise_open_files_limit
from .servers import ROOT, ServerError

SERVERS = (KEFU, "uvloop", "asyncio")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all")
    parser.add_argument("--quick", action="store_true", help="under 90 s, less precise")
    parser.add_argument("--rounds", type=int, help="rounds that the medians are taken over")
    parser.add_argument("--seconds", type=float, help="length of one measured window")
    parser.add_argument(
        "--servers",
        default=",".join(SERVERS),
        help="what echo, latency, fanout, connect and memory measure "
        "(uvloop, asyncio: the stock server on it; default: %(default)s)",
    )
    parser.add_argument(
        "--kefu-loop",
        choices=("auto", "asyncio", "uvloop"),
        default="auto",
        help="event loop of kefu's processes (default: as shipped)",
    )
    parser.add_argument(
        "--databases", default=",".join(DATABASES), help="what lists measures; default: %(default)s"
    )
    parser.add_argument("--no-check", action="store_true", help="a missed target is no failure")
    parser.add_argument("--json", type=Path, help="default: benchmarks/results/TIME.json")
    options = parser.parse_args(arguments)
    options.servers = options.servers.split(",")
    options.databases = options.databases.split(",")
    for name in options.cases:
        if name not in CASES:
            parser.error(f"unknown case {name!r}: one of {', '.join(CASES)}")
    for name in options.servers:
        if name not in SERVERS:
            parser.error(f"unknown server {name!r}: one of {', '.join(SERVERS)}")
    for name in options.databases:
        if name not in DATABASES:
            parser.error(f"unknown database {name!r}: one of {', '.join(DATABASES)}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks; returns the exit code."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are stopped then, too
    cores = Cores.choose()
    cores.pin_generator()
    plan = QUICK if options.quick else FULL
    plan = replace(
        plan,
        rounds=options.rounds or plan.rounds,
        seconds=options.seconds or plan.seconds,
        databases=options.databases,
    ).fit(raise_open_files_limit(), len(options.servers))
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {line}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="kefu-bench-") as directory:
        bench = Bench(plan, cores, Path(directory), options.servers, say, options.kefu_loop)
        try:
            with bench:
                bench.run(options.cases or list(CASES))
        except (GeneratorError, ServerError) as error:
            print(error, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
    seconds = time.monotonic() - began
    verdicts = report.check(bench.rows, plan.fan_out_sizes)
    print(report.tables(bench.rows))
    print()
    for verdict in verdicts:
        print(f"{'PASS' if verdict.met else 'FAIL'}  {verdict.target}: {verdict.reading}")
    _notes(plan, cores, bench, seconds)
    started = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = options.json or ROOT / "benchmarks" / "results" / f"{started}.json"
    report.write(path, report.document(bench.rows, verdicts, plan, bench.generator_load, seconds))
    print(f"written to {path}")
    return 0 if options.no_check or all(verdict.met for verdict in verdicts) else 1


def _notes(plan: Plan, cores: Cores, bench: Bench, seconds: float) -> None:
    print()
    print(
        f"Medians of {plan.rounds} interleaved rounds, ± half the distance of the extremes; ratios "
        "are medians of the rounds' ratios.\nCPU: user + system time of the measured processes, "
        f"all threads; supervisors not counted. 200-byte texts. {seconds:.0f} s in all."
    )
    if any(case.startswith("memberList") for case in bench.generator_load):
        messages, enough = plan.history_messages, TARGET_MESSAGES
        if messages < enough:
            print(f"Lists over {messages:,} messages say nothing about the target of {enough:,}.")
    if cores.servers is None:
        print("Servers and load generator share their cores: pinning was not possible.")
    for case, load in bench.generator_load.items():
        if load > 0.95:
            print(f"{case}: the load generator was busy {load:.0%}; rates may be its limit.")


if __name__ == "__main__":
    sys.exit(main())
