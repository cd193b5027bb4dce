"""Which violations count against the tenant after a run with one."""

import pytest
from chaos.tenant.references import breaches

from oxy_simulator.replies import LineView, ViolationView


def line(name: str, **stages: float) -> LineView:
    return LineView(
        number=1,
        id=name,
        direction="outbound",
        account="5511900000001",
        device=1,
        chat="5511911111111",
        sender="5511900000001",
        text="oi",
        stages=stages,
        deliveries=0,
        duplicates=0,
        error=None,
    )


REACTION = line("REACTION", received=2.0, delivered=2.1)


@pytest.mark.parametrize(
    ("target", "excused"),
    [
        (line("TARGET", received=1.0, delivered=2.5), True),  # a fault held it back
        (line("TARGET", received=1.0), True),
        (line("TARGET", received=1.0, dropped=1.0), True),
        (line("TARGET", received=1.0, delivered=1.1, undecryptable=1.1), True),
        (line("TARGET", received=1.0, delivered=1.1, decrypted=1.1), False),
        (line("TARGET", received=3.0, delivered=3.1), False),  # the reaction was sent before it
        (line("ANOTHER", received=1.0, delivered=2.5), False),
    ],
)
def test_a_reference_is_a_breach_unless_a_fault_kept_its_target_away(target: LineView, excused: bool) -> None:  # noqa: FBT001 a parametrized value
    detail = "message REACTION: there is no message TARGET in the chat with 5511900000001"
    violation = ViolationView(number=1, at=2.1, phone="5511900000001", rule="unknown-target", detail=detail)
    assert list(breaches([violation], [target, REACTION])) == ([] if excused else [str(violation)])
    other = violation.model_copy(update={"rule": "prekey-reuse"})
    assert list(breaches([other], [target, REACTION])) == [str(other)]
