"""Actions that are due later."""

from unit.simulator.memory import Clock

from oxy_simulator.schedule import Schedule


def test_actions_run_when_they_are_due_and_in_order() -> None:
    clock, ran = Clock(), list[str]()
    schedule = Schedule(clock)
    schedule.after(5, lambda: ran.append("late"))
    schedule.after(1, lambda: ran.append("first"))
    schedule.after(1, lambda: ran.append("second"))
    schedule.run_due()
    assert (ran, schedule.wait()) == ([], 1)
    clock.now += 1
    schedule.run_due()
    assert (ran, schedule.wait()) == (["first", "second"], 4)
    clock.now += 9
    assert schedule.wait() == 0
    schedule.run_due()
    assert (ran[2:], schedule.wait()) == (["late"], None)


def test_sleepers_are_woken_only_for_an_earlier_action() -> None:
    woken = list[int]()
    schedule = Schedule(Clock())
    schedule.sooner = lambda: woken.append(1)
    schedule.after(5, lambda: None)
    schedule.after(9, lambda: None)
    schedule.after(1, lambda: None)
    assert len(woken) == 2
