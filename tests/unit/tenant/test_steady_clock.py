from datetime import timedelta

from unit.tenant.messages import NOW

from oxy_tenant.journal.steady_clock import SteadyClock


def test_it_goes_on_when_somebody_sets_the_wall_clock() -> None:
    wall, ticks = [NOW], [100.0]
    clock = SteadyClock(lambda: wall[-1], lambda: ticks[-1])
    assert clock() == NOW
    wall.append(NOW + timedelta(hours=5))
    ticks.append(102.5)
    assert clock() == NOW + timedelta(seconds=2.5)
