"""Whether somebody says yes, no, or something else to a question. Pure.

Something is done on a yes, so only what says nothing beside it counts as one: "sim, mas amanhã" is neither.
"""

import re
from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache
from typing import Final

from oxy_ai.portuguese.words import any_of, fold, read

LONGEST: Final = 80
"""Characters of a text that only says yes or no."""


class Agreement(Enum):
    """What a text says to a question that is answered by yes or no."""

    YES = auto()
    NO = auto()
    NEITHER = auto()
    """Anything else, and whatever says more than that."""


_YES_EMOJI: Final = "👍👌✅☑✔🆗🤝🫡"
_NO_EMOJI: Final = "👎❌🚫⛔🙅✖"
_MUTE_EMOJI: Final = "🙏😊😉😀😃😄😁🙂😍🥰❤💚💙💜🧡💛🖤🤍🙌👏💪🚀🐾🐶🐱🎉✨😘🤗🤩😎♂♀"
"""Emoji that people add to either."""
_SKIN: Final = re.compile("[\U0001f3fb-\U0001f3ff]")

_YES: Final = (
    *("sim senhora", "sim senhor", "si", "yes", "yep", "yeah", "okay", "okey", "oki", "okei", "claro", "claro que sim"),
    *("pode", "pode ser", "pode fazer", "pode mandar", "pode confirmar", "pode seguir", "pode prosseguir"),
    *("pode ir", "pode executar", "pode fazer isso", "pode crer", "podes", "exato", "exatamente"),
    *("certo", "certinho", "correto", "confirmo", "confirma"),
    *("confirmado", "confirmar", "confirme", "confirmadissimo", "com certeza", "certeza", "positivo", "afirmativo"),
    *(
        "beleza",
        "blz",
        "belezinha",
        "fechado",
        "fechou",
        "combinado",
        "perfeito",
        "otimo",
        "show",
        "show de bola",
        "top",
    ),
    *("joia", "bora", "vamos", "vamos la", "partiu", "manda", "manda ver", "manda bala", "faz", "faz isso", "faca"),
    *("faca isso", "faz favor", "aham", "ahan", "uhum", "ta", "ta bom", "ta bem", "ta ok", "ta certo", "ta otimo"),
    *("esta bem", "esta bom", "esta certo", "esta otimo", "tudo bem", "tudo certo", "tudo ok", "quero"),
    *("eu quero", "eu confirmo", "aceito", "autorizo", "autorizado", "concordo", "de acordo", "por mim pode"),
    *("por mim ok", "por mim tudo bem", "dale", "demorou", "ja e", "sem duvida", "sem duvidas"),
    *("va em frente", "vai em frente", "vai la", "segue", "prossiga", "prossegue", "siga", "executa", "execute"),
    *("por mim sim", "aprovado", "aprovo", "liberado"),
)
_NO: Final = (
    *("n", "nn", "naum", "nop", "nope", "no", "nunca", "jamais", "negativo", "de jeito nenhum", "de forma alguma"),
    *(
        "de forma nenhuma",
        "nem pensar",
        "melhor nao",
        "agora nao",
        "ainda nao",
        "hoje nao",
        "por enquanto nao",
        "isso nao",
    ),
    *(
        "claro que nao",
        "com certeza nao",
        "acho que nao",
        "acho melhor nao",
        "nao acho",
        "nao precisa",
        "nao precisa mais",
    ),
    *("nao quero", "nao quero mais", "nao faz", "nao faca", "nao faz isso", "nao faca isso", "nao pode", "nao agora"),
    *("nao por enquanto", "nao mais", "nao e isso", "nao era isso", "nao confirmo", "nao confirma", "nao autorizo"),
    *("nada disso", "errado", "ta errado", "esta errado", "cancela", "cancele", "cancelar", "cancela isso", "deixa"),
    *("deixa pra la", "deixa para la", "deixa quieto", "deixe", "deixe para la", "esquece", "esqueca", "esquece isso"),
    *("para", "pare", "espera", "espere", "pera", "perai", "calma"),
    *("desisti", "desisto", "mudei de ideia", "nem"),
)
_FILLERS: Final = (
    *("por favor", "porfavor", "por gentileza", "pf", "pfv", "pfvr", "obrigado", "obrigada", "muito obrigado"),
    *("muito obrigada", "obg", "obgd", "brigado", "brigada", "valeu", "vlw", "aurora", "oi", "oie", "ola", "opa", "ah"),
    *("entao", "ai", "viu", "ne", "mesmo", "querida", "amiga", "e", "bom dia", "boa tarde", "boa noite", "gente"),
)
"""Words that people add to a yes or a no, and that change nothing of it."""

_LONG_YES: Final = r"s+|s+i+m+|o+k+|k+o+k+|isso+|aha+m+|uhu+m+"
_LONG_NO: Final = r"n+a+o+"
"""As people write them who mean it."""


def _phrase(*forms: str) -> str:
    """Return the regular expression of one of these forms, whole words of it, which is never matched otherwise."""
    return rf"(?>(?:{'|'.join(forms)})(?= |$))"


_FILLER: Final = _phrase(any_of(_FILLERS), f"[{_MUTE_EMOJI}]+")
YES_FORMS: Final = (any_of(_YES), _LONG_YES, f"[{_YES_EMOJI}]+")
PLAIN_NO_FORMS: Final = (_LONG_NO, "n|nn|naum|nop|nope", f"[{_NO_EMOJI}]+")
"""As regular expressions of folded words, for `says_only`."""
_SAYS: Final = {
    Agreement.YES: _phrase(*YES_FORMS),
    Agreement.NO: _phrase(any_of(_NO), *PLAIN_NO_FORMS),
}


def _only(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{_FILLER} )*{words}(?: (?:{words}|{_FILLER}))*")


_ONLY: Final = {said: _only(words) for said, words in _SAYS.items()}
_EMOJI: Final = re.compile(rf"([{_YES_EMOJI}{_NO_EMOJI}{_MUTE_EMOJI}])")
_PUNCTUATION: Final = re.compile(r"[\s.,!;:…\-\"'*_~()]+")

_WISH: Final = re.compile(r"\W*vou (?P<verb>[a-z]+r)\b(?: (?:o|a|os|as) (?P<thing>[a-z]+))?")
_TAKING_BACK: Final = frozenset({"cancelar", "desmarcar", "deixar", "parar"})


def agreement_in(text: str, asked: str = "") -> Agreement:
    """Return what a text, the words of a voice note or the emoji of a reaction says to a question.

    `asked` is what is to be done, as in "Vou fechar a loja amanhã": "pode fechar" is a yes to it, and so is "pode
    fechar o dia", but nothing that names more.
    """
    if len(text) > LONGEST:
        return Agreement.NEITHER
    words = _with_plain_yes(_plain(text), asked)
    return next((said for said, only in _ONLY.items() if only.fullmatch(words)), Agreement.NEITHER)


def says_only(text: str, *forms: str) -> bool:
    """Return whether a text says one of these, given as regular expressions of folded words, and nothing beside it."""
    return len(text) <= LONGEST and _says(forms).fullmatch(_plain(text)) is not None


@lru_cache(maxsize=16)
def _says(forms: tuple[str, ...]) -> re.Pattern[str]:
    return _only(_phrase(*forms))


def _plain(text: str) -> str:
    """Return the folded words and emoji of a text."""
    return _PUNCTUATION.sub(" ", _EMOJI.sub(r" \1 ", _SKIN.sub("", read(text).folded))).strip()


def _with_plain_yes(words: str, asked: str) -> str:
    """Return folded words with "pode" alone where they repeat what is to be done; taking something back may mean it."""
    wish = _WISH.match(fold(asked))
    if wish is None or wish["verb"] in _TAKING_BACK:
        return words
    things = any_of(("dia", *filter(None, [wish["thing"]])))
    return re.sub(rf"\bpode (?:sim )?{wish['verb']}(?: isso| (?:[oa] )?{things})?(?= |$)", "pode", words)


def agreement_of(texts: Iterable[str], asked: str = "") -> Agreement:
    """Return what several texts say together: as soon as they differ, neither."""
    said = {agreement_in(text, asked) for text in texts}
    return said.pop() if len(said) == 1 else Agreement.NEITHER
