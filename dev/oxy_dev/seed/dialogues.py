"""What customers of a pet shop write, and what they are answered. Pure; drawn from a generator of random numbers."""

from dataclasses import dataclass, replace
from random import Random
from typing import Final

PEOPLE: Final = (
    "Ana Paula", "Bruno", "Camila Souza", "Carlos", "Dona Célia", "Eduardo Lima", "Fernanda", "Gabi", "Gustavo",
    "Helena", "Igor", "Júlia", "Karina", "Léo", "Luciana", "Marcos Vinícius", "Mariana", "Natália", "Otávio",
    "Patrícia", "Rafael", "Renata", "Sandra", "Sérgio", "Tatiane", "Thiago", "Vanessa", "Vitor", "Wesley", "Zélia",
)  # fmt: skip
PETS: Final = (
    "Amora", "Bidu", "Bolinha", "Chico", "Dudu", "Estrela", "Fred", "Frida", "Jade", "Lola", "Luke", "Luna", "Mel",
    "Mia", "Nina", "Pandora", "Paçoca", "Pipoca", "Rex", "Simba", "Thor", "Tobias", "Toby", "Zeca",
)  # fmt: skip
BREEDS: Final = (
    ("cachorro", "vira-lata", "médio"), ("cachorro", "shih-tzu", "pequeno"), ("cachorro", "golden retriever", "grande"),
    ("cachorro", "yorkshire", "pequeno"), ("gato", "sem raça definida", "pequeno"), ("gato", "persa", "pequeno"),
)  # fmt: skip
"""Species, breed and size, as the table of pets has them."""
DAYS: Final = ("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado")
HOURS: Final = ("8h30", "9h", "10h", "10h30", "11h", "14h", "15h", "16h", "16h30", "17h")
WORK: Final = ("banho", "banho e tosa", "tosa higiênica", "consulta", "vacina V10")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a customer writes before an answer, and the answer."""

    asked: tuple[str, ...]
    answered: str
    by_person: bool = False
    """Whether a person of the business answers, from the phone."""
    spoken: bool = False
    """Whether the first message is a voice note."""


_EXCHANGES: Final = (
    Exchange(("oi",), "Olá! Que bom falar com você. 🐾 Posso ajudar com banho, tosa, consulta ou vacina."),
    Exchange(("Bom dia!", "vocês atendem hoje?"), "Bom dia! Atendemos sim, até as 18h. O que o {pet} precisa?"),
    Exchange(("quanto tá o banho?",), "O banho custa R$ 65,00 e inclui secagem, limpeza de ouvidos e perfume."),
    Exchange(("Qual o valor da {work} pro {pet}?",), "Para o {pet}, {work} sai por R$ 120,00. Vejo um horário?"),
    Exchange(
        ("Tem horário pra {work} {day}?",),
        "Tenho sim! Na {day}, 23/11/2026, estão livres {hour}, 14h e 16h30. Qual prefere?",
    ),
    Exchange(
        ("quero marcar {work}", "pro {pet}", "{day} {hour} se tiver"),
        "Prontinho! {work} do {pet} marcado para {day}, 23/11/2026, às {hour}. Esperamos vocês! 🐾",
    ),
    Exchange(("pode ser {hour}",), "Combinado: {day}, 23/11/2026, às {hour}. Até lá!"),
    Exchange(
        ("vou precisar remarcar o {pet}, aconteceu um imprevisto",),
        "Sem problema! Tenho {day}, 24/11/2026, às {hour}. Pode ser?",
    ),
    Exchange(("Cancela por favor o horário do {pet}",), "Cancelado. Quando quiser marcar de novo, é só chamar."),
    Exchange(("que horas vocês fecham?",), "Hoje fechamos às 18h. No sábado atendemos das 8h às 14h."),
    Exchange(("qual o endereço?",), "Ficamos na Rua Harmonia, 482, Vila Madalena, com estacionamento ao lado."),
    Exchange(
        ("o {pet} tá se coçando muito desde ontem", "tem algum remédio?"),
        "Sinto muito pelo {pet}. O melhor é a veterinária examinar: tenho consulta {day}, 23/11/2026, às {hour}.",
    ),
    Exchange(("ele pode comer antes do banho?",), "Pode sim, só evite uma refeição grande antes do banho."),
    Exchange(("a vacina do {pet} tá vencida?",), "Não tenho a carteirinha aqui. Traga na consulta, tá?"),
    Exchange(("obrigada!", "❤️"), "De nada! 🐶 Qualquer coisa é só chamar."),
    Exchange(("valeu",), "Nós que agradecemos! Até logo."),
    Exchange(
        ("oi, tudo bem? eu queria saber se dá pra encaixar o {pet} {day} pra {work}, de preferência de manhã",),
        "Dá sim! Na {day}, 23/11/2026, tenho {hour} para {work}. Fica bom?",
        spoken=True,
    ),
    Exchange(("é sobre o {pet}, ele pode ir sem a coleira?", "conseguiu ouvir?"), "Ouvi! Pode vir sem.", spoken=True),
    Exchange(
        ("vocês vendem a ração que eu levei mês passado pro {pet}, aquela de 15 kg do saco azul? quanto tá?",),
        "Oi! Tem sim, separei um saco aqui para você. Quer buscar ou mando entregar?",
        by_person=True,
    ),
    Exchange(("ele ficou bem?",), "Ficou ótimo! Pode vir buscar a partir das 16h.", by_person=True),
)  # fmt: skip

_WEIGHTS: Final = (10, 6, 9, 7, 9, 9, 6, 4, 3, 5, 3, 3, 2, 2, 8, 4, 2, 1, 1, 1)


def draw_exchange(random: Random, pet: str) -> Exchange:
    """Return one exchange about a pet."""
    drawn = random.choices(_EXCHANGES, _WEIGHTS)[0]
    words = {"pet": pet, "work": random.choice(WORK), "day": random.choice(DAYS), "hour": random.choice(HOURS)}
    asked = tuple(text.format_map(words) for text in drawn.asked)
    return replace(drawn, asked=asked, answered=drawn.answered.format_map(words))
