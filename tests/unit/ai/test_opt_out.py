"""Wishes to be left alone: what counts as one, and the many messages that only look like one."""

from oxy_ai.portuguese.opt_out import OptOut, is_opt_in, is_opt_out, opt_out_scope

WISHES = [
    "parar",
    "PARAR",
    "Sair",
    "sair.",
    "SAIR!!",
    "stop",
    "STOP",
    "pare",
    "Parem",
    "descadastrar",
    "Descadastro",
    "quero sair",
    "Quero me descadastrar",
    "não quero receber mensagens",
    "nao quero receber msgs",
    "Não quero mais receber mensagens",
    "n quero mais receber msg",
    "não me mande mais mensagens",
    "parem de me mandar mensagem",
    "para de mandar msg",
    "pare de me enviar mensagens",
    "chega de propaganda",
    "não quero receber promoções",
    "me tira dessa lista",
    "me remove da lista",
    "sair da lista",
    "quero sair da lista de transmissão",
    "tira meu número da lista",
    "remova meu contato, por favor",
    "não envie mais mensagens",
    "não mandem mais nada",
    "unsubscribe",
    "opt-out",
    "por favor, parar",
    "Bom dia, quero parar de receber mensagens",
    "como faço pra parar de receber mensagens?",
    "podem parar de me mandar propaganda?",
    "Não autorizo mais contato",
    "não quero mais contato de vocês",
    "nunca mais me mande mensagem",
    "cancelar inscrição",
    "parar por favor 🙏",
    "\uff30\uff21\uff32\uff21\uff32",
    "\U0001d40f\U0001d400\U0001d411\U0001d400\U0001d411",
    "me descadastra",
    "excluir meu número",
    "não quero spam",
    "Não quero mais receber nada",
    "sair obrigada",
    "me deixem em paz",
    "Pare de mandar ofertas no meu whatsapp",
]

OTHERS = [
    "posso sair com ele?",
    "ele pode sair na rua?",
    "vou sair agora",
    "sair de casa",
    "não quero sair",
    "quero parar o tratamento",
    "posso parar o remédio?",
    "pode parar aqui na frente?",
    "para",
    "para amanhã",
    "pra parar de coçar",
    "cancelar",
    "quero cancelar",
    "cancelar meu horário",
    "não quero",
    "não quero mais",
    "não",
    "não, obrigada",
    "chega que horas?",
    "tira dúvida?",
    "pode tirar os pontos?",
    "não quero receber em casa",
    "não recebi mensagem",
    "não recebi a mensagem",
    "não mandem o boleto",
    "não manda foto?",
    "parou de comer",
    "ele não para de latir",
    "não parem de mandar mensagem",
    "não quero parar de receber as mensagens",
    "quero receber mensagens",
    "não quero essa promoção",
    "não precisa mandar mensagem, eu ligo",
    "não me mande mensagem agora, estou dirigindo",
    "stop?",
    "sair?",
    "quero me cadastrar",
    "remover tártaro",
    "me tira uma dúvida",
    "deixa eu ver e te falo",
    "como faço pra sair daí com ele sedado?",
    "não quero mais banho",
    "para de mandar mensagem e me liga",
    "tem como parar no estacionamento?",
    "a que horas posso sair daí?",
    "parar de dar ração?",
    "quero sair às 15h",
    "não quero receber visita",
    "Pare de dar esse remédio pro Rex?",
    "podem mandar mensagem quando ficar pronto",
    "voltar",
    "bom dia",
    "por favor",
    "",
    "🙏",
    "não quero mensagem automática, quero falar com uma pessoa",
    "quando ele vai parar de tomar?",
    "me remove desse horário",
    "tira esse horário",
    "vocês param que horas?",
    "sair mais cedo",
]

PROMOTIONS = [
    "chega de propaganda",
    "não quero receber promoções",
    "podem parar de me mandar propaganda?",
    "não quero spam",
    "Pare de mandar ofertas no meu whatsapp",
]

BACK = [
    "voltar",
    "VOLTAR",
    "Voltar!",
    "quero voltar",
    "quero voltar a receber mensagens",
    "podem voltar a mandar mensagens",
    "quero receber mensagens",
    "start",
    "quero receber promoções de novo",
]

NOT_BACK = [
    "pode voltar?",
    "vou voltar amanhã",
    "posso voltar sexta?",
    "ele vai voltar com tosse",
    "voltar?",
    "volto já",
    "quero receber",
    "receber",
    "receber em casa",
    "quero voltar aí amanhã",
]


def test_a_wish_to_be_left_alone_is_understood() -> None:
    assert [text for text in WISHES if not is_opt_out(text)] == []


def test_what_only_looks_like_such_a_wish_is_answered() -> None:
    assert [text for text in OTHERS if is_opt_out(text)] == []


def test_the_tables_are_large() -> None:
    assert min(len(set(WISHES)), len(set(OTHERS))) >= 40


def test_a_wish_that_names_promotions_is_about_them_alone() -> None:
    assert [text for text in WISHES if opt_out_scope(text) is OptOut.PROACTIVE] == PROMOTIONS


def test_a_wish_to_hear_again_is_understood() -> None:
    assert [text for text in BACK if not is_opt_in(text) or is_opt_out(text)] == []


def test_what_only_looks_like_a_wish_to_hear_again_is_none() -> None:
    assert [text for text in [*NOT_BACK, *WISHES] if is_opt_in(text)] == []
