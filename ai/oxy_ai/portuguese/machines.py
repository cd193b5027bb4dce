"""Messages that a machine wrote: verification codes of companies, automatic replies, menus. Answering one helps nobody.

Only what people do not write counts: a wrong yes leaves a customer without an answer. Pure.
"""

import re
from typing import Final

from oxy_ai.portuguese.words import either, read

_CODE: Final = r"(?:[a-z]{1,3}-)?[0-9](?:[0-9 -]{2,9})[0-9]\b"
_CODE_NAMED: Final = (
    r"(?:codigo|cod|code|token|senha|pin|otp)(?: (?:de|do|da|para|e|unico|temporaria|temporario|descartavel|"
    r"verificacao|seguranca|acesso|confirmacao|validacao|autenticacao|login|ativacao|registro|uso|whatsapp|"
    r"verification|security|login|confirmation)){1,6}"
)
_VERIFICATION: Final = re.compile(
    either(
        rf"\b(?:seu|your|o|use o|digite o|informe o|use) {_CODE_NAMED}[^.!?\n]{{0,60}}{_CODE}",
        rf"\b{_CODE_NAMED}\b[^.!?\n]{{0,40}}[:=] ?\*?{_CODE}",
        rf"\b{_CODE} (?:e|is) (?:o )?(?:seu|your)\b[^.!?\n]{{0,40}}\b(?:codigo|code|senha|token|pin)\b",
        r"\b(?:seu|your) (?:[a-z]{2,20} ){0,3}(?:verification |security |login )?code (?:is|:)",
        r"\b(?:nao|nunca|do not|don't|never) (?:compartilhe|informe|share|divulgue|repasse) (?:este |esse |"
        r"seu |o |this |your |it )?"
        r"(?:codigo|code|token|senha)",
    ),
    re.ASCII,
)
_HAS_DIGITS: Final = re.compile(r"[0-9]{3}")

_AUTOMATIC: Final = re.compile(
    either(
        r"\b(?:esta|essa|este|this)(?: is an?| e uma| e um|) (?:mensagem|resposta|atendimento|automatic|automated)"
        r"(?: (?:e|foi))?(?: (?:gerada|enviada))? ?(?:automatic[ao]|automaticamente|message|reply|"
        r"response)\b(?!\?)",
        r"\b(?:mensagem|resposta|aviso|e-?mail) automatic[ao]\b[^?]{0,200}$",
        r"\b(?:nao responda|favor nao responder|do not reply|please do not "
        r"reply)\b[^?\n]{0,30}\b(?:mensagem|numero|e-?mail|contato|message|this)\b",
        r"\b(?:agradecemos|obrigad[oa] por|obrigad[oa] pelo|gratos pelo) (?:o |a |seu |sua )?(?:seu |sua |"
        r"entrar em )?(?:contato|mensagem)\b",
        r"\b(?:no momento|neste momento|agora) (?:estamos|nos encontramos|estou)\b[^.!?\n]{0,60}\b"
        r"(?:indisponive|ausente|fora do (?:horario|expediente)|fechad)",
        r"\bnao (?:estamos|nos encontramos|estou) (?:mais )?disponive",
        r"\b(?:responderemos|retornaremos|entraremos em contato|te responderemos|retornarei|responderei)\b"
        r"[^.!?\n]{0,40}\b(?:assim que|o mais breve|em breve|o quanto antes|no proximo|logo que|dentro do)",
        r"\b(?:nosso horario de atendimento|horario de funcionamento|nosso atendimento "
        r"funciona)\b[^?]{0,80}\b(?:de segunda|seg|das [0-9])",
        r"\b(?:digite|tecle|envie|escolha|responda com|selecione) (?:a opcao |o numero |uma (?:das )?opc\w{2,4} ?)"
        r"(?:\*?[0-9]\*?|abaixo|desejada|:)?",
        r"\bdigite \*?[0-9]\*? (?:para|pra)\b",
        r"(?:^|\n)\W{0,3}1\W{1,4}[a-z][^\n]{1,60}\n\W{0,3}2\W{1,4}[a-z][^\n]{1,60}\n\W{0,3}3\W{1,4}[a-z]",
        r"\b(?:sou|eu sou|aqui e) (?:o|a) (?:assistente|atendente) (?:virtual|digital|automatic[ao])",
        r"\bseu (?:protocolo|numero de protocolo)\b[^.!?\n]{0,20}[0-9]{5}",
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


def is_machine(text: str) -> bool:
    """Return whether a machine wrote this text, as far as it can be told from the text alone."""
    return is_verification_code(text) or is_automatic_reply(text)
