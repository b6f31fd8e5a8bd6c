"""Short names for what decides a result: a digest of plain values."""

from __future__ import annotations

import hashlib
import json


def digest(*parts: object) -> str:
    """A key of plain values: 24 hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
