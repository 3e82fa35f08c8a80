"""The error tree. Each class says whose fault it is and who catches it.

* ProtocolError: the peer on the network; costs a message or a session; counted by name (engine).
* ConfigError: the operator; carries the instance path and a NETCONF error-tag (northbound).
* DataplaneError: the kernel or a tool; carries the command and what it answered (northbound, supervisor).

Anything else is a bug and may end its task.
"""

from __future__ import annotations


class ApplianceError(Exception):
    """Root of all errors that this project raises on purpose."""


class ProtocolError(ApplianceError):
    """A peer broke its protocol.

    event: the name of the counter that this costs, as in the ALG's `events`.
    """

    def __init__(self, event: str, message: str = "") -> None:
        super().__init__(message or event)
        self.event = event


class ConfigError(ApplianceError):
    """A configuration that cannot be accepted.

    path: instance path of the node at fault (XPath, RFC 7950 6.4), or "" when it is about the whole.
    message: says what is wrong and what to do.
    tag: RFC 6241 appendix A error-tag.
    app_tag: error-app-tag, e.g. "missing-instance" (RFC 7950 15), or "".
    bad_element: local name of the element at fault for tags that carry one, or "".
    """

    def __init__(
        self,
        path: str,
        message: str,
        *,
        tag: str = "invalid-value",
        app_tag: str = "",
        bad_element: str = "",
    ) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message
        self.tag = tag
        self.app_tag = app_tag
        self.bad_element = bad_element


class DataplaneError(ApplianceError):
    """The kernel, or a tool that drives it, refused.

    what: the step or command that failed. detail: what was answered (stderr, errno text). path: instance path of the
    node that asked for it, "" when no single one did.
    """

    def __init__(self, what: str, detail: str, *, path: str = "") -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what
        self.detail = detail
        self.path = path
