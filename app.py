"""Starts the studio: `python app.py [--model nano|small|large|FOLDER] [--port N] [--share]`."""

from __future__ import annotations

import argparse
import errno
import importlib.util
import logging
import os
import signal
import socket
import sys
import time
from types import FrameType
from typing import NoReturn

from bark.downloads.proxies import prepare_for_server
from bark.environment import read_environment
from bark.errors import BarkError, OptionError, shown
from bark.models.native.ahead import compile_ahead
from bark.server.arenas import bound_arenas
from bark.terminal import flags
from bark.terminal.interrupts import end_on_interrupt
from bark.terminal.streams import open_missing_streams

MAX_PORT = 65_535


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = flags.Parser(prog="app.py", description="The studio of Bark, in a web browser.")
    parser.add_argument("--model", help="nano, small, large or a folder with checkpoints")
    parser.add_argument("--port", type=flags.whole(0, MAX_PORT), help="7860 where nothing is said")
    parser.add_argument("--host", help="the address to listen on; this machine only by default")
    parser.add_argument("--mcp", action="store_true", help="offer tools to assistants over MCP")
    parser.add_argument("--share", action="store_true", help="open a public link for 72 hours")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Builds, launches and waits until Ctrl+C or SIGTERM."""
    open_missing_streams()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # gradio asks itself whether it is there
    logging.getLogger("mcp").setLevel(logging.WARNING)  # tells of every call
    options = parse_arguments(arguments)
    server_name = options.host or os.environ.get("GRADIO_SERVER_NAME")
    try:
        usual_port = _port_of_environment()  # wrong, it ends gradio's import, --port or not
        check_address(server_name, options.port or usual_port)
        os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
        # Else it makes a table of its last 10,000 events anew at each of them.
        os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000")
        os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")
        prepare_for_server(server_name)  # HTTP libraries look at the proxies when imported
        if options.mcp and importlib.util.find_spec("mcp") is None:
            raise OptionError("--mcp needs a package more; run: pip install 'gradio[mcp]'")
        environment = read_environment()
        bound_arenas()
        compile_ahead(environment)
        if environment.is_zero_gpu:
            import spaces  # noqa: F401 -- before torch, which it changes
        from bark.ui.build import build_demo, build_studio, serve  # which takes seconds

        studio = build_studio(
            environment, model=options.model, share=options.share, server_name=server_name
        )
        if environment.is_zero_gpu:
            studio.engine.load()  # before the server starts, and in the main thread
        else:
            studio.engine.start()  # loads while the page is built
        server = serve(
            studio,
            build_demo(studio, mcp=options.mcp),
            mcp_server=options.mcp or None,
            server_name=server_name,
            server_port=options.port,
            share=options.share or None,
        )
    except (BarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _Ending().wait()
    studio.close()
    server.demo.close(verbose=False)
    return 0


def check_address(host: str | None, port: int | None) -> None:
    """Finds out whether the server may listen there, before the page is built.

    Args:
        host: None is this machine only.
        port: None lets the server look for a free one.

    Raises:
        OptionError: somebody else listens there, or nobody may.
    """
    if port is None:
        return
    address = host or "127.0.0.1"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.create_server((address, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OptionError(f"Port {port} is in use; choose another one by --port.") from None
        reason = error.strerror or str(error)
        raise OptionError(f"Nobody may listen on {address}, port {port}: {reason}.") from None
    except OverflowError:
        raise OptionError(f"The port is {port}; it must be from 0 to 65535.") from None


def _port_of_environment() -> int | None:
    """GRADIO_SERVER_PORT, which gradio reads as it is imported.

    Raises:
        OptionError: it is no port.
    """
    value = os.environ.get("GRADIO_SERVER_PORT")
    if value is None:
        return None
    if not value.isdecimal() or int(value) > MAX_PORT:
        raise OptionError(
            f"GRADIO_SERVER_PORT is {shown(value)}; it must be a number from 0 to {MAX_PORT}."
        )
    return int(value)


class _Ending:
    """Waits for Ctrl+C or SIGTERM; a flag, since an exception out of a handler may be swallowed."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def wait(self) -> None:
        """Returns once somebody has asked for the end."""
        while not self._asked:
            time.sleep(0.1)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)  # a second one ends it at once
        self._asked = True


def leave(code: int) -> NoReturn:
    """Ends the process now, without taking the interpreter apart.

    That takes torch and gradio seconds, and a thread that is amid loading or computing aborts it.
    """
    if "gradio" in sys.modules:
        from gradio.tunneling import CURRENT_TUNNELS

        for tunnel in CURRENT_TUNNELS:  # programs of their own
            tunnel.kill()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end_on_interrupt("app.py")
    leave(main())
