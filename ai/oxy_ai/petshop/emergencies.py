"""Whether a customer writes that an animal is in mortal danger right now. Pure.

What is happening or has just happened counts, also in a question ("comeu chocolate, faz mal?"). What might happen
("pode comer uva?", "vacina contra envenenamento?") or happened long ago does not. In doubt it counts: a wrong yes costs
a phone number too many, a wrong no may cost a life. "Meu filho" may well be a dog.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final

from oxy_ai.portuguese.sentences import sentences
from oxy_ai.portuguese.words import any_of, either, fold, read, words_in


class Emergency(StrEnum):
    """What may kill within hours."""

    POISONING = "poisoning"
    SWALLOWED = "swallowed"
    """Something that is no food."""
    SEIZURE = "seizure"
    BLEEDING = "bleeding"
    BLOAT = "bloat"
    NO_BREATH = "no_breath"
    COLLAPSE = "collapse"
    INJURY = "injury"
    LABOUR = "labour"
    """A birth that does not go on."""


_IS: Final = r"(?:esta|ta|tah|estao|tao|ficou|ficando|continua|segue|comecou a|foi)"
_WORDS: Final = r"(?: \S{1,20}){0,5}? "
"""A few words in between, and a space."""
_SOME: Final = r"(?:\S{1,12} ){0,3}?"

# -- poison, and what is no food

_ATE: Final = (
    r"(?:comeu|comeram|ingeriu|engoliu|engoliram|lambeu|lamberam|bebeu|beberam|mastigou|roeu|mordeu|abocanhou|"
    r"cheirou|inalou|tomou|devorou|detonou|roubou(?= (?:um|uma|uns|meu|minha|o|a|os|as|[0-9]+) )|"
    r"pegou(?= (?:um|uma|uns|umas|meus?|minhas?|d[oa]s?|todo|toda|[0-9]+|chocolate|veneno|chumbinho) )|"
    r"ter (?:comido|ingerido|engolido|lambido|bebido|tomado|mordido)|"
    r"(?:esta|ta|tava|estava|andou) (?:comendo|lambendo|mastigando|bebendo)|"
    r"(?:vi|ver|peguei|flagrei|encontrei|achei) (?:\S{1,12} ){0,3}?(?:comendo|lambendo|mastigando|bebendo)|"
    r"acabou de (?:comer|engolir|ingerir|lamber|tomar|beber)|(?:teve|entrou em) contato com)"
)
_CHEWED: Final = (
    r"(?:comeu|engoliu|lambeu|ingeriu|mastigou|ter (?:comido|engolido|ingerido)|acabou de (?:comer|engolir))"
)
_FOODS: Final = words_in(
    "chocolate chocolates xocolate choclate chocolat chocolati bombom bombons "
    "brigadeiro brigadeiros nutella cacau uva uvas passas panetone cebola "
    "cebolas alho xilitol adocante chiclete chicletes macadamia abacate cafe cerveja vinho fermento"
)
_CHEMICALS: Final = words_in(
    "veneno venenos baygon chumbinho xumbinho chumbim raticida racumin inseticida formicida "
    "carrapaticida herbicida agrotoxico lesmicida cloro "
    "candida desinfetante detergente alvejante amaciante naftalina creolina querosene gasolina thinner acetona alcool "
    "anticongelante maconha cocaina drogas cigarro cigarros nicotina lirio lirios espirradeira azaleia mamona sapo"
)
_DRUGS: Final = words_in(
    "paracetamol tylenol ibuprofeno advil dipirona novalgina aspirina aas diclofenaco cataflan cataflam dorflex "
    "nimesulida naproxeno rivotril clonazepam fluoxetina sertralina losartana anticoncepcional ritalina venvanse "
    "antidepressivo voltaren neosaldina"
)
_NAMED: Final = (
    "agua sanitaria",
    "soda caustica",
    "sabao em po",
    "pinho sol",
    "produto de limpeza",
    "produtos de limpeza",
    "comigo ninguem pode",
    "comigo-ninguem-pode",
    "costela de adao",
    "ovo de pascoa",
    "sonho de valsa",
    "isca de rato",
    "rato morto",
    "rato envenenado",
    "planta venenosa",
    "planta toxica",
)
_HUMAN: Final = ("remedio de gente", "remedio humano", "remedio errado")
_POISON: Final = any_of((*_FOODS, *_CHEMICALS, *_DRUGS, *_NAMED, *_HUMAN))
_MEDICINE: Final = r"(?:remedios?|comprimidos?|medicamentos?|cartela|capsulas?)"
_OBJECT: Final = any_of(
    words_in(
        "meia meias brinquedo brinquedos pano panos linha agulha anzol plastico sacola pedra pedras caroco "
        "absorvente fralda esponja luva palito parafusos chave ima pregador camisinha moeda "
        "moedas bola bolinha pilha pilhas bateria espinha tampa tampinha borracha elastico prego parafuso "
        "vidro brinco anel chupeta"
    )
)
_POISONINGS: Final = either(
    rf"\b{_ATE}{_WORDS}{_POISON}\b",
    rf"\b(?:eu |a gente )?(?:dei|demos){_WORDS}{any_of((*_CHEMICALS, *_DRUGS, *_HUMAN))}\b",
    r"\b(?:inalou|respirou) (?:muito )?(?:gas|fumaca)\b|\boverdose\b",
    rf"\b{_CHEWED}{_WORDS}{_MEDICINE}\b",
    r"\b(?:deram|jogaram|colocaram) (?:\S{1,12} )?(?:veneno|chumbinho) (?:pr|para|n)",
    r"\b(?:veneno|chumbinho)\b[^.!?\n]{0,30}\b(?:comeu|lambeu|cheirou|ingeriu|bebeu)\b",
    rf"\b(?:{_IS}|foram|deve ter sido|acho que|parece(?: que)?|pode ter sido) {_SOME}(?:envenenad|intoxicad)[oa]s?\b",
    r"\benvenenaram\b|\bse (?:envenenou|intoxicou)\b",
    r"\b(?:suspeita|sinais|sintomas?|caso|acho que e|parece|possivel) (?:de |com |um |uma |ser )?(?:envenena|"
    r"intoxica)\w*",
    r"\b(?:picad[oa]|mordid[oa]|picou|mordeu)\b[^.!?\n]{0,30}\b(?:cobra|escorpiao|jararaca|cascavel|aranha|sapo)\b",
    r"\b(?:cobra|escorpiao|jararaca|cascavel|aranha) (?:picou|mordeu)\b",
    r"\b(?:abelha|vespa|marimbondo)s?\b[^.!?\n]{0,40}\binch",
    r"(?<!posso )(?<!pode )(?<!usar )(?<!passar )(?<!usar o )(?<!passar o )\b(?:anti ?-?pulgas?|carrapaticida|pipeta) "
    r"(?:de|pra|para) (?:cachorro|cao) n[oa] (?:meu |minha )?gat",
    rf"\btomou (?:\S{{1,12}} ){{0,2}}?(?:meu|minha|meus) {_MEDICINE}\b",
)
_SWALLOWINGS: Final = either(
    rf"\b(?:engoliu|ingeriu|ter (?:engolido|ingerido)){_WORDS}(?:{_OBJECT}|ossos?|corpo estranho)\b",
    rf"\bcomeu (?:uma?|o|a) {_OBJECT}\b",
)

# -- seizures

_FIT: Final = (
    r"(?:convuls\w+|conviuls\w+|combuls\w+|convulc\w+|comvuls\w+|ataque epil\w+|crise epil\w+|crise convulsiva)"
)
_SEIZURES: Final = either(
    rf"\b(?:{_IS}|teve|tendo|deu|dando|sofreu|sofrendo|entrou em|apresentou|com|em) {_SOME}{_FIT}",
    r"\bconvul[sc]io?n(?:ou|ando|a)\b(?! (?:as vezes|de vez|sempre))",
    r"\b(?:tendo|teve|deu) (?:um |uns |uma )?(?:ataques?|piripaque|treco)\b"
    r"(?! (?:de|do) (?:latid|riso|ciume|alegria|raiva))",
    r"\b(?:se debatendo|tremendo (?:todo|toda|muito|mto|mt|sem parar)\b(?! de (?:frio|medo|susto))|"
    r"espumando|babando espuma|espuma (?:na|pela|da) boca)\b",
    r"\b(?:babando|salivando)\b[^.!?\n]{0,15}\btremendo\b|\btremendo\b[^.!?\n]{0,15}\b(?:babando|salivando)\b",
    r"\b(?:babando|salivando) (?:muito|mto|mt|demais|sem parar)\b|\bcambaleando\b",
    r"\b(?:debatendo no chao|revirando os? olhos?|olhos? virad[oa]s?)\b",
)

# -- blood

_MUCH: Final = r"(?:muito|mto|mt|demais|bastante|tanto|sem parar)"
_BLEEDINGS: Final = either(
    rf"\b(?:{_IS}|nao para de) (?:\S{{1,12}} )?sangra(?:ndo|r)\b",
    r"\bsangrando\b(?! (?:um |so um )?(?:pouc|pouq|tiq))|\bsai(?:u|ndo) (?:muito )?sangue\b",
    rf"\bsangr(?:ando|ou) {_MUCH}\b|\b{_MUCH} sangue\b(?! no exame)|\bcheio de sangue\b|\bse esvaindo\b",
    r"\b(?:sangramento|hemorragia|sangue)\b[^.!?\n]{0,20}\bnao (?:para|estanca|parou|quer parar|(?:esta|ta) parando)\b",
    r"\bsangue (?:vivo|pela boca|pelo nariz|n[oa]s? (?:vomito|coco|fezes|urina|xixi|diarreia))\b",
    r"\b(?:cuspi|tossi)(?:u|ndo) sangue\b",
    r"\b(?:vomit(?:ou|ando|a)|urin(?:ou|ando)|fez|fazendo|mij(?:ou|ando)|xixi|coco|fezes|diarreia|vomito)"
    rf" {_SOME}(?:com )?sangue\b",
    r"\b(?:com|tendo|teve) (?:uma )?hemorragia\b|\b(?:jorrando|jorra|nao para de vomitar) sangue\b",
)

# -- a swollen belly

_BLOATS: Final = either(
    r"\b(?:torcao|torsao) (?:gastrica|d[oe] estomago)\b",
    r"\b(?:barriga|abdomen|abdome|estomago|pancinha)\b[^.!?\n]{0,25}\b(?:inchad[oa]|inchou|inchando|dur[oa]|"
    r"estufad[oa]|estufou|estufando|dilatad[oa]|enorme|cresceu (?:do nada|de repente|muito)|distendid[oa])\b",
    r"\b(?:inchou|estufou|inchad[oa]|estufad[oa]) (?:\S{1,8} )?(?:a |na )?(?:barriga|abdomen|estomago)\b",
    r"\b(?:tenta(?:ndo)?|quer|querendo|forca(?:ndo)?) (?:\S{1,8} )?vomitar (?:e|mas) nao (?:consegue|sai|vomita|vem)\b",
    r"\btentando vomitar sem conseguir\b",
)

# -- breath

_SUFFOCATIONS: Final = either(
    r"\b(?:nao|n|mal|nem) (?:esta |ta |tah |mais |consegue |conseguindo |ele |ela ){0,3}(?:respirando|respirar|"
    r"respira)\b(?! bem d)",
    r"\b(?:parou|deixou|parando) de respirar\b|\bsem (?:respirar|respiracao)\b(?! (?:fundo|direito|bem))",
    r"\b(?:falta de ar|sem ar|puxando (?:o )?ar|buscando ar|faltando ar)\b(?! condicionado)",
    r"\b(?:dificuldade|dificudade) (?:de|para|pra|em|p) respirar\b|"
    r"\brespira(?:ndo|cao) (?:muito |mto |bem )?(?:mal\b|com \S{0,6} ?dificuldade)",
    rf"\b(?:{_IS}|se) (?:se )?(?:engasg(?:ad[oa]|ou|ando)|sufoc(?:ad[oa]|ou|ando)|asfixi\w+|afog(?:ad[oa]|ou|ando))\b",
    r"\bengasgou\b|\bengasgad[oa]\b",
    r"\b(?:lingua|gengivas?) (?:\S{1,6} ){0,2}?(?:rox[oa]s?|azul|azulad[oa]s?|arroxead[oa]s?|palid[oa]s?|"
    r"branc[oa]s?)\b",
)

# -- collapse

_COLLAPSES: Final = either(
    r"\b(?:desmaiou|desmaiad[oa]|desacordad[oa]|desfaleceu|desfalecid[oa]|inconsciente|agonizando)\b|"
    r"\bparalisad[oa]\b(?! de (?:medo|susto))|\b(?:teve|deu|tendo) (?:um )?desmaios?\b(?! de)",
    r"\b(?:esta|ta|tah) passando (?:muito |mto )?mal\b(?! de )|\btod[oa] mole\b|\bsem (?:pulso|batimentos?)\b",
    r"\b(?:esta|ta|tah|ficou) (?:muito|mto|mt|super) mal\b(?! (?:educ|cheir|humor|acostum|tos|cort))",
    r"\b(?:ele|ela|filhot\w+|gatinh\w+|cachorr\w+)\b[^.!?\n]{0,25}\bgelad[oa]\b",
    r"\b(?:ta|esta|tod[oa]) gelad[oa] e mole\b",
    r"\b(?:ele|ela|cachorr\w+|gat\w+) nao responde\b(?! (?:a |as )?(?:mensag|whats))",
    r"\b(?:tendo|teve|deu|sofreu|em) (?:um |uma )?(?:infarto|enfarte|avc|derrame|parada (?:cardi\w+|respirat\w+))\b",
    r"\bparou o coracao\b|\bcoracao (?:d\S{1,8} )?parou\b|\bmole\b[^.!?\n]{0,20}\bnao responde\b",
    r"\b(?:gritando|urrando|uivando) (?:muito )?de dor\b",
    r"\bcaiu dur[oa]\b|\bdur(?:o|a|inho|inha) no chao\b|\bnao se mexe\b",
    r"\bnao (?:esta |ta |quer )?(?:acorda(?:ndo|r)?|reag(?:e|indo|ir)|responde(?:ndo)? a nada)\b(?! cedo)",
    r"\bnao (?:\S{1,10} )?(?:levanta|levantando|para em pe|fica em pe|ficar em pe)\b(?! (?:cedo|a orelha|as orelhas|"
    r"(?:a|as) pat))",
    r"\bnao (?:esta |ta )?(?:consegue|conseguindo) (?:se )?(?:andar|levantar|ficar em pe|mexer)\b"
    r"(?! (?:de|na|no|com a) (?:coleira|guia|carro))|\bnao anda desde\b",
    r"\b(?:esta|ta|quase|acho que (?:\S{1,8} )?vai|vai) (?:quase )?morre(?:ndo|r)\b(?! de)",
    r"\b(?:gato|gatinho|ele|macho)\b[^.!?\n]{0,30}\bnao (?:(?:esta|ta) )?(?:consegue|conseguindo) (?:fazer xixi|"
    r"urinar|mijar)\b",
    r"\bnao (?:faz xixi|urina|mija) (?:ha|faz|tem|desde)\b",
    r"\b(?:esta|ta|teve|com) (?:uma )?(?:insolacao|golpe de calor|hipertermia|hipotermia)\b|\bfebre de 4[1-3]\b",
)

# -- injuries

_INJURIES: Final = either(
    r"\b(?:foi|acabou de ser|acabaram de|ser) atropela(?:d[oa]|r)\b|\batropelaram\b",
    r"\bum(?:a)? (?:carro|onibus|caminhao|moto)\b[^.!?\n]{0,15}\b(?:bateu|pegou|passou por cima|atropelou)\b",
    r"\bcaiu d[oae] (?:\S{1,10} ){0,2}?(?:andar|janela|sacada|telhado|varanda|predio|laje|escada|colo|carro|moto|"
    r"muro)\b|\bfoi atacad[oa] por\b|\bpit ?bull (?:atacou|mordeu|pegou)\b",
    r"\bpassou um(?:a)? (?:carro|onibus|caminhao|moto) (?:em|por) cima\b|"
    r"\bcaiu na (?:piscina|represa|agua)\b[^.!?\n]{0,20}\b(?:engoliu|afog)|"
    r"\b(?:coluna (?:ta |esta )?quebrada|quebrou a coluna|osso (?:apareceu|aparecendo|exposto))\b",
    r"\b(?:fratura exposta|osso (?:pra|para) fora|tripas? (?:pra|para) fora)\b",
    r"\b(?:intestino|utero|reto) (?:\S{1,6} )?(?:saiu|saindo|pra fora|para fora)\b|"
    r"\bsaiu o (?:intestino|utero|reto)\b|\bprolapso\b",
    r"\b(?:peg|ating|bat)(?:o|a|ido|ida) por um(?:a)? (?:carro|moto|onibus|caminhao)\b",
    r"\bolh(?:o|inho)s? (?:\S{1,6} )?(?:saiu|saltou|saltad[oa]s?|pulou|pra fora|para fora)\b",
    r"\b(?:levou|tomou) (?:um |uma )?(?:tiro|choque|facada)\b|\bfoi (?:eletrocutad|esfaquead|balead)[oa]\b",
    r"\bse queimou\b|\bqueimou[^.!?\n]{0,20}\b(?:agua quente|oleo|fogo)\b",
    r"\bcachorro (?:atacou|mordeu)\b[^.!?\n]{0,30}\b(?:muito|feio|grave|fundo|pescoco|sangr)",
)

_LABOURS: Final = either(
    r"\b(?:parto|parindo|parir)\b[^.!?\n]{0,40}\b(?:nao nasce|nao sai|pres[oa]|entalad[oa]|[0-9]+ ?h(?:oras)?)\b",
    r"\bfilhote (?:\S{1,8} )?(?:pres[oa]|entalad[oa])\b",
)

_IN_ENGLISH: Final = (
    r"\b(?:dog|cat|puppy|kitten|pet|he|she)\b[^.!?\n]{0,25}\b(?:(?:having|had) a seizure|seizing|not breathing|"
    r"(?:cannot|can'?t) breathe|(?:ate|swallowed) (?:\S{1,10} ){0,2}(?:chocolate|poison|grapes?|raisins|onions?)|"
    r"poisoned|hit by a car|bleeding|choking|collapsed|unconscious)\b"
)
"""Who writes English is answered in English, but a telephone number is understood in any language."""

_SIGNS: Final = (
    (Emergency.NO_BREATH, _SUFFOCATIONS),
    (Emergency.SEIZURE, _SEIZURES),
    (Emergency.POISONING, _POISONINGS),
    (Emergency.BLEEDING, _BLEEDINGS),
    (Emergency.BLOAT, _BLOATS),
    (Emergency.SWALLOWED, _SWALLOWINGS),
    (Emergency.COLLAPSE, _COLLAPSES),
    (Emergency.INJURY, _INJURIES),
    (Emergency.LABOUR, _LABOURS),
    (Emergency.COLLAPSE, _IN_ENGLISH),
)
_COMPILED: Final = tuple((kind, re.compile(signs, re.ASCII)) for kind, signs in _SIGNS)
_ONE_WORD: Final = (
    (Emergency.SEIZURE, re.compile(rf"(?:socorro\W+)?{_FIT}[\W]*", re.ASCII)),
    (
        Emergency.COLLAPSE,
        re.compile(
            r"(?:socorro\W+)?(?:e |eh )?(?:uma )?emergencia\W*|(?:e|eh) caso de vida ou morte\W*",
            re.ASCII,
        ),
    ),
    (Emergency.BLEEDING, re.compile(r"(?:socorro\W+)?(?:hemorragia|sangrando|sangramento)\W*", re.ASCII)),
    (
        Emergency.POISONING,
        re.compile(r"(?:socorro\W+)?(?:envenenad[oa]|intoxicad[oa]|envenenamento|intoxicacao)\W*", re.ASCII),
    ),
)
"""Messages of one word."""

# -- what takes it back

_LONG_AGO: Final = either(
    r"\b(?:ano|mes|semana)s? (?:passad|retrasad)[oa]\b|\b(?:anos|meses|semanas) atras\b|\bno passado\b",
    rf"\b(?:ha|faz|tem) {_SOME}(?:anos?|mes(?:es)?|semanas?)\b",
    r"\bquando (?:ele |ela )?(?:era )?(?:filhote|pequen|nov)|"
    r"\b(?:uma vez|certa vez|antigamente|de vez em quando|as vezes)\b",
    r"\bja teve\b(?![^.!?\n]*\b(?:hoje|agora|de novo|seguid))|\b(?:por|em) (?:muito )?(?:tempo|anos)\b",
    r"(?<!nao )\b(?:esta|ta|ficou) (?:\S{1,6} )?(?:bem|melhor|curad[oa]|recuperad[oa]|otim[oa])\b(?! mal)",
    r"\bja (?:passou|melhorou|sarou|parou)\b|\bparou de (?:sangrar|convulsionar|vomitar)\b",
)
_IF: Final = r"(?:e se|se|caso|quando|sempre que|(?:para|pra) (?:ele|ela) nao|evitar que|medo (?:que|de|dele|dela))"
_SUBJUNCTIVE: Final = (
    r"(?:come(?:r|sse)|engol(?:ir|isse)|ingeri(?:r|sse)|lamb(?:er|esse)|tiver|tivesse|for|fosse|parar|ficar|"
    r"convulsionar?|sangrar?|engasgar?|desmaiar?)"
)
_MIGHT: Final = either(
    rf"\b{_IF} {_SOME}{_SUBJUNCTIVE}\b",
    r"\b(?:vacina|remedio|protecao|prevencao|prevenir|preventivo|exame|seguro|plano|curso|tratamento|racao|tapete|"
    r"coleira|antidoto|cirurgia|gastropexia)\b[^,;]{0,40}(?:envenen|intoxic|convuls|sangr|hemorrag|torcao|veneno|"
    r"engasg)",
    r"\b(?:preventiv\w+|previne|prevenir|evita)\b",
    r"\b(?:como|que) (?:a|o) (?:vet\w*|doutora?|dra?) (?:mandou|receitou|passou|indicou)\b|"
    r"\b(?:receitad|prescrit)[oa]\b",
    r"\bnao (?:comeu|ingeriu|engoliu|lambeu|teve|foi|tem mais|(?:esta|ta) mais(?! (?:respir|reag|acord|se mex)))\b",
    r"\b(?:em|de|pra|para) (?:um |uma )?(?:cachorro|cadela|gato|gata|animal|pet|bicho)s? que\b",
    r"\b(?:vi|assisti|li) (?:\S{1,12} ){0,4}(?:video|filme|noticia|reportagem|post)\b",
)
_BLUE_BY_NATURE: Final = r"\b(?:chow|shar pei)\b"
_TAKEN_BACK: Final = re.compile(either(_LONG_AGO, _MIGHT, _BLUE_BY_NATURE), re.ASCII)
_EXPLAINED: Final = {
    Emergency.BLEEDING: re.compile(r"\bcio\b", re.ASCII),
    Emergency.BLOAT: re.compile(r"\b(?:gravid[ao]|prenh[ae]|prenhez|gestante|esperando filhot\w+)\b", re.ASCII),
}
"""Anywhere in a sentence about it: it is no emergency then."""

_CLAUSE: Final = re.compile(r"[,;:()]| (?:e|mas|porem|agora|que agora) ")


@lru_cache(maxsize=64)  # whoever stores a message asks, and so does its turn, more than once
def emergency_in(text: str) -> Emergency | None:
    """Return the emergency that a customer writes about; None if there is none."""
    found = (_in_sentence(fold(sentence)) for sentence in sentences(read(text).shown))
    return next(filter(None, found), None)


def _in_sentence(sentence: str) -> Emergency | None:
    found = next(filter(None, map(_in_clause, _parts(sentence))), None)
    explained = None if found is None else _EXPLAINED.get(found)
    return None if explained is not None and explained.search(sentence) else found


def _parts(sentence: str) -> Iterator[str]:
    """Yield a sentence and its clauses, which may not concern each other: "não comeu e está sangrando"."""
    yield sentence
    yield from map(str.strip, _CLAUSE.split(sentence))


def _in_clause(folded: str) -> Emergency | None:
    for kind, word in _ONE_WORD:
        if word.fullmatch(folded) and not folded.endswith("?"):
            return kind
    found = next((kind for kind, signs in _COMPILED if signs.search(folded)), None)
    return None if found is None or _TAKEN_BACK.search(folded) else found
