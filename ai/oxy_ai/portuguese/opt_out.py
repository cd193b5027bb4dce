"""Whether a whole message asks to be left alone, or to hear again: a command, no sentence about other things. Pure.

A wrong yes silences a customer who wanted an answer. So each word of the message must belong to such a command: "posso
sair com ele?" has others. "Cancelar" alone is about an appointment, and "para" alone is half a sentence.
"""

import re
from enum import StrEnum
from typing import Final

from oxy_ai.portuguese.words import either, key_words, words_in

LONGEST: Final = 200
"""Characters of the longest message that is read as a command."""


class OptOut(StrEnum):
    """What a contact does not want any more."""

    PROACTIVE = "proactive"
    """What he did not ask for: promotions, campaigns, reminders."""
    ALL = "all"
    """Any message of ours."""


_POLITE: Final = frozenset(
    words_in(
        "oi oie ola opa bom boa dia tarde noite por favor porfavor pfv pf pfvr gentileza gente moca moco "
        "amigo amiga senhor senhora senhores obrigado obrigada obg obgd brigado brigada grato grata valeu vlw "
        "ok ta viu agora ja imediatamente urgente atenciosamente desculpa desculpe ai aqui"
    )
)
"""Words that may stand around a command."""

_STOP_WORDS: Final = frozenset(words_in("parar pare parem sair stop unsubscribe optout quit descadastrar descadastro"))
_OUT: Final = _STOP_WORDS | {
    "opt out",
    "descadastre",
    "descadastra",
    "descadastramento",
    "desinscrever",
    "quero parar",
    "quero sair",
    "eu quero sair",
    "gostaria de sair",
    "desejo sair",
    "sair sair",
    "stop all",
    "descadastre me",
    "me bloqueia",
    "me bloqueie",
    "remover contato",
    "remover meu contato",
    "cancelar inscricao",
    "cancelar minha inscricao",
    "cancelar cadastro",
    "cancelar meu cadastro",
    "cancelar o recebimento",
    "cancelar recebimento",
    "cancele meu cadastro",
    "cancelar mensagens",
    "me deixa em paz",
    "me deixe em paz",
    "me deixem em paz",
}
"""Whole commands."""

_BACK: Final = frozenset(
    {
        "voltar",
        "volta",
        "volte",
        "voltem",
        "quero voltar",
        "eu quero voltar",
        "gostaria de voltar",
        "start",
        "reativar",
        "recadastrar",
    }
)

_ADVERTISING: Final = frozenset(["propaganda", "propagandas", "spam", "marketing", "publicidade", "publicidades"])
_PROMOTIONS: Final = _ADVERTISING | frozenset(
    words_in(
        "promocao promocoes oferta ofertas anuncio anuncios campanha campanhas novidade novidades divulgacao "
        "divulgacoes lembrete lembretes informativo informativos newsletter notificacao notificacoes"
    )
)
_MESSAGES: Final = frozenset(
    words_in("mensagem mensagens mensagen msg msgs menssagem menssagens mensage mensages contato contatos")
)
_SENDING: Final = frozenset(
    words_in(
        "mandar manda mande mandem mandando enviar envia envie enviem enviando encaminhar encaminhe escrever "
        "escreva escrevam perturbar perturbe perturbem incomodar incomode incomodem chamar chame chamem entre entrem"
    )
)
_REMOVING: Final = frozenset(
    words_in(
        "tira tirar tire tirem remove remova remover removam retira retirar retire retirem exclua excluir "
        "exclui excluam apaga apagar apague apaguem deleta deletar delete descadastra descadastrar "
        "descadastre descadastrem descadastro desinscrever desinscreva sair sai"
    )
)
_LISTS: Final = frozenset(
    words_in("lista listas cadastro cadastros numero contato contatos telefone celular grupo base")
)
_AROUND: Final = frozenset(
    words_in(
        "a o as os e eu me m mim meu minha meus minhas nao n nunca jamais mais nada nem nenhum nenhuma de da "
        "do das dos d desse dessa desses dessas deste desta destes destas em no na nos nesse nessa neste "
        "nesta esse essa esses essas este esta isso tanta tantas tanto tantos tipo com pra para pro por que q "
        "quero queria gostaria desejo prefiro preciso solicito peco autorizo aceito quer como faco fasso faz "
        "podem pode posso poderia poderiam favor pare parem parar chega basta deixa deixe deixem deixar "
        "receber recebendo ver voces vcs vc voce suas seus sua seu loja empresa whatsapp whats zap aqui daqui "
        "transmissao envio envios robo bot automatica automaticas vez todas toda todos exclusao remocao retirada "
        "cancelar cancele recebimento"
    )
)
"""Words that sentences with such a wish are made of."""

_VOCABULARY: Final = _POLITE | _OUT | _PROMOTIONS | _MESSAGES | _SENDING | _REMOVING | _LISTS | _AROUND


def _any(words: frozenset[str]) -> str:
    return rf"(?:{'|'.join(sorted(words))})\b"


_NO: Final = r"\b(?:nao|n|nunca|nunca mais|jamais)"
_WANT: Final = r"(?:quero|queria|gostaria de|desejo|autorizo|aceito|preciso|prefiro)"
_UNWANTED: Final = _any(_MESSAGES | _ADVERTISING)
_ANYTHING: Final = _any(_MESSAGES | _PROMOTIONS)
_WHICH: Final = r"(?:as|essas|esses|nenhuma|suas|tantas|tanta|tanto|o envio de|o recebimento de|mais)"
_WHOSE: Final = r"(?:d[aeo]|dess[ae]|dest[ae]|o|a|eu da|meu|minha|sua|suas|esse|este)"

_WISHED: Final = re.compile(
    either(
        rf"{_NO} {_WANT}(?: mais)? (?:receber\b|{_UNWANTED}|{_WHICH} {_UNWANTED})",
        rf"\b{_WANT} nao (?:mais )?receber\b",
        rf"{_NO} {_WANT}(?: mais)? (?:que|q) (?:(?:voces|vcs|vc|voce) )?(?:me )?{_any(_SENDING)}",
        rf"{_NO} (?:me )?{_any(_SENDING)}(?: me)? (?:mais\b|nada\b|em contato\b|{_ANYTHING})",
        rf"\b(?:para|pare|parem|parar|chega|deixa|deixe|deixem|deixar) de (?:me )?(?:receber\b|{_any(_SENDING)})",
        rf"\b(?:pare|parem|parar|chega|basta) (?:de|com) (?:{_WHICH} )?{_ANYTHING}",
        rf"\bcancel(?:ar|e) o (?:recebimento|envio) de {_ANYTHING}",
        rf"\b{_any(_REMOVING)} (?:me )?{_WHOSE} (?:meu |minha |sua |suas |lista de )?{_any(_LISTS | _PROMOTIONS)}",
        rf"\b(?:exclusao|remocao|retirada) d[aeo] (?:meu |minha )?{_any(_LISTS)}",
        rf"\bme {_any(_REMOVING)}(?! (?:com|o|a|um|uma)\b)",
        r"\bquero me (?:descadastrar|desinscrever)\b",
    ),
    re.ASCII,
)

_NOT_WISHED: Final = re.compile(
    r"\bnao (?:quero (?:(?:que|q) (?:(?:voces|vcs|vc|voce) )?)?|podem |pode )?"
    r"(?:me )?(?:pare|parem|parar|sair|deixar|deixem|tir)",
    re.ASCII,
)
"""He does not want it to stop."""

_AGAIN: Final = r"(?: ?(?:de novo|novamente|outra vez))"
_WISHED_BACK: Final = re.compile(
    either(
        rf"^(?:eu )?(?:(?:quero|queria|gostaria de|desejo|podem|pode) )?(?:voltar a|volte a|voltem a|reativar(?: as)?|"
        rf"receber) (?:me )?(?:(?:receber|{_any(_SENDING)}) ?)?(?:as |suas |essas )?"
        rf"(?:{_any(_MESSAGES | _PROMOTIONS)})?{_AGAIN}?(?: (?:de|com) (?:voces|vcs)| d[ae] loja)?$",
        rf"^(?:eu )?quero receber{_AGAIN}$",
        rf"^mudei de ideia(?: ja)? (?:pode|podem) (?:voltar a )?(?:me )?{_any(_SENDING)}{_AGAIN}?$",
    ),
    re.ASCII,
)


def opt_out_scope(text: str) -> OptOut | None:
    """Return what a message asks us to stop; None: it asks for nothing of the kind, or says something else as well."""
    words = _command(text)
    if not words or (not (words in _OUT and "?" not in text) and not _is_wish(words)):
        return None
    return OptOut.ALL if _PROMOTIONS.isdisjoint(words.split()) else OptOut.PROACTIVE


def is_opt_out(text: str) -> bool:
    """Return whether a whole message asks not to be written to any more."""
    return opt_out_scope(text) is not None


def is_opt_in(text: str) -> bool:
    """Return whether a whole message asks to be written to again."""
    words = "" if "?" in text else _command(text)
    return words in _BACK or (len(words) > len("receber") and _WISHED_BACK.search(words) is not None)


def _is_wish(words: str) -> bool:
    return _VOCABULARY.issuperset(words.split()) and bool(_WISHED.search(words)) and not _NOT_WISHED.search(words)


def _command(text: str) -> str:
    """Return the words of a short message without the polite ones around them; of a longer one, none."""
    words = key_words(text).split() if len(text) <= LONGEST else []
    while words and words[0] in _POLITE:
        del words[0]
    while words and words[-1] in _POLITE:
        del words[-1]
    return " ".join(words)
