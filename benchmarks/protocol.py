"""How the parent and its workers talk: one JSON object a line, commands in and results out.

This module imports nothing of this package, because the workers that run the reference see that
package under the same name, `bark`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any


class Worker:
    """A process that holds one implementation and measures its stages when it is told to.

    Args:
        argv: how it is started, without the interpreter.
        n_threads: of torch.
        options: keyword arguments of the implementation it builds.
    """

    def __init__(self, argv: Sequence[str], n_threads: int, options: Mapping[str, Any]) -> None:
        env = {**os.environ, "OMP_NUM_THREADS": str(n_threads)}
        self._process = subprocess.Popen(
            [sys.executable, *argv, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
            start_new_session=True,  # an interrupt is the parent's business
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        """Sends a command and waits for its result.

        Raises:
            RuntimeError: the worker died; its own message stands on the standard error.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(command) + "\n")
        stdin.flush()
        while line := stdout.readline():
            if line.startswith("{"):  # some packages greet on the standard output
                return json.loads(line)
        raise RuntimeError(f"the worker ended with {self._process.wait()}")

    def close(self) -> None:
        """Ends the process, also in the middle of a measurement."""
        self._process.terminate()
        self._process.communicate()


def serve(build: Callable[..., Any], make_workload: Callable[..., Any]) -> None:
    """Runs a worker: builds the implementation and answers until the input ends.

    Args:
        build: takes the options and gives an object with `load(stage)` and
            `run(stage, workload, n_clips)`.
        make_workload: takes the workload's options.
    """
    implementation = build(**json.loads(sys.argv[1]))
    workload = None
    for line in sys.stdin:
        command = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        if command["do"] == "workload":
            workload = make_workload(**command["options"])
        elif command["do"] == "load":
            implementation.load(command["stage"])
        else:
            implementation.run(command["stage"], workload, command["clips"])
        answer = {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
