"""FTP servers for the tests: each starts in a namespace with its files in a private directory.

None needs a system user of its own: vsftpd serves anonymously, proftpd reads its users from a file (AuthUserFile),
pure-ftpd from a database of virtual users, pyftpdlib from its program. All but vsftpd map the user to `nobody`.
proftpd and pure-ftpd conflict with vsftpd as packages and are unpacked under build/servers.
"""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path

from applianced.tools.ftp_server import PASSIVE_PORTS, FtpServer, make_root, vsftpd, wait_listening
from applianced.tools.namespaces import IPV4, IPV6, Topology, run

REPOSITORY = Path(__file__).parents[2]
UNPACKED = REPOSITORY / "build" / "servers" / "usr"
USER = "tester"
PASSWORD = "secret-of-tester"
OWNER = "nobody"


def unpacked(program: str) -> str:
    """The path of a program below UNPACKED. Raises FileNotFoundError that says how it gets there."""
    path = UNPACKED / program
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run make packages")
    return str(path)


def password_digest() -> str:
    """crypt(3) of PASSWORD by SHA-512, which every server here can check quickly."""
    return run(["openssl", "passwd", "-6", PASSWORD]).stdout.strip()


def proftpd(topology: Topology, directory: Path, *, namespace: str = "", port: int = 21) -> FtpServer:
    """Start proftpd. It wants its addresses named: it cannot resolve the host's name in a namespace."""
    root = make_root(directory, OWNER)
    account = pwd.getpwnam(OWNER)
    users = directory / "users"
    users.write_text(f"{USER}:{password_digest()}:{account.pw_uid}:{account.pw_gid}::{root}:/bin/sh\n")
    users.chmod(0o600)
    where = namespace or topology.server
    addresses = (IPV4.server, IPV6.server) if where == topology.server else (IPV4.client, IPV6.client)
    configuration = directory / "proftpd.conf"
    configuration.write_text(
        f"""
        ServerType standalone
        DefaultAddress {" ".join(addresses)}
        DefaultServer on
        UseIPv6 on
        Port {port}
        User {OWNER}
        Group nogroup
        PidFile {directory}/proftpd.pid
        ScoreboardFile {directory}/scoreboard
        DelayEngine off
        WtmpLog off
        TransferLog none
        SystemLog {directory}/proftpd.log
        UseReverseDNS off
        RequireValidShell off
        AuthOrder mod_auth_file.c
        AuthUserFile {users}
        DefaultRoot ~
        AllowOverwrite on
        PassivePorts {PASSIVE_PORTS[0]} {PASSIVE_PORTS[1]}
        """
    )
    topology.popen(where, [unpacked("sbin/proftpd"), "--nodaemon", "--config", str(configuration)])
    wait_listening(topology, where, port)
    return FtpServer("proftpd", USER, PASSWORD, root / "pub", "pub/", port)


def pure_ftpd(topology: Topology, directory: Path, *, namespace: str = "", port: int = 21) -> FtpServer:
    """Start pure-ftpd with one virtual user."""
    root = make_root(directory, OWNER)
    account = pwd.getpwnam(OWNER)
    users, database = directory / "users", directory / "users.pdb"
    # Written by hand: pure-pw's own digest takes seconds of every login.
    line = f"{USER}:{password_digest()}:{account.pw_uid}:{account.pw_gid}::{root}/./" + ":" * 12
    users.write_text(f"{line}\n")
    run([unpacked("bin/pure-pw"), "mkdb", str(database), "-f", str(users)])
    where = namespace or topology.server
    options = ["--bind", str(port), "--login", f"puredb:{database}", "--pidfile", str(directory / "pure-ftpd.pid")]
    options += ["--noanonymous", "--chrooteveryone", "--dontresolve", "--minuid", "1", "--umask", "022:022"]
    options += ["--passiveportrange", f"{PASSIVE_PORTS[0]}:{PASSIVE_PORTS[1]}"]
    topology.popen(where, [unpacked("sbin/pure-ftpd"), *options])
    wait_listening(topology, where, port)
    return FtpServer("pure-ftpd", USER, PASSWORD, root / "pub", "pub/", port)


PYFTPDLIB = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

root, port, user, password, low, high = sys.argv[1:]
authorizer = DummyAuthorizer()
authorizer.add_user(user, password, root, perm="elradfmwMT")
FTPHandler.authorizer = authorizer
FTPHandler.passive_ports = range(int(low), int(high) + 1)
ThreadedFTPServer(("::", int(port)), FTPHandler).serve_forever()
"""


def pyftpdlib(topology: Topology, directory: Path, *, namespace: str = "", port: int = 21) -> FtpServer:
    """Start the pure-Python server, by the system's interpreter: the package comes from Debian."""
    root = make_root(directory, OWNER)
    where = namespace or topology.server
    low, high = PASSIVE_PORTS
    topology.popen(
        where, ["/usr/bin/python3", "-c", PYFTPDLIB, str(root), str(port), USER, PASSWORD, str(low), str(high)]
    )
    wait_listening(topology, where, port)
    return FtpServer("pyftpdlib", USER, PASSWORD, root / "pub", "pub/", port)


Starter = Callable[[Topology, Path], FtpServer]
STARTERS: dict[str, Starter] = {
    "vsftpd": vsftpd,
    "proftpd": proftpd,
    "pure-ftpd": pure_ftpd,
    "pyftpdlib": pyftpdlib,
}
