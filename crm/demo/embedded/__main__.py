"""The command: run something with both servers, say which run, stop them."""

import argparse
import os
import signal
import subprocess
import sys

from crm.demo.embedded.processes import EmbeddedError, default_home
from crm.demo.embedded.servers import Embedded, servers_for_tests


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m crm.demo.embedded", description="PostgreSQL and Redis for the demo."
    )
    parser.add_argument("--test", action="store_true", help="use servers of a test run: empty and forgetful")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("exec", help="run a command with DATABASE_URL and REDIS_URL set")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- command")
    commands.add_parser("status", help="say which servers run")
    commands.add_parser("stop", help="stop the servers, whoever started them")
    options = parser.parse_args(arguments)
    servers = servers_for_tests() if options.test else Embedded(default_home())
    try:
        if options.command == "status":
            running = servers.running()
            for name, answers in running.items():
                print(f"{name}: {'running' if answers else 'stopped'}")
            return 0 if all(running.values()) else 3
        if options.command == "stop":
            servers.stop_all()
            return 0
        command = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
        if not command:
            parser.error("exec needs a command")
        try:
            os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = servers.start()
            return subprocess.run(command).returncode
        finally:
            servers.stop()
    except EmbeddedError as error:
        print(f"crm.demo.embedded: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    # A plain "terminate" also stops the servers, through the finally clauses.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
