"""Whether a text promises a person: that somebody will write, call or take over, or has been told. Pure.

An offer ("quer que eu chame alguém?"), advice ("fale com a recepção") and reports ("o atendente sugeriu") are none.
A wrong yes tells the owner once too often; a wrong no leaves a customer waiting for somebody who does not know.
"""

import re
from collections.abc import Iterator
from typing import Final

from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import either, fold, read

_PERSON: Final = (
    r"(?:atendentes?|pessoas?|pessoal|equipe|time|alguem|humanos?|responsavel|responsaveis|gerentes?|gerencia|recepcao|"
    r"recepcionistas?|colegas?|funcionari[oa]s?|colaborador(?:a|es|as)?|profissiona(?:l|is)|especialistas?|"
    r"supervisor(?:a|es)?|"
    r"don[oa]s?|proprietari[oa]s?|doutor(?:a|es)?|dr|dra|setor|suporte|central|atendimento|consultor(?:a|es)?|"
    r"gente|loja|"
    r"clinica|tecnic[oa]s?|moc[oa]s?)"
)
_YOU: Final = (
    r"(?:(?:te|lhe|voce|vc|ti|o senhor|a senhora|contigo|com voce|com vc|seu contato|por aqui|por "
    r"mensagem|em breve|logo|ja) )"
)
_CONTACT: Final = (
    r"(?:ligar|telefonar|chamar|responder|retornar|contatar|contactar|procurar|escrever|atender|dar (?:um |o )?retorno|"
    r"dar continuidade|entrar em contato|falar com (?:voce|vc|o senhor|a senhora)|falar contigo|assumir|continuar|"
    r"te ajudar|ajudar voce|ajudar vc|verificar|confirmar|cuidar d|resolver|analisar|mandar mensagem|te avisar|"
    r"te passar|"
    r"vir falar|vir te|te dar|te mandar|te enviar|te orientar|orientar voce)"
)
_CONTACTS: Final = (
    r"(?:entra(?:ra|rao|m)? em contato|retorna(?:ra|rao|remos)?\b|responde(?:ra|rao|remos|m)?\b(?! por)|"
    r"ligar(?:a|ao|emos)\b|"
    r"te liga\b|te chama\b|te retorna|te responde|te procura|te atende|te escreve|te ajuda|ja (?:vem|vai|vao)|"
    r"assum(?:e|ira)\b|da(?:ra|rao)? (?:um )?retorno|dara continuidade|falara com|verificara|chamara)"
)
_WILL: Final = r"(?:vai|vao|ira|irao|deve|devem|ja vai|ja vao|vamos|iremos)"
_I: Final = r"(?:vou|irei|estou|to|ja|acabei de|vamos|acabo de|estarei|estamos)"
_TELL: Final = (
    r"(?:avis(?:ar|ando|ei|amos|ado)|cham(?:ar|ando|ei|amos)|comunic(?:ar|ando|ei|amos)|inform(?:ar|ando|ei|amos)|"
    r"notific(?:ar|ando|ei|amos)|acion(?:ar|ando|ei|amos)|encaminh(?:ar|ando|ei|amos)|transfer(?:ir|indo|i|imos)|"
    r"repass(?:ar|ando|ei|amos)|pass(?:ar|ando|ei|amos)|direcion(?:ar|ando|ei|amos)|consult(?:ar|ando|ei|amos)|"
    r"verific(?:ar|ando|o|amos)|confirm(?:ar|ando|o|amos)|pedi(?:r|ndo|mos)?|solicit(?:ar|ando|ei|amos)|"
    r"alert(?:ar|ando|ei|amos)|"
    r"escal(?:ar|ando|ei)|fal(?:ar|ando|ei|amos)|pergunt(?:ar|ando|ei|amos)|conect(?:ar|ando|ei)|deix(?:ar|ando|ei))"
)

_SENTENCE_PROMISES: Final = re.compile(
    either(
        # somebody will write or call
        rf"\b{_PERSON}\b[^.!?\n]{{0,60}}\b{_WILL} (?:{_YOU}){{0,3}}{_CONTACT}",
        rf"\b{_PERSON}\b[^.!?\n]{{0,40}}\b{_CONTACTS}",
        rf"\b{_WILL} (?:ja |logo |em breve )?(?:te|lhe) (?:ligar|chamar|responder|retornar|contatar|"
        rf"procurar|atender|escrever|dar (?:um )?retorno)",
        r"\b(?:entrar(?:a|ao|emos)|entraremos|vao entrar|vai entrar|vamos entrar|iremos entrar) em contato",
        r"\b(?:retornaremos|responderemos|retornarei|te retorno|retorno (?:para|pra) (?:voce|vc|o senhor|a "
        r"senhora)|"
        r"te dou (?:um )?retorno|dou um retorno|dar(?:ei|emos|a)? (?:um |o )?retorno|te ligamos|ligaremos|"
        r"te chamaremos)",
        r"\b(?:vou|vamos|irei) (?:te |lhe )?(?:retornar|ligar|dar (?:um )?retorno)\b",
        r"\b(?:sera|seras|vai ser|ja sera|esta sendo) (?:atendid[oa]|respondid[oa]|contatad[oa]|"
        r"transferid[oa]|encaminhad[oa])",
        # somebody has been told, or is being told
        rf"\b{_I} (?:ja )?(?:te |lhe |o |a |isso |seu caso |sua mensagem |seu pedido "
        rf")?{_TELL}\b[^.!?\n]{{0,60}}\b{_PERSON}\b",
        rf"\b(?:avisei|acionei|chamei|passei|encaminhei|transferi|repassei|notifiquei|comuniquei|alertei|"
        rf"informei)\b[^.!?\n]{{0,60}}\b{_PERSON}\b",
        r"\b(?:estou|vou|irei|ja estou|to) te (?:transferi(?:r|ndo)|encaminha(?:r|ndo)|passa(?:r|ndo)|"
        r"direciona(?:r|ndo)|conecta(?:r|ndo))",
        rf"\b{_PERSON}\b (?:ja )?(?:foi|foram|esta|estao|sera|serao) (?:ja )?(?:avisad|acionad|notificad|"
        rf"informad|comunicad|chamad|ciente|a caminho|vindo)",
        r"\b(?:seu|sua|o) (?:caso|pedido|mensagem|solicitacao|duvida|conversa|atendimento|recado) (?:ja )?"
        r"(?:foi|esta sendo|sera|vai ser) (?:encaminhad|repassad|transferid|enviad|direcionad|passad|escalad)",
        r"\b(?:aguarde|espere|so um momento|um momento|um instante)[^.!?\n]{0,40}\b(?:ja (?:te|vao|vai)|"
        r"atendente|alguem|equipe|pessoa)",
        r"\bja (?:te|vao te|vai te) (?:chamo|passo|transfiro|atend|respond|cham|lig)[^.!?\n]{0,10}",
        rf"\b(?:chamo|aviso|aciono|transfiro|encaminho|passo|repasso|consulto)\b (?:voce |vc |isso |agora |ja )?"
        rf"(?:para |pra |pro |com |a |o |ao |um |uma |alguem |nossa |da ){{0,4}}{_PERSON}\b",
    ),
    re.ASCII,
)

_ONLY_OFFERED: Final = re.compile(
    r"\b(?:quer|gostaria|prefere|deseja|posso|podemos|poderia|podia|devo)\b[^.!\n]{0,80}\?|"
    r"\b(?:se (?:quiser|preferir|precisar|desejar)|caso (?:queira|prefira|precise|"
    r"deseje))\b[^.!?\n]{0,40}\b(?:posso|podemos|pode|e so|basta|fale|chame|ligue)\b|"
    r"\b(?:posso|podemos) (?:pedir|chamar|te passar|transferir|encaminhar|avisar|solicitar|acionar|te transferir)",
    re.ASCII,
)
"""An offer that waits for the customer's word."""

_DENIED: Final = re.compile(
    r"\b(?:nao|nunca|ninguem|nem) (?:te |lhe |o |ha |tem |e |vou |vai |vao |consigo |posso |podemos |pude |"
    r"temos |tenho ){0,3}"
    r"(?:como |ninguem |para |pra |quem |mais |ainda |possivel |conseguimos ){0,3}"
    r"(?:avis|cham|transfer|encaminh|respond|retorn|lig|atend|entra|promet|garant|inform|acion|repass|contat|"
    r"procur|falar)",
    re.ASCII,
)
_REPORTED: Final = re.compile(
    rf"\b{_PERSON}\b (?:ja )?(?:te |lhe |que (?:te |o |a )?atendeu )?(?:sugeriu|recomendou|disse|falou|"
    rf"explicou|indicou|orientou|respondeu|"
    r"confirmou|receitou|atendeu|escreveu|marcou|agendou|registrou|anotou)",
    re.ASCII,
)
"""What somebody did before."""

_ADVICE: Final = re.compile(
    r"\b(?:fale|ligue|procure|chame|entre em contato|converse|pergunte|avise|consulte|peca|voce pode (?:falar|"
    r"ligar|chamar|avisar|procurar))\b",
    re.ASCII,
)
"""What the customer may do himself."""


_CLAUSE: Final = re.compile(r"[,;:()]| (?:mas|porem|entao|por isso|e ja|e vou|e um|e uma|pois) ")


def promises_person(text: str) -> bool:
    """Return whether a text promises that a person will act, or says that one has been told."""
    return any(
        _promises(part) for sentence in sentences(read(text, len(text)).shown) for part in _parts(fold(sentence))
    )


def _parts(sentence: str) -> Iterator[str]:
    """Yield a sentence and each of its clauses, as a question if it is one: "não consigo ver isso, mas alguém vai"."""
    yield sentence
    end = "?" if sentence.endswith("?") else ""
    yield from (clause.strip() + end for clause in _CLAUSE.split(sentence))


def _promises(folded: str) -> bool:
    found = _SENTENCE_PROMISES.search(folded)
    if found is None:
        return False
    vetoes = (veto.search(folded) for veto in (_ONLY_OFFERED, _DENIED, _REPORTED, _ADVICE))
    return all(veto is None or veto.start() > found.end() for veto in vetoes)
