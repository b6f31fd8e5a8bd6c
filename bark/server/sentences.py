"""What a caller of Gradio's endpoints is told where something goes wrong: one sentence."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import gradio as gr

from ..errors import BarkError

FAULT = "Fault"
"""Title of what is told where the program, not its caller, is to blame."""

log = logging.getLogger(__name__)


def refusal(sentence: str) -> gr.Error:
    """What is raised where the caller is to blame; it leaves no trace in the log."""
    return gr.Error(sentence, print_exception=False)


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """One sentence for the caller; the log gets a traceback of what is no caller's mistake.

    Raises:
        gr.Error: in place of whatever the block raised.
    """
    try:
        yield
    except gr.Error:
        raise
    except BarkError as error:
        raise refusal(str(error)) from None
    except OSError as error:
        log.error("an answer could not be kept: %s", error)
        sentence = f"The answer could not be kept: {error.strerror or 'no room or no right'}."
        raise gr.Error(sentence, title=FAULT, print_exception=False) from None
    except Exception as error:
        log.exception("a call failed")
        sentence = f"Something went wrong ({type(error).__name__}); the program's log says more."
        raise gr.Error(sentence, title=FAULT, print_exception=False) from None
