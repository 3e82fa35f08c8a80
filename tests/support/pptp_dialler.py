#!/usr/bin/env python3
"""Runs pptp-linux with ppp_end.py on its terminal: pptp_dialler.py SERVER OWN-ADDRESS. SIGTERM hangs up.

A pptp finds the others of its machine by a file named after the server, and shares their control connection; the one
who starts this gives it a /run of its own.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

server, own = sys.argv[1:]
master, slave = pty.openpty()
end = [sys.executable, str(Path(__file__).with_name("ppp_end.py"))]
ppp = subprocess.Popen(end, stdin=slave, stdout=slave)
tunnel = ["pptp", server, "--nolaunchpppd", "--localbind", own, "--nohostroute"]
pptp = subprocess.Popen(tunnel, stdin=master, stdout=master)


def hang_up(number: int, frame: FrameType | None) -> None:
    pptp.terminate()


signal.signal(signal.SIGTERM, hang_up)
pptp.wait()
ppp.kill()
os._exit(0)
