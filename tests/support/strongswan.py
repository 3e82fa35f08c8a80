"""strongSwan's charon in a namespace, with ESP in user space that goes as ESP and not in UDP (kernel-libipsec).

Each runs in a chroot of Debian 13 (see trixie.py), with a /run and a configuration of its own. The gateway gives its
clients addresses of VIRTUAL, and has NETWORK_HOST behind it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from applianced.tools.namespaces import CommandError, Topology
from tests.support.trixie import trixie
from tests.support.until import until

SECRET = "a secret of both"
VIRTUAL = {4: "10.98.1.0/24", 6: "fd98:1::/120"}
NETWORK = {4: "10.98.2.0/24", 6: "fd98:2::/64"}
NETWORK_HOST = {4: "10.98.2.1", 6: "fd98:2::1"}

_CHARON = """
charon {
  install_virtual_ip_on = lo
  install_routes = yes
  retransmit_timeout = 1.0
  retransmit_tries = 8
  i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  filelog { log { path = /mnt/charon.log
    default = 1
    flush_line = yes } }
  plugins {
    include /etc/strongswan.d/charon/*.conf
    kernel-libipsec { load = 100
      raw_esp = yes
      allow_peer_ts = yes }
    forecast { load = no }
  }
}
swanctl { load = pem pkcs1 x509 revocation constraints pubkey openssl random }
"""


@dataclass(slots=True)
class Charon:
    """One charon. directory: its own. More than one may run in a namespace's file system, one in a namespace."""

    topology: Topology
    namespace: str
    directory: Path
    root: Path = field(default_factory=trixie)
    said: str = ""

    def start(self) -> None:
        """Run it, until it can be asked."""
        self.directory.mkdir()
        (self.directory / "strongswan.conf").write_text(_CHARON)
        root = shlex.quote(str(self.root))
        mounts = (
            f"mount --make-rprivate / && mount --bind /dev {root}/dev && mount -t proc proc {root}/proc"
            f" && mount -t tmpfs none {root}/run && mount --bind {shlex.quote(str(self.directory))} {root}/mnt"
        )
        daemon = f"exec chroot {root} env STRONGSWAN_CONF=/mnt/strongswan.conf /usr/lib/ipsec/charon"
        with (self.directory / "output").open("w") as output:
            # vici speaks over a socket in /run, which is this process's own: swanctl joins it there.
            self.topology.popen(
                self.namespace, ["unshare", "--mount", "sh", "-c", f"{mounts} && {daemon}"],
                stdout=output, stderr=output,
            )  # fmt: skip
        until(lambda: self._swanctl("--stats", check=False) == 0, what="charon can be asked", timeout_s=20)

    def _pid(self) -> int:
        for pid in self.topology.run(self.namespace, ["ip", "netns", "pids", self.namespace]).stdout.split():
            try:
                if Path(f"/proc/{pid}/comm").read_text().strip() == "charon":
                    return int(pid)
            except OSError:
                continue
        return 0

    def _swanctl(self, *words: str, check: bool = True) -> int:
        pid = self._pid()
        if not pid:
            return 1
        inside = ["nsenter", "--target", str(pid), "--mount", "--net", f"--root=/proc/{pid}/root", "--wd=/"]
        told = ["env", "STRONGSWAN_CONF=/mnt/strongswan.conf", "swanctl", *words]
        done = self.topology.run(self.namespace, [*inside, *told], check=False)
        if check and done.returncode:
            raise CommandError(f"swanctl {' '.join(words)}: {done.stdout}{done.stderr}\n{self.log}")
        self.said = done.stdout
        return done.returncode

    def swanctl(self, *words: str) -> str:
        """What swanctl answers. Raises CommandError when it fails."""
        self._swanctl(*words)
        return self.said

    def configure(self, text: str) -> None:
        """Load connections and secrets (swanctl.conf)."""
        (self.directory / "swanctl.conf").write_text(text)
        self.swanctl("--load-all", "--file", "/mnt/swanctl.conf", "--noprompt")

    @property
    def log(self) -> str:
        """What charon wrote."""
        path = self.directory / "charon.log"
        return path.read_text(errors="replace") if path.exists() else (self.directory / "output").read_text()


def gateway_configuration(version: int, clients: tuple[str, ...], *, family: int = 4, rekey: str = "0") -> str:
    """A gateway for clients by identity, with pre-shared keys. version: of IKE. rekey: seconds, of ESP.

    vpnc's clients (IKEv1, aggressive mode, XAUTH) are always welcome beside.
    """
    one = '  ike-{0} {{ id-1 = gateway\n    id-2 = {0}\n    secret = "{1}" }}'
    secrets = "\n".join(one.format(name, SECRET) for name in clients)
    # Two of the same name, from the same address and port, would be taken for one that comes back.
    users = "\n".join(f'  xauth-{name} {{ id = {name}\n    secret = "{SECRET}" }}' for name in clients)
    return f"""
connections {{
  roadwarrior {{
    version = {version}
    mobike = no
    pools = pool
    proposals = aes128-sha256-modp2048
    local {{ auth = psk
      id = gateway }}
    remote {{ auth = psk }}
    children {{ net {{
      local_ts = {NETWORK[family]}
      esp_proposals = aes128-sha256
      rekey_time = {rekey} }} }}
  }}
  vpnc {{
    version = 1
    aggressive = yes
    pools = pool
    proposals = aes128-sha1-modp1024
    local {{ auth = psk
      id = gateway }}
    remote {{ auth = psk
      id = keyid:group }}
    remote-x {{ auth = xauth-generic }}
    children {{ net {{
      local_ts = 0.0.0.0/0
      esp_proposals = aes128-sha1 }} }}
  }}
}}
pools {{ pool {{ addrs = {VIRTUAL[family]} }} }}
secrets {{
{secrets}
  ike-group {{ id-1 = gateway
    id-2 = keyid:group
    secret = "{SECRET}" }}
{users}
}}
"""


def client_configuration(
    version: int, name: str, own: str, gateway: str, *, family: int = 4, rekey: str = "0", ike_rekey: str = "0"
) -> str:
    """A client of `gateway_configuration`."""
    anything = "0.0.0.0" if family == 4 else "::"
    return f"""
connections {{
  tunnel {{
    version = {version}
    mobike = no
    local_addrs = {own}
    remote_addrs = {gateway}
    vips = {anything}
    proposals = aes128-sha256-modp2048
    rekey_time = {ike_rekey}
    local {{ auth = psk
      id = {name} }}
    remote {{ auth = psk
      id = gateway }}
    children {{ net {{
      remote_ts = {NETWORK[family]}
      esp_proposals = aes128-sha256
      rekey_time = {rekey} }} }}
  }}
}}
secrets {{ ike-one {{ id-1 = {name}
    id-2 = gateway
    secret = "{SECRET}" }} }}
"""


def behind(topology: Topology, namespace: str, own: str, outside: str, gateway: str) -> None:
    """Have programs of a namespace take `outside` for their own address, as if nobody translated: two strongSwan find
    no translator then, and stay with IKE on port 500 and ESP without UDP."""
    topology.run(namespace, ["ip", "address", "add", f"{outside}/32", "dev", "lo"])
    topology.nft(
        namespace,
        f"""
        table ip behind {{
          chain leaving {{
            type filter hook postrouting priority 300;
            ip saddr {outside} ip daddr {gateway} ip saddr set {own}
          }}
          chain arriving {{
            type filter hook prerouting priority -300;
            ip saddr {gateway} ip daddr {own} meta l4proto {{ udp, esp }} ip daddr set {outside}
          }}
        }}
        """,
    )
