"""Whether a text promises a person: that somebody will write, call or take over, or has been told. Pure.

An offer ("quer que eu chame alguém?"), advice ("fale com a recepção") and reports ("o atendente sugeriu") are none.
A wrong yes tells the owner once too often; a wrong no leaves a customer waiting for somebody who does not know.
"""

import re
from collections.abc import Iterator
from typing import Final

from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import any_of, either, fold, read, words_in

_AT_DESK: Final = words_in(
    "atendente atendentes pessoa pessoas pessoal equipe time alguem humano humanos responsavel responsaveis gerente "
    "gerencia recepcao recepcionista colega colegas supervisor supervisora dono dona donos proprietario proprietaria "
    "setor suporte central atendimento gente"
)
_AT_WORK: Final = words_in(
    "funcionario funcionaria colaborador colaboradora profissional profissionais especialista doutor doutora "
    "dr dra loja clinica consultor consultora tecnico tecnica moco moca membro"
)
_DESK: Final = rf"\b{any_of(_AT_DESK)}\b"
"""Who answers customers."""
_PERSON: Final = rf"\b{any_of((*_AT_DESK, *_AT_WORK))}\b"
"""Or does the work."""
_YOU: Final = r"(?:voce|vc|o senhor|a senhora)"
_NEAR: Final = r"[^.!?\n]{0,60}?"
"""Words between a person and what he will do."""

# -- somebody will do something

_WILL: Final = r"(?:vai|vao|ira|irao|deve|devem|vamos|iremos)"
_MEANWHILE: Final = rf"(?:(?:te|lhe|{_YOU}|ja|logo|em breve) ){{0,3}}"
_REACH: Final = (
    r"(?:ligar|telefonar|chamar|responder|retornar|contatar|contactar|procurar|escrever|atender|orientar|auxiliar|"
    r"assumir|ajudar|entrar em contato|dar (?:um |o )?retorno|dar continuidade|continuar|mandar mensagem|"
    r"(?:falar|conversar) (?:contigo|com (?:voce|vc|o senhor|a senhora))|vir (?:te |falar)|"
    r"te (?:avisar|passar|dar|mandar|enviar|confirmar)|"
    r"(?:atende|auxilia|ajuda|responde|contata|chama|procura|orienta)-l[oa]s?)"
)
_LOOK_INTO: Final = r"(?:verificar|confirmar|resolver|analisar|checar|ver|cuidar d)"
_REACHES: Final = either(
    r"entr(?:a|am|ara|arao) em contato",
    r"(?:responde(?:ra|rao|m)?|retorna(?:ra|rao)?)\b(?! por (?!aqui|mensagem|whats))",
    r"te (?:liga|chama|retorna|responde|procura|atende|escreve|ajuda|orienta|avisa)(?:ra)?\b",
    rf"(?:fala(?:ra)?|conversa(?:ra)?) (?:contigo|com {_YOU})",
    r"continua(?:ra)? (?:o |seu |com o )?atendimento\b",
    r"ja (?:vem|vai|vao)\b|assum(?:e|ira)\b|da(?:ra|rao)? (?:um )?retorno|dara continuidade|chamara|ligara",
)
_SOMEBODY_WILL: Final = either(
    rf"{_PERSON}{_NEAR}\b{_WILL} {_MEANWHILE}{_REACH}",
    rf"{_DESK}{_NEAR}\b{_WILL} {_MEANWHILE}{_LOOK_INTO}",
    rf"{_PERSON}{_NEAR}\b(?:{_REACHES})",
    rf"\b{_WILL} {_MEANWHILE}(?:te|lhe) (?:ligar|chamar|responder|retornar|contatar|procurar|atender|escrever)\b",
    r"\b(?:entrar(?:a|ao|emos)|(?:vao|vai|vamos|iremos) entrar) em contato",
    r"\b(?:ja )?(?:te|vao te|vai te) (?:chamam|ligam|respondem|atendem|retornam)\b",
    rf"\b(?:que|alguem) {_NEAR}\bte (?:ligue|chame|responda|retorne|procure|atenda)\b",
    r"\brecebera (?:um |uma )?(?:contato|ligacao|retorno|chamada)\b",
    r"\b(?:sera|vai ser|ja sera|esta sendo) (?:transferid|encaminhad|contatad)[oa]\b",
    r"\b(?:sera|vai ser) (?:atendid|respondid)[oa] (?:por (?:um|uma|nossa?|alguem)|em (?:breve|instantes)|ja)\b",
)

# -- the text itself will see to it: a machine cannot, so a person must

_NO_MOMENT: Final = (
    r"(?!dia\b|data\b|horario|proxim|outr|manha|tarde|noite|segunda|terca|quarta|quinta|sexta|sabado|domingo|"
    r"voce\b|vc\b|semana|mes\b|as\b|[0-9])"
)
"""Follows "passar para" where somebody is passed on to, not an appointment to another time."""
_FOLLOW_UP: Final = either(
    r"\b(?:retornaremos|responderemos|retornarei|ligaremos|te chamaremos|te ligamos|"
    r"dar(?:ei|emos) (?:um |o )?retorno)\b",
    rf"\b(?:te retorno|te dou (?:um )?retorno|dou um retorno|retorno (?:para|pra) {_YOU})",
    r"\b(?:vou|vamos|irei) (?:te |lhe )?(?:retornar|ligar|dar (?:um )?retorno)\b",
    r"\bte (?:daremos|darei|dou) (?:uma |um )?(?:resposta|posicao|retorno)\b",
    r"\b(?:ja|logo|em breve|depois|assim que|quando)\b[^.!?\n]{0,40}\b(?:te |lhe )?(?:retorn|respond|volt)(?:o|amos)\b",
    r"\b(?:retorno|retornamos|respondemos|volto|ligo|ligamos) (?:ja|logo|em breve|com a resposta)\b",
    r"\bte (?:aviso|avisarei|avisamos|ligo|ligarei|respondo|responderei|conto depois)\b(?! que|:)",
    r"\bte (?:responde|liga|chama|retorna|atende|avisa)rao\b",
    r"\bvou (?:verificar|checar|ver|confirmar|falar) com\b(?! (?:voce|vc)\b)",
    rf"{_PERSON}{_NEAR}\b(?:te (?:falar|dizer|contar|explicar)|vera|verao)\b",
    rf"\bvou (?:te )?passar (?:isso )?(?:para|pra|pro) (?:[oa] )?{_NO_MOMENT}\w{{3,}}",
    r"\bregistr(?:ei|amos) (?:a |o |sua |seu )?(?:reclamacao|queixa|solicitacao|sugestao)\b",
    r"\b(?:reclamacao|queixa|solicitacao) (?:ja )?(?:foi|esta|ficou) registrada\b",
)
_IN_ENGLISH: Final = re.compile(
    r"\b(?:someone|somebody|a human|a person|an agent|our team|a colleague|the owner|our staff)\b[^.!?\n]{0,40}"
    r"\b(?:will|shall|is going to)\b"
    r"|\bi(?: will|'ll| shall) (?:get back|let you know|check with|call you|tell (?:the|our|someone))\b"
    r"|\bi(?: have|'ve) (?:told|informed|notified|alerted|called)\b",
    re.ASCII,
)

# -- somebody has been told, or is being told

_I: Final = r"(?:vou|irei|estou|to|acabei de|acabo de|vamos|iremos|estarei|estamos)"
_TOLD: Final = (
    r"(?:avisei|acionei|chamei|encaminhei|transferi|repassei|passei|notifiquei|comuniquei|alertei|informei|pedi|"
    r"solicitei|consultei|direcionei|avisamos|acionamos|encaminhamos|repassamos|notificamos|comunicamos|alertamos|"
    r"transferimos|deixei (?:um )?(?:recado|avisado))"
)
_TELL: Final = (
    r"(?:avisa|chama|comunica|informa|notifica|aciona|encaminha|repassa|passa|direciona|consulta|verifica|confirma|"
    r"solicita|alerta|escala|fala|pergunta|conecta|deixa|checa|transferi|transferin|pedi|pedin)(?:r|ndo|do)\b"
)
_ALARM: Final = r"(?:acionar|acionando|notificar|notificando|alertar|alertando|chamar|chamando)"
_IT: Final = (
    r"(?:(?:te|lhe|o|a|isso|seu caso|sua mensagem|seu pedido|seu contato|um|uma|nosso|nossa|com|para|pra|pro|ao|da|"
    r"do) )"
)
_TOLD_SOMEBODY: Final = either(
    rf"\b{_TOLD}\b{_NEAR}{_PERSON}",
    rf"\b{_I} (?:ja )?{_IT}{{0,3}}{_TELL}{_NEAR}{_PERSON}",
    rf"\b{_I} (?:ja )?{_ALARM} (?!{_YOU}\b|atencao)(?:[oa]s?|um|uma|alguem)\b",
    r"\b(?:avisei|acionei|chamei|notifiquei|alertei) (?:a|o|ao|as|os|alguem)\b",
    rf"\b(?:vou|pedi|vou pedir|ja pedi)(?: pedir)? (?:para|pra|a|ao|pro) (?!{_YOU}\b)\w{{2,20}} te \w{{3,12}}r\b",
    rf"\bpassei (?:para|pra|pro) (?!{_YOU}\b)\w|\babr(?:i|ir|imos) (?:um )?chamado\b",
    rf"\b(?:mand|envi|deix)(?:ei|ar|amos) (?:um |uma )?(?:recado|mensagem|aviso) (?:para|pra|pro|ao?|"
    rf"com) (?:[oa] )?{_PERSON}",
    rf"{_PERSON} (?:ja )?(?:esta|estao) (?:verificando|analisando|cuidando|vendo|resolvendo|olhando)\b",
    rf"\b(?:analisad|verificad|respondid|avaliad)[oa] (?:pel[ao]|por) (?:\w+ )?{_PERSON}|"
    rf"\bencaminhad[oa] com {_IT}?{_PERSON}",
    r"\bte (?:transfiro|encaminho|direciono|passo (?:para|pra|pro))\b",
    rf"\b{_I} (?:ja )?te (?:transferi|encaminha|passa|direciona|conecta)(?:r|ndo|ndo)\b",
    rf"^\W*(?:transferindo|encaminhando|conectando|direcionando|acionando|chamando|avisando)\b{_NEAR}{_PERSON}",
    rf"{_PERSON} (?:ja )?(?:foi|foram|esta|estao|sera|serao) (?:ja )?(?:avisad|acionad|notificad|informad|comunicad|"
    rf"chamad|ciente)",
    rf"{_PERSON} (?:ja )?(?:esta|estao|vem|vai) (?:a caminho|vindo|vir)\b",
    r"\b(?:seu|sua|o|a) (?:caso|pedido|mensagem|solicitacao|duvida|conversa|atendimento|recado) (?:ja )?(?:foi|"
    r"esta sendo|sera|vai ser) (?:encaminhad|repassad|transferid|enviad|direcionad|passad|escalad)",
    rf"\b(?:recado|caso|pedido|mensagem|duvida) (?:ja )?(?:esta|ficou) com (?:[oa] |noss[oa] )?{_PERSON}",
    rf"\b(?:aguarde|espere|um (?:momento|instante))\b{_NEAR}{_DESK}",
    rf"\b(?:chamo|aviso|aciono|transfiro|encaminho|passo|repasso|consulto) {_IT}{{0,3}}{_PERSON}",
)

_PROMISE: Final = re.compile(either(_SOMEBODY_WILL, _FOLLOW_UP, _TOLD_SOMEBODY), re.ASCII)

# -- what is none

_OFFERED: Final = either(
    r"\b(?:quer|gostaria|prefere|deseja|posso|podemos|poderia|podia|devo|qual|quem|quais)\b[^.!\n]{0,80}\?",
    r"\b(?:posso|podemos) (?:pedir|chamar|transferir|encaminhar|avisar|solicitar|acionar|te (?:passar|transferir))",
    r"\b(?:se (?:quiser|preferir|precisar|desejar)|caso (?:queira|prefira|precise|deseje))\b[^.!?\n]{0,40}\b(?:posso|"
    r"podemos|pode|e so|basta|fale|chame|ligue)\b",
)
"""Waits for the customer's word."""
_HELPER: Final = (
    r"(?:te|lhe|o|e|vou|vai|vao|ha|tem|consigo|posso|podemos|pude|temos|tenho|como|ninguem|para|pra|quem|mais|ainda)"
)
_DENIED: Final = (
    rf"\b(?:nao|nunca|ninguem|nem) (?:{_HELPER} ){{0,5}}"
    r"(?:avis|cham|transfer|encaminh|respond|retorn|lig|atend|entra|promet|garant|inform|acion|repass|contat|procur|"
    r"falar)|\bnao (?:sei|sabemos) (?:quando|se)\b"
)
_REPORTED: Final = (
    rf"{_PERSON} (?:ja )?(?:te |lhe |que (?:te |o |a )?atendeu )?(?:sugeriu|recomendou|disse|falou|explicou|indicou|"
    r"orientou|respondeu|confirmou|receitou|atendeu|escreveu|marcou|agendou|registrou|anotou)"
)
_ADVICE: Final = (
    r"\b(?:fale|ligue|procure|chame|entre em contato|converse|pergunte|avise|consulte|peca|"
    r"(?:voce )?pode (?:falar|ligar|chamar|avisar|procurar))\b"
)
_NO_PROMISE: Final = tuple(re.compile(words, re.ASCII) for words in (_OFFERED, _DENIED, _REPORTED, _ADVICE))

_CLAUSE: Final = re.compile(r"[,;:()]| (?:mas|porem|entao|por isso|e ja|e vou|e um|e uma|pois) ")


def promises_person(text: str) -> bool:
    """Return whether a text promises that a person will act, or says that one has been told."""
    return any(
        _promises(part) for sentence in sentences(read(text, len(text)).shown) for part in _parts(fold(sentence))
    )


def promises_person_in_english(text: str) -> bool:
    """Return the same of what is written to those who write English, who are answered in it."""
    return _IN_ENGLISH.search(fold(text)) is not None


def _parts(sentence: str) -> Iterator[str]:
    """Yield a sentence and each of its clauses, as a question if it is one: "não consigo ver isso, mas alguém vai"."""
    yield sentence
    end = "?" if sentence.endswith("?") else ""
    yield from (clause.strip() + end for clause in _CLAUSE.split(sentence))


def _promises(folded: str) -> bool:
    found = _PROMISE.search(folded)
    if found is None:
        return False
    vetoes = (words.search(folded) for words in _NO_PROMISE)
    return all(veto is None or veto.start() > found.end() for veto in vetoes)
