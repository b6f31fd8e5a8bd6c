"""What machine a table was made on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


def describe_machine() -> str:
    """One line: processor, the features that decide, cores, torch, and how busy it is."""
    name, features = platform.processor() or platform.machine(), ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields = dict(
            (part.strip() for part in line.split(":", 1))
            for line in cpuinfo.read_text().splitlines()
            if ":" in line
        )
        name = fields.get("model name", name)
        flags = fields.get("flags", "").split()
        features = " ".join(feature for feature in _FEATURES if feature in flags)
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return f"{name} ({features}), {os.cpu_count()} cores, {gpu}torch {torch.__version__}, {load}"
