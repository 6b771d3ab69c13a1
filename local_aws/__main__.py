"""The command line of the server: ``python -m local_aws``."""

import argparse
import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from local_aws import LocalAws, server


def main() -> int:
    """Serves until SIGTERM or SIGINT; exit code 2 for arguments that cannot be used."""
    arguments = _arguments()
    with ExitStack() as stack:
        try:
            ready = stack.enter_context(server.ready_file(arguments.ready_file)) if arguments.ready_file else None
            bound = stack.enter_context(server.server(arguments.host, arguments.port))
        except (ValueError, OSError, server.InUseError) as error:
            print(f"local_aws: {error}", file=sys.stderr)
            return 2

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _end)
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
        _forget_the_users_settings()
        url = server.url_of(bound)
        stack.enter_context(LocalAws(clock=arguments.clock, account=arguments.account, background=True, endpoint=url))
        logging.info("%s: account %s, clock %s, process %d", url, arguments.account, arguments.clock, os.getpid())
        if ready:
            ready(url)
        if arguments.stop_with_stdin:
            threading.Thread(target=_wait_for_stdin, daemon=True).start()
        bound.serve_forever()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local_aws", description="An AWS on this machine, for CDK projects."
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 for a free one (%(default)s)")
    parser.add_argument("--clock", choices=["real", "fast", "virtual"], default="fast", help="(%(default)s)")
    parser.add_argument("--account", default="111111111111", help="the account's number (%(default)s)")
    parser.add_argument("--ready-file", type=Path, help="gets URL and process id once the server answers")
    parser.add_argument("--stop-with-stdin", action="store_true", help="ends when standard input is closed")
    return parser.parse_args()


def _forget_the_users_settings() -> None:
    """Profiles, keys and endpoints of the user are for other clouds."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def _end(*_: object) -> NoReturn:
    sys.exit(0)


def _wait_for_stdin() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
