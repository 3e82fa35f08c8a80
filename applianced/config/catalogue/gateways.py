"""Predefined applications that an ALG reads, remote procedure calls apart."""

from __future__ import annotations

from applianced.config.catalogue.rows import SCTP, app, ip, tcp, udp

GATEWAYS = (
    app("ftp", tcp(21, alg="ftp")),
    app("ftp-data", tcp(20, alg="ftp-data")),
    app("tftp", udp(69, alg="tftp")),
    app("rtsp", tcp(554, alg="rtsp")),
    app("realaudio", tcp(554, alg="realaudio")),
    app("dns-udp", udp(53, alg="dns")),
    app("dns-tcp", tcp(53, alg="dns")),
    app("h323", tcp(1720, alg="q931"), udp(1719, alg="ras"), tcp(1503), tcp(389), tcp(522), tcp(1731)),
    app("mgcp-ua", udp(2427, alg="mgcp-ua")),
    app("mgcp-ca", udp(2727, alg="mgcp-ca")),
    app("sip", udp(5060, alg="sip"), tcp(5060, alg="sip")),
    app("sccp", tcp(2000, alg="sccp")),
    app("pptp", tcp(1723, alg="pptp")),
    app("rsh", tcp(514, alg="rsh")),
    app("talk", udp(517, alg="talk"), tcp(517, alg="talk")),
    app("ntalk", udp(518, alg="talk"), tcp(518, alg="talk")),
    app("sqlnet-v2", tcp(1521, alg="sqlnet-v2")),
    app("twamp", tcp(862, alg="twamp")),
    app("ike", udp(500, alg="ike-esp-nat")),
    app("gprs-gtp-c", tcp(2123, alg="gprs-gtp-c"), udp(2123, alg="gprs-gtp-c")),
    app("gprs-gtp-c-tcp", tcp(2123, alg="gprs-gtp-c")),
    app("gprs-gtp-c-udp", udp(2123, alg="gprs-gtp-c")),
    app("gprs-gtp-u", tcp(2152, alg="gprs-gtp-u"), udp(2152, alg="gprs-gtp-u")),
    app("gprs-gtp-u-tcp", tcp(2152, alg="gprs-gtp-u")),
    app("gprs-gtp-u-udp", udp(2152, alg="gprs-gtp-u")),
    app("gprs-gtp-v0", tcp(3386, alg="gprs-gtp-v0"), udp(3386, alg="gprs-gtp-v0")),
    app("gprs-gtp-v0-tcp", tcp(3386, alg="gprs-gtp-v0")),
    app("gprs-gtp-v0-udp", udp(3386, alg="gprs-gtp-v0")),
    app("gprs-sctp", ip(SCTP, alg="gprs-sctp")),
)
