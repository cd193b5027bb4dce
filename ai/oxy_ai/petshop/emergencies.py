"""Whether a customer writes that an animal is in mortal danger right now. Pure.

What is happening or has just happened counts, also in a question ("comeu chocolate, faz mal?"). What might happen
("pode comer uva?", "vacina contra envenenamento?") or happened long ago does not. In doubt it counts: a wrong yes costs
a phone number too many, a wrong no may cost a life.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import either, fold, read


class Emergency(StrEnum):
    """What may kill within hours."""

    POISONING = "poisoning"
    SEIZURE = "seizure"
    BLEEDING = "bleeding"
    BLOAT = "bloat"
    NO_BREATH = "no_breath"
    COLLAPSE = "collapse"
    INJURY = "injury"


_NOW: Final = r"(?:esta|ta|tah|estao|tao|t|comecou a|comeca a|ficou|fica|continua|segue|acabou de|anda|vem)"
_ATE: Final = (
    r"(?:comeu|comeram|ingeriu|engoliu|lambeu|lamberam|bebeu|beberam|tomou|mastigou|roeu|mordeu|cheirou|inalou|"
    r"pegou|abocanhou|"
    r"(?:esta|ta|tava|estava) (?:comendo|lambendo|mastigando|bebendo)|acabou de (?:comer|engolir|ingerir|"
    r"lamber|tomar|beber)|"
    r"andou (?:comendo|lambendo)|(?:eu |a gente )?(?:dei|demos)|teve contato com|entrou em contato com)"
)
_POISON: Final = (
    r"(?:veneno\w*|chumbinho|raticida|racumin|inseticida|formicida|carrapaticida|herbicida|agrotoxico|soda caustica|"
    r"chocolates?|cacau|uvas?|(?:uva )?passas?|cebolas?|alho|xilitol|adocante|chicletes?|macadamia|abacate|"
    r"agua sanitaria|candida|cloro|desinfetante|pinho sol|detergente|alvejante|sabao em po|amaciante|"
    r"produto(?:s)? de limpeza|"
    r"naftalina|creolina|querosene|gasolina|thinner|acetona|alcool|anticongelante|"
    r"paracetamol|tylenol|ibuprofeno|advil|dipirona|aspirina|aas|diclofenaco|cataflan|cataflam|dorflex|"
    r"nimesulida|naproxeno|"
    r"(?:o |os |um |uns |varios |meus? |seus? )?(?:remedios?|comprimidos?|medicamentos?) (?:de gente|humanos?|"
    r"da minha|do meu|meu|da caixa|errad)|"
    r"a cartela|maconha|cocaina|drogas?|cigarros?|nicotina|lirio|comigo[ -]ninguem[ -]pode|espirradeira|azaleia|mamona|"
    r"costela de adao|sapo|pilhas?|baterias?|agulha|anzol|isca de rato|rato envenenado|moedas?)"
)
_BETWEEN: Final = r"(?: \S{1,20}){0,5}? "

_SIGNS: Final[Mapping[Emergency, str]] = {
    Emergency.POISONING: either(
        rf"\b{_ATE}{_BETWEEN}{_POISON}\b",
        r"\b(?:foi|foram|fui|esta|ta|deve ter sido|acho que (?:foi|e|ta|esta)|parece|pode ter sido|ser) "
        r"(?:\S{1,20} )?(?:envenenad|intoxicad)[oa]s?\b",
        r"\benvenenaram\b|\bse (?:envenenou|intoxicou)\b",
        r"\b(?:suspeita|sinais|sintomas?|caso|acho que e|parece|parecendo|possivel) (?:de |com |um |uma |"
        r"ser )?(?:envenenamento|intoxicacao)",
        r"\b(?:picad[oa]|mordid[oa]|picou|mordeu)\b[^.!?\n]{0,30}\b(?:cobras?|escorpi(?:ao|oes)|jararaca|"
        r"cascavel|aranha|sapo)\b",
        r"\b(?:cobra|escorpiao|jararaca|cascavel|aranha) (?:picou|mordeu)\b",
    ),
    Emergency.SEIZURE: either(
        rf"\b(?:{_NOW}|teve|tendo|deu|sofreu|sofrendo|entrou em|tive|apresentou|apresentando)(?: tendo| "
        rf"dando| com| em| uma?| outra| varias?| duas| mais| \S{{1,12}}){{0,4}}"
        r" (?:convuls\w+|convulc\w+|comvuls\w+|ataque epiletico|ataque epileptico|crise epiletica|crise "
        r"epileptica|crise convulsiva)",
        r"\bconvul[sc]io?n(?:ou|ando)\b|\bconvul[sc]ao agora\b|\bem convul[sc]ao\b",
        r"\b(?:se debatendo|tremendo (?:todo|toda|muito|sem parar)|espumando|babando espuma|espuma (?:na|"
        r"pela|da) boca|debatendo no chao|"
        r"revirando os olhos|olhos? virad[oa]s?)\b",
    ),
    Emergency.BLEEDING: either(
        r"\b(?:esta|ta|tah|continua|ficou|comecou a|segue|nao para de) (?:\S{1,12} )?sangra(?:ndo|r)\b",
        r"\bsangrando (?:muito|mto|mt|demais|bastante|sem parar)\b|\bsangrou (?:muito|mto|mt|demais|bastante)\b",
        r"\b(?:sangramento|hemorragia|sangue)\b[^.!?\n]{0,20}\bnao (?:para|estanca|parou|quer parar|esta "
        r"parando|ta parando)\b",
        r"\b(?:muito|mto|mt|bastante|tanto) sangue\b(?! no exame)|\bcheio de sangue\b|\bsangue (?:vivo|"
        r"pela boca|pelo nariz|no vomito)\b",
        r"\b(?:vomit(?:ou|ando|a)|urin(?:ou|ando)|fez|fazendo|mij(?:ou|ando)|xixi|coco|fezes|evacu(?:ou|"
        r"ando)|diarreia|vomito)"
        r"(?: \S{1,12}){0,3} (?:com )?sangue\b",
        r"\b(?:com|tendo|teve|esta com|e) (?:uma )?hemorragia\b|\bse esvaindo\b",
    ),
    Emergency.BLOAT: either(
        r"\b(?:torcao|torsao) (?:gastrica|do estomago|de estomago)\b(?! e | em )",
        r"\b(?:barriga|abdomen|abdome|estomago|pancinha|pança)\b[^.!?\n]{0,25}\b(?:inchad[oa]|inchou|"
        r"inchando|dur[oa]|estufad[oa]|"
        r"estufou|estufando|dilatad[oa]|enorme|distendid[oa])",
        r"\b(?:inchou|estufou|inchad[oa]|estufad[oa]) (?:\S{1,8} )?(?:a |na )?(?:barriga|abdomen|estomago)\b",
        r"\b(?:tenta(?:ndo)?|quer|querendo|forca(?:ndo)?) (?:\S{1,8} )?vomitar e nao (?:consegue|sai|vomita|vem)\b|"
        r"\btentando vomitar sem conseguir\b",
    ),
    Emergency.NO_BREATH: either(
        r"\b(?:nao|n|mal|nem) (?:\S{1,10} )?(?:esta |ta |tah |consegue |consegui |conseguindo "
        r")?(?:respirando|respirar|respira)\b"
        r"(?! bem (?:desde|quando|por causa do))",
        r"\b(?:parou|deixou|parando) de respirar\b|\bsem (?:respirar|respiracao)\b(?! (?:fundo|direito|bem))",
        r"\b(?:falta de ar|sem ar|puxando (?:o )?ar|buscando ar|faltando ar)\b",
        r"\b(?:dificuldade|dificudade) (?:de|para|pra|em|p) respirar\b|\brespira(?:ndo|cao) (?:com "
        r"(?:muita )?dificuldade|muito mal|com dor|ofegante demais)",
        rf"\b(?:{_NOW}|se) (?:se )?(?:engasg(?:ad[oa]|ou|ando)|sufoc(?:ad[oa]|ou|ando)|asfixi\w+|"
        rf"afog(?:ad[oa]|ou|ando))\b|\bengasgou\b(?! as vezes)",
        r"\b(?:lingua|gengiva|focinho|boca) (?:\S{1,6} ){0,2}?(?:rox[oa]|azul|azulad[oa]|arroxead[oa]|branc[oa])\b",
    ),
    Emergency.COLLAPSE: either(
        r"\b(?:desmaiou|desmaiad[oa]|desacordad[oa]|desfaleceu|inconsciente|apagou do nada|caiu dur[oa])\b",
        r"\bnao (?:esta |ta |quer )?(?:acorda(?:ndo|r)?|reag(?:e|indo|ir)|responde(?:ndo)? (?:mais|a nada|"
        r"aos estimulos))\b(?! cedo)",
        r"\b(?:esta|ta|tah) (?:morrendo(?! de)|quase morrendo(?! de)|agonizando|paralisad[oa])\b|"
        r"\bmorrendo\b[^.!?\n]{0,10}\b(?:socorro|ajuda)",
        r"\b(?:gato|gatinho|ele|macho)\b[^.!?\n]{0,30}\bnao (?:consegue|ta conseguindo|esta conseguindo) "
        r"(?:fazer xixi|urinar|mijar)\b|"
        r"\bnao (?:faz xixi|urina|mija) (?:ha|faz|desde)\b",
        r"\b(?:insolacao|golpe de calor|hipertermia)\b[^.!?\n]{0,20}\b(?:agora|hoje|teve|esta|socorro)|"
        r"\b(?:esta|ta|teve|com) (?:uma )?(?:insolacao|golpe de calor|hipertermia)\b",
    ),
    Emergency.INJURY: either(
        r"\b(?:foi|fui|acabou de ser|acabaram de|ser) atropela(?:d[oa]|r)\b|\batropelaram\b|\bum (?:carro|"
        r"onibus|caminhao|moto)\b[^.!?\n]{0,15}\b(?:bateu|pegou|passou por cima|atropelou)\b",
        r"\bcaiu d[oae] (?:\S{1,10} ){0,2}?(?:andar|janela|sacada|telhado|varanda|predio|laje|escada|colo)\b",
        r"\b(?:fratura exposta|osso (?:pra|para) fora|tripas? (?:pra|para) fora|olho (?:saiu|pra fora|para "
        r"fora|saltou))\b",
        r"\b(?:levou|tomou|deu) (?:um )?(?:tiro|choque|facada)\b|\bfoi (?:eletrocutad|esfaquead|balead)[oa]\b",
        r"\b(?:um |outro )?cachorro (?:atacou|mordeu)\b[^.!?\n]{0,30}\b(?:muito|feio|grave|fundo|pescoco|sangr)",
    ),
}
_COMPILED: Final = {kind: re.compile(signs, re.ASCII) for kind, signs in _SIGNS.items()}

_LONG_AGO: Final = re.compile(
    r"\b(?:ano|mes|semana)s? (?:passad[oa]|retrasad[oa])\b|\b(?:ha|faz|tem) (?:\S{1,10} ){0,3}(?:anos?|"
    r"mes(?:es)?|semanas?)\b|"
    r"\b(?:anos|meses|semanas) atras\b|\bquando (?:ele |ela )?era (?:filhote|pequen|nov)|\bno passado\b|"
    r"\b(?:uma vez|certa vez|antigamente)\b|"
    r"\b(?:ja )?(?:esta|ta|ficou) (?:bem|melhor|curad[oa]|recuperad[oa]|otim[oa])(?: agora| ja)?\b|\bja "
    r"(?:passou|melhorou|sarou|parou)\b|"
    r"\bde vez em quando\b|\bas vezes\b|\b(?:por|em) (?:muito )?(?:tempo|anos)\b",
    re.ASCII,
)
_MIGHT: Final = re.compile(
    r"\b(?:e se|se|caso|quando|sempre que|para (?:ele|ela) nao|pra (?:ele|ela) nao|evitar que|medo (?:que|de|"
    r"dele|dela))"
    r" (?:\S{1,12} ){0,3}(?:come(?:r|sse)|engol(?:ir|isse)|ingeri(?:r|sse)|lamb(?:er|esse)|tiver|tivesse|for|"
    r"fosse|parar|ficar|convulsionar|sangrar|engasgar|desmaiar)\b|"
    r"\b(?:vacina|remedio|protecao|prevencao|prevenir|preventivo|exame|seguro|plano|curso|tratamento|racao|"
    r"tapete|coleira|antidoto)"
    r" (?:\S{1,12} )?(?:contra|para|pra|de|com|que)\b[^,;]{0,30}(?:envenen|intoxic|convuls|sangr|hemorrag|"
    r"torcao|veneno|engasg)|"
    r"\bnao (?:comeu|ingeriu|engoliu|lambeu|teve|foi|esta mais|ta mais|tem mais)\b|\bparou de (?:sangrar|"
    r"convulsionar|vomitar)\b|"
    r"\b(?:vi|assisti|li) (?:\S{1,12} ){0,4}(?:video|filme|noticia|reportagem|post)\b",
    re.ASCII,
)


def emergency_in(text: str) -> Emergency | None:
    """Return the emergency that a customer writes about; None if there is none."""
    return next(filter(None, map(_emergency, sentences(read(text).shown))), None)


def _emergency(sentence: str) -> Emergency | None:
    folded = fold(sentence)
    kind = next((kind for kind, signs in _COMPILED.items() if signs.search(folded)), None)
    if kind is None or _LONG_AGO.search(folded) or _MIGHT.search(folded):
        return None
    return kind
