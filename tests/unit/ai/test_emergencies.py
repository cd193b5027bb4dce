"""Animals in mortal danger, and the questions that only sound like it."""

import pytest

from oxy_ai.petshop.emergencies import Emergency, emergency_in

EMERGENCIES = [
    "meu cachorro comeu chocolate",
    "Minha cadela comeu chumbinho!!",
    "ele ingeriu veneno de rato",
    "acho que meu gato foi envenenado",
    "comeu uva, faz mal?",
    "ela tomou um paracetamol meu",
    "meu cachorro lambeu agua sanitaria",
    "envenenaram meu cachorro",
    "dei ibuprofeno pra ele e tá vomitando",
    "foi picado por uma cobra",
    "meu cachorro está tendo uma convulsão",
    "ele teve convulsao agora",
    "tá convulsionando socorro",
    "ele ta tremendo todo e espumando pela boca",
    "deu uma convulção nele",
    "está sangrando muito",
    "a pata não para de sangrar",
    "ele ta vomitando sangue",
    "coco com sangue",
    "o sangramento não para",
    "barriga inchada e dura",
    "a barriga dele inchou do nada",
    "tentando vomitar e não consegue",
    "acho que é torção gástrica",
    "não está respirando",
    "nao ta respirando direito",
    "ele n consegue respirar",
    "está engasgado",
    "engasgou com um osso",
    "língua roxa",
    "com falta de ar",
    "desmaiou do nada",
    "ele não acorda",
    "meu gato não consegue fazer xixi",
    "foi atropelado agora",
    "caiu da janela do 3 andar",
    "tá morrendo me ajuda",
    "respirando com dificuldade",
    "Socorro meu cachorro comeu um monte de cebola",
    "minha gata comeu lírio",
    "o sapo... ele mordeu um sapo",
    "a lingua dele ta roxa",
    "Rex ta sangrando pelo nariz",
]

NONE = [
    "vacina contra envenenamento?",
    "ração com chocolate faz mal?",
    "cachorro pode comer chocolate?",
    "pode dar uva?",
    "quanto custa a consulta?",
    "vocês têm remédio para convulsão?",
    "ele teve convulsão ano passado",
    "minha cadela tem epilepsia controlada",
    "exame de sangue quanto é?",
    "ele não comeu chocolate",
    "e se ele comer uva?",
    "banho e tosa sexta",
    "a barriga dele é branquinha",
    "quero tosar a barriga",
    "vocês atendem emergência?",
    "qual o telefone de emergência?",
    "tenho medo dele engasgar",
    "ele late sem parar",
    "não para de latir",
    "o ar condicionado está ligado?",
    "tem chocolate pra cachorro?",
    "meu cachorro chama Chocolate",
    "comeu a ração toda",
    "já parou de sangrar",
    "quando era filhote comeu veneno e sobreviveu",
    "tipo sanguíneo",
    "ele respira bem",
    "não estou conseguindo agendar",
    "cortou a unha e saiu um pouquinho de sangue",
    "sem respirar fundo ele não dorme",
    "ele comeu bem hoje",
    "tomou a vacina",
    "ele está bem, parou de vomitar",
    "ela tomou banho",
    "dei banho ontem",
    "comeu um pouco de frango",
    "ele não acorda cedo",
    "meu cachorro está morrendo de fome",
    "morrendo de saudade",
    "a tosa ficou enorme",
    "caiu da agenda?",
    "o xampu de uva acabou?",
    "deu ração com alho do fornecedor",
    "a gengiva dele é preta",
    "pega no colo",
    "quero a ração de barriga sensível",
]


def test_an_emergency_is_recognised() -> None:
    assert [text for text in EMERGENCIES if emergency_in(text) is None] == []


def test_an_emergency_is_recognised_among_other_sentences_and_in_capitals() -> None:
    among = [f"Oi, boa noite! {text}. O que eu faço?".upper() for text in EMERGENCIES]
    assert [text for text in among if emergency_in(text) is None] == []


def test_what_might_happen_or_happened_long_ago_is_no_emergency() -> None:
    assert [text for text in NONE if emergency_in(text) is not None] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("comeu chumbinho", Emergency.POISONING),
        ("está tendo uma convulsão", Emergency.SEIZURE),
        ("está sangrando muito", Emergency.BLEEDING),
        ("barriga inchada e dura", Emergency.BLOAT),
        ("não consegue respirar", Emergency.NO_BREATH),
        ("desmaiou", Emergency.COLLAPSE),
        ("foi atropelado", Emergency.INJURY),
    ],
)
def test_emergencies_have_their_kind(text: str, expected: Emergency) -> None:
    assert emergency_in(text) is expected
