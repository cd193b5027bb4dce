"""Texts that the platform itself sends to customers and owners, without a model, in Portuguese."""

from collections.abc import Mapping, Sequence
from typing import Final

from oxy_ai.assistants.people import WAY_BACK, People, hand_over_notice, is_hand_over, person_will_answer
from oxy_ai.errors import BudgetError, PriceUnknownError
from oxy_ai.records import NoticeKind, OpenNotice
from oxy_ai.sanitize import person_name

_TROUBLE: Final = "Desculpe, sou a assistente virtual e estou com uma dificuldade técnica para responder agora."

UNSURE: Final = "Quero ter certeza antes de responder, para não passar nada errado."
"""Sent, with what happens next, to a customer whose answer the review did not let leave (`assistants.review`)."""

UNSURE_AFTER: Final = f"O que consegui fazer do seu pedido já está registrado. {UNSURE}"
"""The same to a customer for whom a tool has acted: a booking that nobody tells him of would be made twice."""

UNSURE_TO_OWNER: Final = (
    "Não consegui confirmar os números desta resposta, então não a mandei. Pode perguntar de novo, dizendo o período?"
)
"""Sent to an owner whose answer had figures that nobody has given."""

UNAFFORDABLE: Final = "Recebi sua mensagem, mas agora não consigo responder sozinha."
"""Sent, with what happens next, to a customer for whose answer the model may not be asked (`BudgetError`)."""

UNAFFORDABLE_AFTER: Final = "O que consegui fazer do seu pedido já está registrado. Não consigo continuar sozinha."
"""The same to a customer for whom a tool has acted."""

ASK_FOR_TEXT: Final = (
    "Desculpe, sou a assistente virtual e ainda não consigo ler este tipo de mensagem. 🙏 "
    "Pode me escrever em texto o que você precisa?"
)
"""Sent to a customer whose messages contain no readable text."""


_WAY_OUT: Final = "Se não quiser mais receber mensagens assim, é só responder *sair*."


def with_way_out(text: str) -> str:
    """Return a promotion with how to have no more of them, unless it says that itself (`oxy_ai.portuguese.opt_out`)."""
    return text if "*sair*" in text.lower() else f"{text}\n\n{_WAY_OUT}"


ASK_TO_REPEAT: Final[Mapping[str, str]] = {
    NoticeKind.LOST: (
        "Oi! Aqui é a assistente virtual. Tivemos um problema na conexão e uma mensagem sua não chegou até nós. 🙏 "
        "Pode, por favor, enviar de novo o que você escreveu por último?"
    ),
    NoticeKind.FILE_LOST: (
        "Oi! Aqui é a assistente virtual. Não conseguimos abrir um arquivo que você enviou. 🙏 "
        "Pode, por favor, enviar de novo, ou escrever em texto?"
    ),
}
"""Sent to a customer once, if the settings say so, when something of his was lost: by the notice of it to the owner."""

_REASONS: Final[Mapping[NoticeKind, str]] = {
    NoticeKind.TURN_INVALID: "o serviço de inteligência artificial deu uma resposta inválida",
    NoticeKind.TURN_REFUSED: "a inteligência artificial se recusou a responder",
    NoticeKind.TURN_REJECTED: "o serviço de inteligência artificial recusou a pergunta",
    NoticeKind.TURN_UNREADABLE: "os dados guardados para a assistente não puderam ser lidos",
    NoticeKind.TURN_ABANDONED: "a resposta foi interrompida várias vezes",
    NoticeKind.TURN_PROFILE: "o perfil configurado para a assistente não está instalado",
    NoticeKind.TURN_UNANSWERED: "a assistente não chegou a uma resposta",
    NoticeKind.TURN_FAILED: "erro interno",
}
"""Why a turn failed: the second half of a sentence, without technical detail."""

_CUSTOMERS_OF_A_BUDGET: Final = (
    "Quem escreve é avisado de que uma pessoa vai responder; se eu só estiver rascunhando, ninguém recebe aviso."
)
"""What becomes of customers when the model may not be asked, in either mode: drafts promise nothing."""

_WHILE_OUT: Final = (
    "Enquanto isso não consigo responder. Avisei quem escreveu que uma pessoa vai responder; por favor, acompanhe as "
    "conversas deste número. Quando voltar, respondo o que ainda não for antigo demais."
)

_STOPPED: Final = (
    "Parei as campanhas e as mensagens de divulgação{also}; respostas a quem escreve continuam. Nada se perde: o que "
    'ainda não saiu fica esperando. Quando quiser continuar, é só me dizer: "pode retomar os envios".'
)
_STOPPED_PROMOTIONS: Final = _STOPPED.format(also="")
_STOPPED_ALL: Final = _STOPPED.format(also=", e também os lembretes de agendamentos")

_WHAT_HAPPENED: Final[Mapping[str, str]] = {
    **{
        kind: f"⚠️ Não consegui responder: {{who}}. Motivo: {reason}. "
        "Por favor, responda por este número. Se escreverem de novo antes disso, tento responder."
        for kind, reason in _REASONS.items()
    },
    NoticeKind.MODEL_OUTAGE: f"⚠️ O serviço de inteligência artificial não está respondendo. {_WHILE_OUT}",
    NoticeKind.MODEL_UNAUTHORIZED: (
        "⚠️ O serviço de inteligência artificial recusou a chave de acesso ou está sem crédito: é preciso corrigir a "
        f"configuração. {_WHILE_OUT}"
    ),
    NoticeKind.HAND_OVER_UNANSWERED: (
        "⚠️ Eu tinha avisado que uma pessoa ia responder, mas ninguém respondeu: {who}. O que posso, "
        "respondo eu por aqui; por favor, veja a conversa no celular."
    ),
    NoticeKind.LOOP: (
        "⚠️ Parei de responder, porque parece ser um robô que responde a tudo o que escrevo: {who}. Se for um cliente, "
        f"por favor, continue a conversa por este número. {WAY_BACK}"
    ),
    NoticeKind.STALE: "⚠️ Fiquei sem responder, e agora é tarde para isso: {who}. Por favor, responda por este número.",
    NoticeKind.UNDECRYPTABLE: (
        "⚠️ Não consegui abrir uma mensagem de: {who}. Por favor, veja no celular se ela aparece e responda por lá."
    ),
    NoticeKind.LOST: (
        "⚠️ Uma mensagem se perdeu antes de chegar a mim, na conversa com: {who}. "
        "Por favor, veja no celular se alguma ficou sem resposta."
    ),
    NoticeKind.FILE_LOST: (
        "⚠️ Não consegui abrir um arquivo enviado por: {who}. Por favor, veja a conversa no celular e, se precisar, "
        "peça que enviem de novo."
    ),
    NoticeKind.FAILED: "⚠️ O WhatsApp não aceitou {what} para: {who}. Por favor, veja a conversa e escreva por lá.",
    NoticeKind.EXPIRED: (
        "⚠️ Não saiu a tempo {what} para: {who}. Por favor, veja a conversa e escreva por este número."
    ),
    NoticeKind.AMBIGUOUS: (
        "⚠️ Não sei se chegou {what} para: {who}. Por favor, veja a conversa e escreva se ela não aparecer."
    ),
    NoticeKind.CANCELLED_LATE: (
        "⚠️ Cancelamento em cima da hora, em resposta ao lembrete: {who}. O horário já está livre na agenda."
    ),
    NoticeKind.BUDGET_LOW: (
        "⚠️ Já usei quase todo o limite de gastos com inteligência artificial deste mês. Quando ele acabar, deixo de "
        f"responder até o mês virar ou o limite aumentar. {_CUSTOMERS_OF_A_BUDGET}"
    ),
    NoticeKind.BUDGET_SPENT: (
        "⚠️ O limite de gastos com inteligência artificial deste mês acabou. Até o mês virar ou o limite aumentar, não "
        f"respondo. {_CUSTOMERS_OF_A_BUDGET} Por favor, acompanhe as conversas deste número."
    ),
    NoticeKind.PRICE_UNKNOWN: (
        "⚠️ Há um limite de gastos com inteligência artificial, mas não sei o preço de um dos modelos configurados e "
        "por isso não o uso: pode faltar o que responde, o que ouve áudios ou o que vê fotos. "
        f"{_CUSTOMERS_OF_A_BUDGET} Por favor, acompanhe as conversas deste número e peça a quem administra o sistema "
        "que informe o preço."
    ),
    NoticeKind.STOPPED_REACHOUT_LOCKED: (
        "⚠️ O WhatsApp não deixa mais este número iniciar conversas, porque escreveu a muita gente que não tinha "
        f"escrito antes. {_STOPPED_ALL}"
    ),
    NoticeKind.STOPPED_RATE_LIMITED: f"⚠️ O WhatsApp pediu para este número enviar menos. {_STOPPED_PROMOTIONS}",
    NoticeKind.STOPPED_BANNED: (
        f"⚠️ O WhatsApp bloqueou este número. {_STOPPED_ALL} Antes disso, abra o WhatsApp no celular e veja o que ele "
        "pede."
    ),
    NoticeKind.STOPPED_FAILURES: (
        "⚠️ Muitas das últimas mensagens de divulgação não foram aceitas; continuar assim prejudica o número. "
        f"{_STOPPED_PROMOTIONS} Antes disso, vale rever quem recebe."
    ),
    NoticeKind.STOPPED_OPT_OUTS: (
        "⚠️ Muita gente que recebeu as últimas mensagens de divulgação pediu para não receber mais; continuar assim "
        f"prejudica o número. {_STOPPED_PROMOTIONS} Antes disso, vale rever o texto e quem recebe."
    ),
    NoticeKind.CONTACT_JOB_DEAD: (
        "⚠️ Tentei algumas vezes e não consegui preparar uma mensagem automática para: {who}. Ela não foi enviada. Se "
        "for importante, por favor, escreva por este número."
    ),
    NoticeKind.JOB_DEAD: (
        "⚠️ Tentei algumas vezes e não consegui fazer uma das minhas tarefas automáticas de hoje, como um resumo ou um "
        "relatório. Por favor, avise quem administra o sistema."
    ),
    NoticeKind.CAMPAIGN_JOB_DEAD: (
        "⚠️ Não consegui preparar uma parte das mensagens de uma campanha, e elas não foram enviadas. Por favor, avise "
        "quem administra o sistema."
    ),
    NoticeKind.DEAD_REPORT: (
        "⚠️ Não consegui guardar algo que chegou pelo WhatsApp, na conversa com: {who}. "
        "Por favor, veja no celular se alguma mensagem ficou sem resposta."
    ),
    NoticeKind.DISCARDED_REPORT: (
        "⚠️ Algo que eu não tinha conseguido guardar foi apagado sem ser recuperado, na conversa com: {who}. "
        "Por favor, veja no celular se alguma mensagem ficou sem resposta."
    ),
}
"""What an owner reads of each kind of notice, and what to do."""

_MINE: Final = "uma mensagem minha"
_COMMANDED: Final = "uma mensagem enviada pela administração"

_OTHER: Final = "⚠️ Algo deu errado na conversa com: {who}. Por favor, veja a conversa no celular."

NAMED: Final = 20
"""Customers that a notice names; the others are counted."""


def apology(people: People) -> str:
    """Return what a customer is told once, when the turn has failed for good or waits for long."""
    return f"{_TROUBLE} {person_will_answer(people)}"


def notice_to_owner(kind: str, about: Sequence[OpenNotice]) -> str:
    """Return the notice of what happened, of one kind, to these customers; each is named once.

    Either all of these notices are about messages that an administrator had sent, or none is.
    """
    if is_hand_over(kind):
        return hand_over_notice(kind, about[:NAMED], [*map(_who, about[:NAMED])], len(about[NAMED:]))
    names = list(dict.fromkeys(map(_who, about)))
    if len(names) > NAMED:
        names = [*names[:NAMED], f"e mais {len(names) - NAMED}"]
    what = _COMMANDED if any(notice.commanded for notice in about) else _MINE
    return _WHAT_HAPPENED.get(kind, _OTHER).format(who="; ".join(names), what=what)


def explanation_to_owner(kind: NoticeKind) -> str:
    """Return what an owner is told instead of the answer to his own message."""
    return f"Não consegui responder sua mensagem: {_REASONS[kind]}. Tente de novo em alguns minutos."


def unaffordable_to_owner(error: BudgetError) -> str:
    """Return what an owner reads for whose answer the model may not be asked."""
    return _PRICE_UNKNOWN if isinstance(error, PriceUnknownError) else _BUDGET_SPENT


_BUDGET_SPENT: Final = (
    "O limite de gastos com inteligência artificial deste mês acabou, por isso não consigo responder agora, nem aos "
    f"clientes. {_CUSTOMERS_OF_A_BUDGET} Volto quando o mês virar ou quando o limite aumentar."
)
_PRICE_UNKNOWN: Final = (
    "Há um limite de gastos com inteligência artificial, mas não sei o preço do modelo configurado. Sem ele não posso "
    f"responder, nem aos clientes. {_CUSTOMERS_OF_A_BUDGET} Peça a quem administra o sistema que informe o preço do "
    "modelo."
)


def _who(notice: OpenNotice) -> str:
    name = person_name(notice.name) or "um cliente"
    return f"{name} ({notice.phone})" if notice.phone else name
