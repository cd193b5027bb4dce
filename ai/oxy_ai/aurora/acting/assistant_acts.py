"""Pausing and resuming the customers' assistant, and leaving its trial mode: overlays over the custom resource."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import ActOutcome, ConfirmedAct, ToolContext
from oxy_ai.aurora.acting.asking import ActPlan, asking_tool, undone, who_of
from oxy_ai.portuguese.formatting import moment, plural
from oxy_ai.scheduling.tool_arguments import Arguments, Day, TimeOfDay, unknown_as_none
from oxy_ai.setting_overlays import OverlaidField, overlay_setting

_Unknown = BeforeValidator(unknown_as_none)

_LONGEST_PAUSE: Final = timedelta(days=90)
"""Whoever pauses for longer means "until I say so"."""


class PauseWish(Arguments):
    """Arguments of ``pausar_assistente``."""

    ate_dia: Annotated[Day | None, _Unknown] = Field(
        default=None, description="Dia em que volta, AAAA-MM-DD; nulo: até o dono pedir para voltar."
    )
    ate_hora: Annotated[TimeOfDay | None, _Unknown] = Field(
        default=None, description="Hora em que volta, HH:MM; sem dia, é de hoje."
    )


class PauseOrder(BaseModel):
    """A pause of the customers' assistant."""

    until: AwareDatetime | None = None


class ResumeOrder(BaseModel):
    """The end of the pause."""


class NoArguments(Arguments):
    """A tool that takes no arguments."""


async def _plan_pause(context: ToolContext, wanted: PauseWish) -> ActPlan | ToolRefusal:
    if context.turn.settings.ai.paused:
        return ToolRefusal(erro="A assistente já está em pausa.")
    until = _end(wanted, context.now)
    if until is not None and not context.now < until <= context.now + _LONGEST_PAUSE:
        return ToolRefusal(erro=f"A volta precisa ser no futuro, em até {_LONGEST_PAUSE.days} dias; pergunte quando.")
    when = "você pedir para eu voltar" if until is None else moment(until)
    intent = (
        f"Vou parar de responder os clientes até {when}. O que eles escreverem espera: quando eu voltar, o que "
        "ainda estiver sem resposta e não for antigo eu respondo. Com você continuo falando."
    )
    return ActPlan(intent, PauseOrder(until=until))


def _end(wanted: PauseWish, now: datetime) -> datetime | None:
    if wanted.ate_dia is None and wanted.ate_hora is None:
        return None
    day: date = wanted.ate_dia or now.date()
    return datetime.combine(day, wanted.ate_hora or time.min, now.tzinfo)


async def _pause(context: ToolContext, order: PauseOrder) -> ActOutcome:
    until = None if order.until is None else order.until.astimezone(context.timezone)
    if until is not None and until <= context.now:
        return undone("A hora de voltar já passou.")
    if not await _set(context, OverlaidField.PAUSED, value=True, until=until):
        return undone("A assistente já estava em pausa.")
    when = "você pedir para eu voltar" if until is None else moment(until)
    return ActOutcome(f"Pronto! Parei de responder os clientes até {when}.")


async def _plan_resume(context: ToolContext, _: NoArguments) -> ActPlan | ToolRefusal:
    if not context.turn.settings.ai.paused:
        return ToolRefusal(erro="A assistente não está em pausa.")
    return ActPlan(f"Vou voltar a responder os clientes. {_waiting(await _paused_turns(context))}", ResumeOrder())


async def _resume(context: ToolContext, _: ResumeOrder) -> ActOutcome:
    waiting = await _paused_turns(context)
    if not await _set(context, OverlaidField.PAUSED, value=False):
        return undone("A assistente já tinha voltado.")
    return ActOutcome(f"Pronto! Voltei a responder os clientes. {_waiting(waiting)}")


def _waiting(conversations: int) -> str:
    if not conversations:
        return "Ninguém espera resposta agora."
    return f"Respondo agora {plural(conversations, 'conversa que espera', 'conversas que esperam')}."


async def _paused_turns(context: ToolContext) -> int:
    """Return how many conversations wait for the end of the pause."""
    count: int = await context.connection.fetchval(
        """
        select count(*) from conversations v
        join turns t on t.organization_id = v.organization_id and t.id = v.turn_id
        where v.organization_id = $1 and v.instance_id = $2 and v.due_at is not null and t.reason = 'paused'
        """,
        context.organization,
        context.turn.instance,
    )
    return count


async def _plan_going_live(context: ToolContext, _: NoArguments) -> ActPlan | ToolRefusal:
    ai = context.turn.settings.ai
    if ai.mode == "Live":
        return ToolRefusal(erro="A assistente não está em modo de teste: já responde todos os clientes.")
    paused = " Como estou em pausa, isso começa quando eu voltar." if ai.paused else ""
    return ActPlan(
        "Vou sair do modo de teste: passo a responder todos os clientes que escreverem para este número, e o que eu "
        f"fizer passa a valer.{paused}",
        GoingLiveOrder(),
    )


class GoingLiveOrder(BaseModel):
    """The end of the trial."""


async def _go_live(context: ToolContext, _: GoingLiveOrder) -> ActOutcome:
    if not await _set(context, OverlaidField.MODE, value="Live"):
        return undone("A assistente já tinha saído do modo de teste.")
    return ActOutcome("Pronto! Saí do modo de teste: respondo todos os clientes que escreverem.")


async def _set(context: ToolContext, field: OverlaidField, *, value: bool | str, until: datetime | None = None) -> bool:
    return await overlay_setting(
        context.connection, context.organization, context.turn.instance, field, value, who_of(context), until
    )


ASSISTANT_ACTS: Final = (
    asking_tool(
        "pausar_assistente",
        "Faz a assistente dos clientes parar de responder, até uma hora ou até o dono pedir para voltar.",
        PauseWish,
        _plan_pause,
        ConfirmedAct(PauseOrder, _pause),
    ),
    asking_tool(
        "retomar_assistente",
        "Faz a assistente dos clientes voltar a responder depois de uma pausa.",
        NoArguments,
        _plan_resume,
        ConfirmedAct(ResumeOrder, _resume),
    ),
    asking_tool(
        "sair_do_modo_teste",
        "Faz a assistente sair do modo de teste e responder todos os clientes.",
        NoArguments,
        _plan_going_live,
        ConfirmedAct(GoingLiveOrder, _go_live),
    ),
)
