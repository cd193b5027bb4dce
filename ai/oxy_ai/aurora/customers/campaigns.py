"""The tool that drafts a campaign: whom it would reach, counted by SQL, and what it would say. Nothing is sent."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, StringConstraints, create_model, model_validator

from oxy_ai.assistants.refusals import ToolRefusal
from oxy_ai.assistants.vertical import IntentName, Tool, ToolContext
from oxy_ai.campaigns.audience import Audience
from oxy_ai.campaigns.campaign_table import Draft, keep_draft
from oxy_ai.campaigns.offered import known_service, service_names
from oxy_ai.campaigns.plan import LONGEST_NAME, LONGEST_TEXT, MOST_RECIPIENTS, Basis, Said
from oxy_ai.campaigns.preview import Preview, Shop, preview_of
from oxy_ai.campaigns.segment import Segment
from oxy_ai.scheduling.tool_arguments import Arguments
from oxy_ai.text_templates import is_template

EXAMPLES: Final = 3
"""Customers who are named as examples."""

SOURCE: Final = "pedido do dono pelo WhatsApp, para clientes da loja"
"""Where the consent is known from of whom an owner writes to."""

CampaignName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, strip_whitespace=True)]


class CampaignIdea(Arguments):
    """Arguments of ``sugerir_campanha``, but for the segment, which is the vertical's own."""

    nome: CampaignName = Field(description="Nome curto da campanha; o mesmo nome substitui o rascunho.")
    texto: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, strip_whitespace=True)] = Field(
        description="Texto da mensagem, curto e caloroso, com variáveis entre chaves: {nome}, ou {nome|tudo bem} com o "
        "que dizer a quem não tem esse dado."
    )
    segmento: Segment = Field(description="Quem recebe; deixe nulo o que não importa.")
    limite: Annotated[int, Field(ge=1, le=MOST_RECIPIENTS)] | None = Field(
        default=None, description="Máximo de clientes; nulo: todos."
    )


class Drafted(BaseModel):
    """Result of ``sugerir_campanha``."""

    rascunho: str
    texto: str
    para: str
    alcance: int
    """Customers who would get it."""
    fora_porque_nao_querem_mensagens: int
    fora_porque_nunca_escreveram_nem_vieram: int
    fora_porque_falta: dict[str, int]
    """By variable."""
    exemplos: list[str]
    exemplo_de_texto: str | None
    situacao: str = "rascunho guardado; nada foi enviado. Se o dono quiser enviar, chame enviar_campanha"


def order_of(audience: Audience) -> type[CampaignIdea]:
    """Return the arguments for a vertical's customers."""

    class _Checked(CampaignIdea):
        @model_validator(mode="after")
        def _knows_variables(self) -> Self:
            if not is_template(self.texto, audience.names):
                known = ", ".join(f"{{{name}}}" for name in audience.names)
                message = f"o texto só pode ter estas variáveis: {known}"
                raise ValueError(message)
            return self

        @model_validator(mode="after")
        def _is_of_somebody(self) -> Self:
            if (together := self.segmento.contradiction()) is not None:
                message = f"ninguém atende a {' e '.join(together)} ao mesmo tempo; deixe um deles nulo"
                raise ValueError(message)
            return self

    segment = (audience.segment, CampaignIdea.model_fields["segmento"])
    return create_model("CampaignIdea", __base__=_Checked, segmento=segment)


def campaign_tool(audience: Audience) -> Tool:
    """Return the tool for a vertical's customers."""

    async def run(context: ToolContext, ordered: CampaignIdea) -> BaseModel:
        return await _draft(context, ordered, audience)

    return Tool(
        "sugerir_campanha",
        "Guarda o rascunho de uma mensagem para vários clientes e conta quantos a receberiam. Nada é enviado. Donos, "
        "contatos particulares e quem não quer mensagens ficam de fora.",
        order_of(audience),
        run,
        acts=True,
        intent=IntentName.ORDER,
    )


def shop_of(context: ToolContext) -> Shop:
    """Return whose campaign a turn is about."""
    turn = context.turn
    return Shop(
        context.connection,
        context.organization,
        turn.instance,
        turn.settings.display_name,
        turn.settings.limits,
        context.now,
    )


async def _draft(context: ToolContext, order: CampaignIdea, audience: Audience) -> BaseModel:
    segment = await known_service(context.connection, context.organization, context.timezone, order.segmento)
    if segment is None:
        names = ", ".join(await service_names(context.connection, context.organization, context.timezone)) or "nenhum"
        return ToolRefusal(erro=f"Não há um serviço só com esse nome no catálogo. Serviços: {names}.")
    said = Said(
        name=order.nome,
        segment=segment.model_dump(mode="json", exclude_none=True),
        body=order.texto,
        cap=order.limite,
        basis=Basis.EXISTING_CUSTOMER,
        source=SOURCE,
    )
    preview = await preview_of(shop_of(context), audience, said)
    draft = Draft(said, preview.recipients, f"contact:{context.turn.contact.id}", context.turn.turn)
    kept = await keep_draft(context.connection, context.organization, context.turn.instance, draft)
    if kept.outcome == "fixed":
        return ToolRefusal(erro=f"A campanha “{order.nome}” já foi enviada; dê outro nome a esta.")
    return _shown(said, preview)


def _shown(said: Said, preview: Preview) -> Drafted:
    return Drafted(
        rascunho=said.name,
        texto=said.body,
        para=preview.to,
        alcance=preview.reached,
        fora_porque_nao_querem_mensagens=preview.opted_out,
        fora_porque_nunca_escreveram_nem_vieram=preview.unproven,
        fora_porque_falta=preview.missing,
        exemplos=[example.name for example in preview.examples if example.name][:EXAMPLES],
        exemplo_de_texto=preview.examples[0].text if preview.examples else None,
    )
