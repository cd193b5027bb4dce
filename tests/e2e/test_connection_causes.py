"""What kubectl says of instances whose connections fail: five causes side by side; `make e2e-node-matrix` has all."""

import pytest
from e2e.connection_causes import (
    AT_LOGIN,
    PROXIES,
    assert_ended,
    assert_reconnecting,
    fleet_of,
    inflict,
    members,
    proxied,
    spoil_proxies,
)

from oxy_dev.connection_faults import FINAL
from oxy_dev.up import System

pytestmark = pytest.mark.timeout(1200)

FIVE = ("unlinked", "replaced", "temporary-ban", "login-unavailable", "proxy-password")
"""One cause for each phase, and for each part that may be at fault."""


async def test_five_causes_are_shown_as_they_are(system: System) -> None:
    ending, login = [fault for fault in FINAL if fault.name in FIVE], [one for one in AT_LOGIN if one.name in FIVE]
    kubectl, names = system.kubectl, [fault.name for fault in (*ending, *login)]
    async with fleet_of(system, [*members(names), *proxied(["proxy-password"])]) as fleet:
        await spoil_proxies(fleet, kubectl, ["proxy-password"])
        await inflict(fleet, login)
        await assert_ended(fleet, ending)
        reasons = {fault.name: fault.reason for fault in login} | {"proxy-password": PROXIES["proxy-password"]}
        await assert_reconnecting(fleet, reasons, {fault.name: fault.says for fault in login})
        assert "wrong" not in str(fleet.members["proxy-password"].resource)
