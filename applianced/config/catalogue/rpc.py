"""Predefined applications of DCE/RPC (Microsoft) and ONC RPC (Sun).

A control application has the mapper's port. A data application has an interface or a program instead: it matches no
packet by itself, it says what the ALG may admit.

Which interface each `wmic-*` and `iis-com-*` application stands for is read from its name and from MS-WMI, MS-DCOM
and MS-IMSA; the vendor publishes no list.
"""

from __future__ import annotations

from applianced.config.catalogue.rows import TCP, UDP, app, interface, program, tcp, udp

INTERFACES = {
    "epm": ("e1af8308-5d1f-11c9-91a4-08002b14a0fa",),
    "msexchange-directory-rfr": ("1544f5e0-613c-11d1-93df-00c04fd7bd09",),
    "msexchange-directory-nsp": (
        "f5cc5a18-4264-101a-8c59-08002b2f8426",
        "f5cc5a7c-4264-101a-8c59-08002b2f8426",
        "f5cc59b4-4264-101a-8c59-08002b2f8426",
    ),
    "msexchange-info-store": (
        "0e4a0156-dd5d-11d2-8c2f-00c04fb6bcde",
        "1453c42c-0fa6-11d2-a910-00c04f990f3b",
        "10f24e8e-0fa6-11d2-a910-00c04f990f3b",
        "a4f1db00-ca47-1067-b31f-00dd010662da",
        "1a190310-bb9c-11cd-90f8-00aa00466520",
    ),
    "wmic-admin": ("8bc3f05e-d86b-11d0-a075-00c04fb68820",),
    "wmic-admin2": ("000001a0-0000-0000-c000-000000000046",),
    "wmic-mgmt": ("afa8bd80-7d8a-11c9-bef4-08002b102989",),
    "wmic-webm-level1login": ("f309ad18-d86a-11d0-a075-00c04fb68820",),
    "wmic-webm-objectsink": ("7c857801-7381-11cf-884d-00aa004b2e24",),
    "wmic-webm-services": ("9556dc99-828c-11cf-a37e-00aa003240c7",),
    "wmic-webm-callresult": ("44aca675-e8fc-11d0-a07c-00c04fb68820",),
    "wmic-webm-classobject": ("dc12a681-737f-11cf-884d-00aa004b2e24",),
    "wmic-webm-login-clientid": ("d4781cd6-e5d3-44df-ad94-930efe48a887",),
    "wmic-webm-login-helper": ("541679ab-2e5f-11d3-b34e-00104bcc4b4a",),
    "wmic-webm-refreshing-services": ("2c9273e0-1dc3-11d3-b364-00105a1f8177",),
    "wmic-webm-remote-refresher": ("f1e9c5b2-f59b-11d2-b362-00105a1f8177",),
    "wmic-webm-shutdown": ("b7b31df9-d515-11d3-a11c-00105a1f515a",),
    "iis-com-1": ("a9e69610-b80d-11d0-b9b9-00a0c922e750",),
    "iis-com-adminbase": ("70b51430-b6ca-11d0-b9b9-00a0c922e750",),
}
"""Application, without its prefix `junos-ms-rpc-` -> interface UUIDs (MS-RPCE, MS-OXCRPC, MS-OXNSPI, MS-OXABREF)."""

PROGRAMS = {
    "portmap": ("100000",),
    "nfs": ("100003", "100227"),
    "mountd": ("100005",),
    "ypbind": ("100007",),
    "ypserv": ("100004",),
    "status": ("100024",),
    "rquotad": ("100011",),
    "nlockmgr": ("100021",),
    "ruserd": ("100002",),
    "sadmind": ("100232",),
    "sprayd": ("100012",),
    "walld": ("100008",),
    "any": ("any",),
}
"""Application, without `junos-sun-rpc-` and `-tcp` or `-udp` -> program numbers (IANA registry, RFC 5531 8.1)."""

RPC = (
    app("ms-rpc-tcp", tcp(135, alg="ms-rpc")),
    app("ms-rpc-udp", udp(135, alg="ms-rpc")),
    app("ms-rpc-uuid-any-tcp", interface("any", TCP)),
    app("ms-rpc-uuid-any-udp", interface("any", UDP)),
    *(app(f"ms-rpc-{name}", *map(interface, uuids)) for name, uuids in INTERFACES.items()),
    app("sun-rpc-tcp", tcp(111, alg="sun-rpc")),
    app("sun-rpc-udp", udp(111, alg="sun-rpc")),
    *(
        app(f"sun-rpc-{name}-{transport}", *(program(number, protocol) for number in numbers))
        for name, numbers in PROGRAMS.items()
        for transport, protocol in (("tcp", TCP), ("udp", UDP))
    ),
)
