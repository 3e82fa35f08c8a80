"""`applianced serve` on the gateway of a topology, and a NETCONF session to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lxml import etree
from ncclient import NCClientError  # type: ignore[import-untyped]

from applianced.tools import serving
from applianced.tools.lab_report import leaf, state_of
from applianced.tools.namespaces import Topology, processes_in
from applianced.tools.netconf_client import ALG, ALG_FTP, PREFIXES, SECURITY, STATE, NetconfClient, connect

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "netns-ftp.json"
SECURITY_ELEMENT = f'<security xmlns="{SECURITY}">{{}}</security>'
FTPS_EXTENSION = f'<alg xmlns="{ALG}"><ftp xmlns="{ALG_FTP}"><ftps-extension/></ftp></alg>'
FLOW_FILTER = SECURITY_ELEMENT.format(f'<flow><{{}} xmlns="{STATE}"/></flow>')


class Appliance:
    """The appliance under test. Its configuration begins as the example's."""

    def __init__(
        self, topology: Topology, directory: Path, configuration: Path = EXAMPLE, command: Sequence[str] = ()
    ) -> None:
        self.topology = topology
        self.command = command
        self.directory = directory
        self.configuration = configuration
        self.key = serving.make_admin_key(directory)
        self.serving = self._serve()
        self._session = ExitStack()
        self.netconf = self._connect()

    def _serve(self) -> serving.Serving:
        return serving.serve(
            namespace=self.topology.gateway,
            configuration=self.configuration,
            directory=self.directory,
            key=self.key,
            command=self.command,
        )

    def _connect(self) -> NetconfClient:
        return self._session.enter_context(connect(self.serving.host, self.serving.port, self.key))

    def push(self, security: str) -> None:
        """Merge what stands inside `security`, validate and commit."""
        self.netconf.push(SECURITY_ELEMENT.format(security))

    def counter(self, alg: str, event: str) -> int:
        """A counter of the state tree."""
        counters = state_of(self.netconf, "counters")
        path = f".//state:counters/state:alg[state:name='{alg}']/state:event[state:name='{event}']/state:value"
        value = counters.findtext(path, namespaces=PREFIXES)
        assert value is not None, f"no counter {event} of {alg}"
        return int(value)

    def counters(self) -> dict[str, int]:
        """All counters that have counted, as 'alg event'."""
        found = {}
        for alg in state_of(self.netconf, "counters").iterfind(".//state:counters/state:alg", PREFIXES):
            for event in alg.iterfind("state:event", PREFIXES):
                if value := int(leaf(event, "value") or 0):
                    found[f"{leaf(alg, 'name')} {leaf(event, 'name')}"] = value
        return found

    def gates(self) -> list[etree._Element]:
        """The gates, open and lately closed."""
        return list(state_of(self.netconf, "gates").iterfind(".//state:gate", PREFIXES))

    def flow(self, container: str) -> list[etree._Element]:
        """Entries of control-sessions, data-sessions or workers."""
        data = self.netconf.get(FLOW_FILTER.format(container))
        return list(data.iterfind(f".//state:{container}/*", PREFIXES))

    def workers(self) -> list[int]:
        """Process ids of the workers that run."""
        return [int(leaf(worker, "pid")) for worker in self.flow("workers") if leaf(worker, "state") == "running"]

    def dataplane_processes(self) -> list[int]:
        """Everything of the appliance that runs inside the gateway's namespace."""
        return processes_in(self.topology.gateway)

    def restart(self) -> None:
        """Stop the appliance and start it again on the same state."""
        self.stop()
        self.serving = self._serve()
        self.netconf = self._connect()

    def stop(self) -> None:
        """End the session and the appliance, as SIGTERM does."""
        with ExitStack() as undo:
            undo.callback(self._end)
            try:
                self._session.close()
            except NCClientError:
                if self.serving.alive:
                    raise

    def _end(self) -> None:
        if self.serving.alive:
            serving.stop(self.serving)

    def log(self) -> str:
        return serving.tail(self.serving.log)


@contextmanager
def appliance_on(topology: Topology, configuration: Path = EXAMPLE) -> Iterator[Appliance]:
    """An appliance with its files in a directory of its own, which any user may enter; stopped at the end."""
    with private_directory() as directory:
        appliance = Appliance(topology, directory, configuration)
        try:
            yield appliance
        except BaseException:
            print(appliance.log()[-8000:])
            raise
        finally:
            appliance.stop()


@contextmanager
def private_directory() -> Iterator[Path]:
    """A temporary directory that servers with less rights can enter."""
    with tempfile.TemporaryDirectory(prefix="applianced-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
