"""Wheels of a platform: with BARK_BUILD_NATIVE=1 the layers are compiled into the wheel."""

from __future__ import annotations

import os
import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeLayers(BuildHookInterface[Any]):
    """Compiles `bark/models/native` for each kind of processor, and names the wheel's platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the libraries, where they are asked for."""
        if os.environ.get("BARK_BUILD_NATIVE") != "1":
            return
        native = Path(self.root) / "bark" / "models" / "native"
        compiler = runpy.run_path(str(native / "compiler.py"))
        built = Path(self.root) / "build" / "native"
        for library in compiler["build_variants"](built):
            for path in (library, library.with_suffix(".sha256")):
                build_data["force_include"][str(path)] = f"bark/models/native/built/{path.name}"
        # Python's version does not matter: the libraries are loaded by ctypes.
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
