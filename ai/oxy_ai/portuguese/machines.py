"""Messages that a machine wrote: verification codes of companies, automatic replies, menus. Answering one helps nobody.

Only what people do not write counts: a wrong yes leaves a customer without an answer. Pure.
"""

import re
from typing import Final

from oxy_ai.portuguese.words import any_of, either, read, words_in

_CODE: Final = r"(?:[a-z]{1,3}-)?[0-9](?:[0-9 -]{2,9})[0-9]\b"
_KINDS: Final = any_of(
    words_in(
        "de do da para e unico temporaria temporario descartavel verificacao seguranca acesso confirmacao validacao "
        "autenticacao login ativacao registro uso whatsapp verification security confirmation"
    )
)
_NAMED: Final = rf"(?:codigo|cod|code|token|senha|pin|otp)(?: {_KINDS}){{1,6}}"
_PROOF: Final = r"(?:verificacao|seguranca|confirmacao|validacao|autenticacao|verification|security|confirmation)"
_SECRETS: Final = r"(?:codigo|code|token|senha|pin)"

_VERIFICATION: Final = re.compile(
    either(
        rf"\b(?:seu|your|use o|digite o|informe o|use) {_NAMED}[^.!?\n]{{0,60}}{_CODE}",
        rf"\b(?:codigo|code|token) (?:de )?{_PROOF}\b[^.!?\n]{{0,40}}[:=] ?\*?{_CODE}",
        rf"\b{_CODE} (?:e|is) (?:o )?(?:seu|your)\b[^.!?\n]{{0,40}}\b{_SECRETS}\b",
        rf"\buse {_CODE} (?:como|as)\b[^.!?\n]{{0,40}}\b{_SECRETS}\b",
        rf"\bcodigo (?:d[oae] )?(?:whatsapp|facebook|instagram|google|telegram|uber|ifood):? {_CODE}",
        r"\b(?:seu|your) (?:[a-z]{2,20} ){0,3}(?:verification |security |login )?code (?:is|:)",
        r"\b(?:nao|nunca|do not|don't|never) (?:compartilhe|informe|share|divulgue|repasse) "
        rf"(?:este |esse |seu |o |this |your |it )?{_SECRETS}",
    ),
    re.ASCII,
)
_HAS_DIGITS: Final = re.compile(r"[0-9]{3}")

_SOON: Final = r"(?:assim que|o mais breve|em breve|o quanto antes|no proximo|logo que|dentro do)"

_AUTOMATIC: Final = re.compile(
    either(
        r"\b(?:esta|este) (?:e um(?:a)? )?(?:mensagem|resposta|atendimento) (?:(?:e|foi) )?(?:(?:gerad|enviad)[ao] )?"
        r"automatic(?:[ao]|amente)\b(?!\?)",
        r"\bthis is an? (?:automatic|automated) (?:message|reply|response)\b(?!\?)",
        r"^\W*(?:mensagem|resposta|aviso|e-?mail) automatic[ao]\b[^?]{0,200}$",
        r"\b(?:nao responda|favor nao responder|do not reply)\b[^?\n]{0,30}\b(?:mensagem|numero|e-?mail|contato|"
        r"message|this)\b",
        r"\b(?:agradecemos (?:o |a |pelo )?(?:seu |sua )?(?:contato|mensagem)|obrigad[oa] por entrar em contato com)\b",
        r"\brecebemos (?:a )?sua mensagem\b[^?\n]{0,60}\b(?:em breve|retorn|respond|entrar|aguard|atend|logo)",
        r"\b(?:no momento|neste momento|agora) (?:estamos|nos encontramos) (?:\w{1,12} ){0,2}(?:indisponive|ausente|"
        r"fora do (?:horario|expediente)|fechad[oa]s)",
        r"\b(?:no|neste) momento nao (?:estamos|nos encontramos) disponive",
        r"\bestamos fora do (?:nosso )?(?:horario|expediente)\b",
        rf"\b(?:responderemos|retornaremos|entraremos em contato|te responderemos)\b[^.!?\n]{{0,40}}\b{_SOON}\b",
        r"\bnoss[oa]s? (?:atendentes?|consultor(?:es)?) (?:ira|vai|entrara|em breve)\b",
        r"\b(?:nosso horario de atendimento|nosso atendimento funciona)\b[^?]{0,80}\b(?:de segunda|seg|das [0-9])",
        r"\bbem[- ]?vind[oa](?:\([ao]\))? (?:a|ao|as|aos)\b[^?]{0,60}\b(?:como|em que) (?:podemos|"
        r"posso)\b[^?]{0,20}ajudar",
        r"\b(?:digite|tecle|selecione) (?:a opcao|o numero|uma (?:das )?opc|\*?[0-9]\*? (?:para|pra))",
        r"\bescolha (?:uma (?:das )?opc\w{2,4}|a opcao (?:desejada|abaixo))|"
        r"\bdigite (?:o )?seu (?:cpf|cnpj|e-?mail|telefone)\b",
        r"\b(?:sou|aqui e|voce esta falando com) (?:o|a) (?:assistente|atendente) (?:virtual|digital|automatic[ao])\b"
        r"(?![^.!\n]{0,60}\?)",
        r"(?:^|\bseu (?:numero de )?)protocolo\b[^.!?\n]{0,20}[0-9]{5}",
        r"\bde 0 a 10\b[^?\n]{0,60}\brecomenda",
    ),
    re.ASCII,
)


def is_verification_code(text: str) -> bool:
    """Return whether a company's machine sent this code to confirm an account or a login."""
    folded = read(text).folded
    return _HAS_DIGITS.search(folded) is not None and _VERIFICATION.search(folded) is not None


def is_automatic_reply(text: str) -> bool:
    """Return whether a text is a greeting, an absence note or a menu of another business's machine."""
    return _AUTOMATIC.search(read(text).folded) is not None
