"""Started as root from a checkout, and on a state directory, that only root may enter.

Management and agent give up their rights on the way, so everything that they load or open by its path afterwards
fails there; a fresh clone in /root is such a place.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology
from tests.support.appliance import Appliance, private_directory
from tests.support.programs import CLIENTS, Mode, Transfer, checksum, make_file

REPOSITORY = Path(__file__).parents[2]
# $0: an empty directory, $1: the checkout, $2: the interpreter below it; the rest: its arguments.
FROM_A_PRIVATE_CHECKOUT = """
mount -t tmpfs -o mode=700 tmpfs "$0" && mkdir "$0/clone" && mount --bind "$1" "$0/clone" && cd "$0/clone" || exit
interpreter=$2
shift 2
exec "$0/clone/$interpreter" -m applianced "$@"
"""


@pytest.fixture
def appliance(topology: Topology) -> Iterator[Appliance]:
    """The appliance, run from a place with mode 700, its state in another."""
    interpreter = Path(sys.executable)
    if REPOSITORY not in interpreter.parents:
        pytest.skip("the virtual environment is not below the checkout")
    with private_directory() as directory:
        mounted, closed = directory / "mounted", directory / "closed"
        mounted.mkdir()
        closed.mkdir(mode=0o700)
        where = [str(mounted), str(REPOSITORY), str(interpreter.relative_to(REPOSITORY))]
        made = Appliance(topology, closed, command=["unshare", "--mount", "sh", "-c", FROM_A_PRIVATE_CHECKOUT, *where])
        try:
            yield made
        finally:
            made.stop()


def test_works_from_there(topology: Topology, server: FtpServer, appliance: Appliance, tmp_path: Path) -> None:
    offered = make_file(server.files / "offered", 300_000)
    CLIENTS["curl"].fetch(Transfer(topology, server, IPV4, Mode.PORT), "offered", tmp_path / "fetched")
    assert checksum(tmp_path / "fetched") == offered
    appliance.push("<flow><gate-timeout>17</gate-timeout></flow>")
    appliance.restart()
    CLIENTS["curl"].fetch(Transfer(topology, server, IPV4, Mode.PASV), "offered", tmp_path / "again")
    assert checksum(tmp_path / "again") == offered
