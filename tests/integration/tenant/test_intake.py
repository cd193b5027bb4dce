import asyncio
from pathlib import Path
from uuid import UUID

from integration.tenant.scene import ACCOUNT, INSTANCE, Bus, send_request, until
from unit.tenant.links import environment_in
from unit.tenant.messages import LID
from unit.tenant.senders import sending

from oxy_core.envelopes import SendRequest
from oxy_core.tasks import end_tasks
from oxy_tenant.sending.intake import Intake


async def test_no_more_requests_are_accepted_than_can_be_kept(bus: Bus, tmp_path: Path) -> None:
    async with sending(tmp_path) as stage:
        environment = environment_in(tmp_path).model_copy(update={"account": ACCOUNT, "instance": INSTANCE})
        forget = stage.journal.erasures.accept
        intake = Intake(
            environment,
            stage.journal.sends,
            stage.sender,
            forget=forget,
            freeze=stage.freeze.take,
            stopping=stage.stopping,
            most_open=2,
        )
        task = asyncio.create_task(intake.run(bus.client))
        first, second, third = (send_request(LID, f"{number}") for number in range(3))
        await until(lambda: offered(bus, first), what="the first acceptance")
        await until(lambda: offered(bus, second), what="the second acceptance")
        await bus.request(third)
        await asyncio.sleep(0.3)  # an acceptance would arrive at once
        assert accepted(bus) == {first.id, second.id}
        stage.answer()
        await until(lambda: stage.sender.open_sends == 0, what="all sent")
        await until(lambda: offered(bus, third), what="the last acceptance")
        await end_tasks(task)


def accepted(bus: Bus) -> set[UUID]:
    return {acceptance.request_id for acceptance in bus.accepted}


async def offered(bus: Bus, request: SendRequest) -> bool:
    """Offer a request again, as the relay does; return whether it has been accepted."""
    await bus.request(request)
    return request.id in accepted(bus)
