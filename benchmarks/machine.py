"""What machine a table was made on."""

from __future__ import annotations

import os
import platform

import torch

from bark.models.ways import describe_processor


def describe_machine() -> str:
    """One line: processor, the features that decide, cores, torch, and how busy it is."""
    name = describe_processor() or platform.processor() or platform.machine()
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    return f"{name}, {os.cpu_count()} cores, {gpu}torch {torch.__version__}, {load}"
