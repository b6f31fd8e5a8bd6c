"""Which driver decodes a stage where nobody says."""

from __future__ import annotations

from .plain import decode_plain
from .speculative import decode_speculative
from .stage import Stage, Steps
from .static import decode_static


def decode(stage: Stage) -> Steps:
    """Decodes with the quickest driver that fits the model, its device and the number of rows."""
    if stage.model.device.type != "cpu":
        return decode_static(stage)
    if stage.model.draft is not None and len(stage.items) == 1:
        return decode_speculative(stage)
    return decode_plain(stage)
