"""Compiles the layers at the first start, while the program's other seconds go to imports.

Nothing here, nor in compiler.py, imports torch: the compiler is a process of its own and works
beside the import of torch and of the page. Whoever loads the layers waits for what is left of it,
so no sentence of a first start is computed by other layers than the next one's.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from ...environment import Environment
from .compiler import CompilationError, built_library, compiled_library

log = logging.getLogger(__name__)


def compile_ahead(environment: Environment) -> threading.Thread | None:
    """Begins to compile the layers unless they are there; None where they are not to be used.

    Processes of a GPU that is lent by the call are forked, and get none: nobody waits for a
    thread that the fork left behind.
    """
    if not environment.native or environment.is_zero_gpu:
        return None
    thread = threading.Thread(target=_compile, args=[environment], daemon=True)
    thread.start()
    return thread


def _compile(environment: Environment) -> None:
    built = environment.native_built or Path(__file__).parent / "built"
    try:
        if built_library(built) is None:
            compiled_library(environment.native_dir, compiler=environment.compiler)
    except (CompilationError, OSError) as error:
        log.debug("not compiled ahead: %s", error)  # load_library tells it
