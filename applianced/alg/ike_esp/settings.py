"""Settings of the IKE-ESP ALG: the leaves of `security alg ike-esp-nat`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IkeEspSettings:
    """Seconds: how long the first ESP packet from the responder is waited for; of silence, after which ESP ends; of
    silence, after which the state of a pair of cookies ends."""

    esp_gate_timeout: int = 5
    esp_session_timeout: int = 1800
    state_timeout: int = 14400
