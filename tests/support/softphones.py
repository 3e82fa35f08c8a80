"""Real softphones and a real proxy for the tests: baresip, each with a tone of its own to play, and kamailio.

What a phone has heard is a file; the tone in it says who was heard.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from subprocess import STDOUT
from typing import Any

from applianced.tools.namespaces import Topology, end
from tests.support.sipp import Party
from tests.support.sockets import connect_in
from tests.support.until import until

MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"
RATE = 8000
CONTROL_PORT = 4444
_WINDOW = RATE // 10
_LOUD = 2000

KAMAILIO = """#!KAMAILIO
children=2
tcp_children=2
log_stderror=yes
{listening}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("registrar", "max_contacts", 1)
request_route {{
    if (is_method("REGISTER")) {{
        save("location");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        loose_route();
        t_relay();
        exit;
    }}
    record_route();
    if (!lookup("location")) {{
        sl_send_reply("404", "Not Found");
        exit;
    }}
    t_relay();
}}
"""

BARESIP = """sip_listen {host}:5060
call_local_timeout 60
call_max_calls 4
audio_player aubridge,none
snd_path {directory}
audio_source aufile,{directory}/tone.wav
audio_alert aufile,{directory}/alert.wav
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp_ports}
rtcp_mux {rtcp_mux}
net_interface {address}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app contact.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""


@contextmanager
def kamailio(topology: Topology, party: Party, directory: Path) -> Iterator[None]:
    """A registrar and proxy that stays in the way of calls (Record-Route), on both transports, until the end."""
    directory.mkdir(parents=True)
    listening = "\n".join(f"listen={transport}:{party.host}:{party.port}" for transport in ("udp", "tcp"))
    (directory / "kamailio.cfg").write_text(KAMAILIO.format(listening=listening, modules=MODULES))
    argv = [
        "kamailio", "-f", str(directory / "kamailio.cfg"), "-DD", "-E", "-m", "32", "-M", "4", "-P",
        str(directory / "pid"), "-Y", str(directory), "-w", str(directory),
    ]  # fmt: skip
    with (directory / "log").open("w") as log:
        process = topology.popen(party.namespace, argv, stdout=log, stderr=STDOUT)
    try:
        until(lambda: _listens(topology, party), 20, what="kamailio listens")
        yield
    finally:
        end(process)
        # If its first process had to be killed the others stay, hold the ports, and answer nobody.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _listens(topology: Topology, party: Party) -> bool:
    said = topology.run(party.namespace, ["ss", "-Hlntu"]).stdout
    return said.count(f"{party.host}:{party.port} ") >= 2


class Softphone:
    """A baresip that runs. user: its name at the registrar. hertz: the tone that it plays."""

    def __init__(
        self,
        topology: Topology,
        party: Party,
        directory: Path,
        *,
        user: str,
        registrar: str,
        hertz: int,
        transport: str = "udp",
        answers: bool = True,
        rtcp_mux: bool = False,
    ) -> None:
        directory.mkdir(parents=True)
        self.directory = directory
        self.user = user
        self._events: list[dict[str, Any]] = []
        self._buffer = b""
        _tone(directory / "tone.wav", hertz)
        low = party.media_port
        (directory / "config").write_text(
            BARESIP.format(
                host=party.host,
                address=party.address,
                directory=directory,
                rtp_ports=f"{low}-{low + 100}",
                rtcp_mux="yes" if rtcp_mux else "no",
                control=CONTROL_PORT,
            )
        )
        mode = "auto" if answers else "manual"
        (directory / "accounts").write_text(
            f"<sip:{user}@{registrar};transport={transport}>;auth_pass=x;regint=60;answermode={mode}\n"
        )
        (directory / "contacts").write_text("")
        with (directory / "log").open("w") as log:
            self._process = topology.popen(
                party.namespace, ["baresip", "-f", str(directory)], stdout=log, stderr=STDOUT
            )
        control = until(lambda: self._connect(party.namespace), 15, what="baresip takes commands")
        assert control is not None
        control.settimeout(0.05)
        self._control = control

    def _connect(self, namespace: str) -> socket.socket | None:
        try:
            return connect_in(namespace, "127.0.0.1", CONTROL_PORT)
        except OSError:
            return None

    def registered(self) -> None:
        """Until the registrar has said yes."""
        until(lambda: "200 OK" in self.story(), 15, what=f"{self.user} is registered")

    def command(self, name: str, parameter: str = "") -> None:
        """One of baresip's own commands."""
        text = json.dumps({"command": name, "params": parameter}).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))

    def events(self) -> list[str]:
        """The types of all events so far."""
        with suppress(TimeoutError):
            self._buffer += self._control.recv(65536)
        while True:
            length, colon, rest = self._buffer.partition(b":")
            if not colon or len(rest) <= int(length):
                return [str(event.get("type")) for event in self._events if event.get("event")]
            self._events.append(json.loads(rest[: int(length)]))
            self._buffer = rest[int(length) + 1 :]

    def await_event(self, kind: str, *, times: int = 1, timeout_s: float = 10) -> None:
        """Until an event has come so often in all."""
        until(lambda: self.events().count(kind) >= times, timeout_s, what=f"{self.user}: {kind}, seen {self.events()}")

    def recorded_s(self) -> float:
        """Seconds of all that it has heard so far, silence included."""
        return sum(path.stat().st_size for path in self.directory.glob("*-dec.wav")) / (2 * RATE)

    def heard(self) -> dict[int, float]:
        """Seconds of each tone that was heard, by its hertz to the nearest hundred. Of a phone that was closed."""
        found: dict[int, float] = {}
        for path in self.directory.glob("*-dec.wav"):
            with wave.open(str(path)) as file:
                samples = struct.unpack(f"<{file.getnframes()}h", file.readframes(file.getnframes()))
            for start in range(0, len(samples) - _WINDOW, _WINDOW):
                piece = samples[start : start + _WINDOW]
                if max(piece) > _LOUD:
                    crossings = sum(one < 0 <= other for one, other in pairwise(piece))
                    hertz = round(crossings * RATE / _WINDOW, -2)
                    found[int(hertz)] = found.get(int(hertz), 0) + _WINDOW / RATE
        return found

    def story(self) -> str:
        """What it has to say, for a test that fails."""
        return (self.directory / "log").read_text(errors="replace")[-4000:]

    def close(self) -> None:
        """End it."""
        self._control.close()
        end(self._process)


def _tone(path: Path, hertz: int, seconds: int = 20) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        one = [int(12000 * math.sin(2 * math.pi * hertz * at / RATE)) for at in range(RATE)]
        file.writeframes(struct.pack(f"<{RATE}h", *one) * seconds)
