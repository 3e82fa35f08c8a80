"""Run a command and count what it takes, and all that it leaves behind: `python -m tests.bench.reaper COMMAND...`.

Ansible's connections outlive the playbook; they are waited for, so that their share counts. Prints JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    wall_s = time.monotonic() - began
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime
    print(json.dumps({"status": done.returncode, "wall_s": wall_s, "cpu_s": cpu_s, "end": done.stdout[-1500:]}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
