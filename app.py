"""Starts the studio: `python app.py [--model nano|small|large|FOLDER] [--port N] [--share]`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from types import FrameType

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported

from bark.environment import read_environment
from bark.errors import BarkError
from bark.ui.build import build_demo, build_studio, serve


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="The studio of Bark, in a web browser.")
    parser.add_argument("--model", help="nano, small, large or a folder with checkpoints")
    parser.add_argument("--port", type=int, help="7860 where nothing is said")
    parser.add_argument("--host", help="the address to listen on; this machine only by default")
    parser.add_argument("--share", action="store_true", help="open a public link for 72 hours")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Builds, launches and waits until Ctrl+C or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # gradio asks itself whether it is there
    options = parse_arguments(arguments)
    server_name = options.host or os.environ.get("GRADIO_SERVER_NAME")
    try:
        studio = build_studio(
            read_environment(), model=options.model, share=options.share, server_name=server_name
        )
        studio.engine.start()  # loads while the page is built
        server = serve(
            studio,
            build_demo(studio),
            server_name=server_name,
            server_port=options.port,
            share=options.share or None,
        )
    except (BarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with contextlib.suppress(KeyboardInterrupt):
        _Ending().wait()
    studio.close()
    server.demo.close(verbose=False)
    return 0


class _Ending:
    """Waits for SIGTERM; a flag, since an exception out of a handler may be swallowed."""

    def __init__(self) -> None:
        self._asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def wait(self) -> None:
        """Returns once somebody has asked for the end."""
        while not self._asked:
            time.sleep(0.2)

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends it at once
        self._asked = True


if __name__ == "__main__":
    raise SystemExit(main())
