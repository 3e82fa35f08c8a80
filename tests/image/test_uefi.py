"""The first boot by UEFI, with the menu that a key brings."""

from __future__ import annotations

import pytest

from tests.image.conftest import opened_lab
from tests.image.lab import BOOTING_S
from tests.support.until import until

HELD = 20
"""So often a key repeats itself."""


def test_a_key_at_power_on_brings_the_menu(request: pytest.FixtureRequest) -> None:
    """It waits until something is chosen. A machine that has never run before has its seed read all the same."""
    with opened_lab(request.module) as lab:
        lab.start(uefi=True)

        def shown() -> bool:
            # It looks for one at a moment that nobody knows, and the firmware throws away what came long before.
            lab.types(" " * HELD)
            return "applianced: system A" in lab.console()

        until(shown, BOOTING_S, what="the menu")
        lab.types("\r")
        lab.machine.await_netconf(lab.port, BOOTING_S)
        until(lambda: ", system a" in lab.console(), BOOTING_S)
        assert lab.host_name() == "appliance", "the name is the seed's"
