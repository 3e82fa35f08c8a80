"""Who of several hosts may have the next unknown SPI of a gateway."""

from __future__ import annotations

from applianced.alg.ike_esp.gateways import LONGEST_S, REST_S, Gateways, Relation
from applianced.model.tuples import packed

RELATION = Relation(packed("198.51.100.1"), packed("203.0.113.1"))


def test_who_claims_on_and_on_lets_another_go_first() -> None:
    gateways, greedy, patient = Gateways(), object(), object()
    now = 1000.0
    while now <= 1000.0 + LONGEST_S + 1.0:
        # The greedy one speaks first, several times a second; the other is judged anew once a second.
        for part in range(4):
            gateways.claim(RELATION, greedy, now + part / 4, now + part / 4 + 5.0)
        if gateways.claim(RELATION, patient, now + 0.9, now + 5.9):
            break
        now += 1.0
    assert now <= 1000.0 + LONGEST_S + 1.0
    assert not gateways.claim(RELATION, greedy, now + 1.0, now + 6.0)


def test_who_is_alone_waits_a_moment_at_most() -> None:
    gateways, host = Gateways(), object()
    refused = 0
    for now in range(1000, 1200):
        refused += not gateways.claim(RELATION, host, float(now), now + 5.0)
    assert refused <= 2 * REST_S
