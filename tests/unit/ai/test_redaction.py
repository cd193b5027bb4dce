"""Nothing of whoever wrote remains in what `oxy conversations export --redact` gives away, and the rest is kept."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oxy_ai.golden.patterns import folded
from oxy_ai.golden.redaction import CAPITALS, NO_NAMES, Known, Redactor

VOCABULARY = frozenset({"banho", "tosa", "consulta", "vacina", "veterinaria"})
AROUND = st.sampled_from(
    [
        "",
        "oi, ",
        "anota aí: ",
        "meu contato é ",
        "(",
        "é o ",
        "pode ser?\n",
        "manda pra ",
        "tel:",
        "…",
        "🐶 ",
        "casa ",
        "tel",
        "rua ",
        "ligar 0",
    ]
)
AFTER = st.sampled_from(["", ".", " ok?", ")", "!", "\nobrigada", ", tá?", " 🙏", ";"])


def redactor(*names: str, phones: tuple[str, ...] = ()) -> Redactor:
    return Redactor(Known(names, phones, VOCABULARY))


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


@st.composite
def phones(draw: st.DrawFn) -> tuple[str, str]:
    """A Brazilian number, and one of the ways in which people write it."""
    area, number = draw(st.integers(11, 99)), draw(st.integers(0, 99_999_999))
    body = f"9{number:08d}" if draw(st.booleans()) else f"{number:08d}"
    separator = draw(st.sampled_from(["", " ", "-", ".", " - "]))
    written = f"{body[:-4]}{separator}{body[-4:]}"
    head = draw(st.sampled_from(["", f"({area}) ", f"{area} ", f"{area}", f"+55 {area} ", f"+55{area}", f"0{area} "]))
    return f"{number:08d}", head + written


@given(phones(), AROUND, AFTER)
@example(("00000000", "0000 0000"), "manda pra ", "")
@example(("98765432", "98765 432"), "tel", "")
def test_no_telephone_number_remains(phone: tuple[str, str], before: str, after: str) -> None:
    number, written = phone
    found = redactor().text(f"{before}{written}{after}")
    assert number not in digits(found)
    assert number[-4:] not in re.findall(r"\d+", found.replace("+55119", "")) or number[-4:] == "0001"


@given(st.lists(st.integers(0, 9), min_size=11, max_size=11), AROUND, AFTER, st.booleans())
def test_no_cpf_remains(parts: list[int], before: str, after: str, dotted: bool) -> None:  # noqa: FBT001 drawn
    number = "".join(map(str, parts))
    written = f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}" if dotted else number
    found = redactor().text(f"{before}cpf {written}{after}")
    assert number not in digits(found)
    assert number[:6] not in digits(found.replace("+55119", "")) or number[:6] == "000000"


DOCUMENTS = (
    "12.345.678/0001-95",
    "12345678000195",
    "12.345.678-X",
    "05435-070",
    "FX123456",
    "ABC1D23",
    "abc-1234",
    "4111 1111 1111 1234",
    "3f2b8c1e-1111-2222-3333-444455556666",
    "nove oito sete seis cinco quatro três dois",
    "98765\u20134321",
    "11 98765 — 4321",
    "ap 98765\u20134321",
    "9️⃣8️⃣7️⃣6️⃣5️⃣4️⃣3️⃣2️⃣1️⃣",
    "12/03/1985",
    "12/03/85",
    "1985-03-12",
    "12 de março de 1985",
    "jurandira ponto quexada arroba example ponto net",
    "jurandira.quexada arroba example.net",
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_remains(document: str) -> None:
    found = redactor().text(f"segue: {document}, tá?")
    assert document not in found
    for part in re.findall(r"\w{4,}", document):
        assert part not in found


LOCAL = st.from_regex(r"[a-z][a-z0-9]{3,10}(\.[a-z]{3,8})?", fullmatch=True)
DOMAINS = st.sampled_from(["gmail.com", "uol.com.br", "empresa.net", "hotmail.com"])


@given(LOCAL, DOMAINS, AROUND, AFTER)
def test_no_address_of_an_e_mail_remains(local: str, domain: str, before: str, after: str) -> None:
    found = redactor().text(f"{before}{local}@{domain}{after}")
    assert f"{local}@" not in found
    assert domain not in found


STREETS = st.sampled_from(["Rua", "rua", "R.", "Av.", "Avenida", "avenida", "Alameda", "Travessa", "Praça", "Rod."])
PLACES = st.sampled_from(["das Flores", "Harmonia", "doutor Arnaldo", "quinze de novembro", "São João", "Nhambiquaras"])


@given(STREETS, PLACES, st.integers(100, 9_999), st.sampled_from([", ", " ", ", nº ", " n "]))
def test_no_postal_address_remains(street: str, place: str, number: int, between: str) -> None:
    found = redactor().text(f"moro na {street} {place}{between}{number}, apto 1204 bloco B")
    assert str(number) not in found
    assert "1204" not in found
    for word in re.findall(r"\w{4,}", place):
        assert folded(word) not in folded(found)


NAMES = st.text("abcdefghijlmnopqrstuvxzáéíóúâêôãõç", min_size=3, max_size=10).filter(
    # What is an ordinary word of conversations stays, even if somebody calls himself so.
    lambda name: folded(name) not in NO_NAMES | CAPITALS | {"oi", "ana", "eai", "banho", "hoje", "pro"}
)
WRITTEN = st.sampled_from([str.lower, str.upper, str.title, str.capitalize, folded])


@given(st.lists(NAMES, min_size=1, max_size=3), WRITTEN, st.sampled_from(["{}", "oi, {}!", "é pro {} hoje", "\n{}\n"]))
def test_no_known_name_remains_however_it_is_written(names: list[str], written: object, frame: str) -> None:
    assert callable(written)
    name = " ".join(names)
    found = redactor(name.title()).text(frame.format(written(name)))
    left = set(re.findall(r"\w+", folded(found)))
    assert left.isdisjoint(folded(part) for part in names if folded(part) not in {"oi", "pro", "hoje", "e"})


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Oi, aqui é a Marluce Quintela", "marluce quintela"),
        ("me chamo jurandira quexada e quero banho", "jurandira quexada"),
        ("é a Dra. Zuleica que atende?", "zuleica"),
        ("fala com o Zezinho por favor", "zezinho"),
        ("JOANA PEREIRA aqui", "joana pereira"),
        ("a fernanda falou que tinha vaga", "fernanda"),
        ("Att, Clodoaldo Brum", "clodoaldo brum"),
        ("segue meu insta @marluce.q e www.marluce.com.br/fotos", "marluce"),
    ],
)
def test_names_are_found_by_what_stands_around_them(text: str, gone: str) -> None:
    left = set(re.findall(r"\w+", folded(redactor().text(text))))
    assert left.isdisjoint(gone.split())


@pytest.mark.parametrize(
    "text",
    [
        "Quero banho amanhã às 10:00, pode ser?",
        "Na quinta-feira, 03/12/2026, tenho 09:00, 09:30 e 10:00. Qual prefere?",
        "Banho e tosa custa R$ 1.120,00; em 3x de R$ 40,00",
        "Abrimos de segunda a sexta, das 9h às 18h, com pausa das 12h às 13h.",
        "ele pesa 12,5 kg e tem 3 anos",
        "chego 14h30 com 2 cachorros",
        "Prontinho! Consulta marcada para sábado, 26/12/2026.",
    ],
)
def test_what_is_nobodys_is_kept(text: str) -> None:
    assert redactor().text(text) == text


def test_the_same_is_replaced_by_the_same() -> None:
    one = redactor("Ana Prado", "Thór", phones=("+5511912340001",))
    assert folded(one.text("ana, o THOR e a Ana")) == folded(one.text("ANA, o thor e a aná"))
    assert one.text("(11) 91234-0001") == one.text("+55 11 91234 0001") == one.phone("+5511912340001")
    assert one.name("Ana") in one.text("a Ana ligou")


def test_numbers_of_a_document_are_redacted_if_they_may_be_somebodys() -> None:
    document = {"telefone": 11987654321, "cpf": 12345678909, "preco": 120000, "ok": True, "notas": ["liga 98765-4321"]}
    found = redactor().value(document)
    assert isinstance(found, dict)
    assert found["preco"] == 120000
    assert found["ok"] is True
    assert not re.search("7654|6789", str(found))


@pytest.mark.parametrize("text", ["a-" * 10_000, "a." * 10_000, "x" * 20_000, f"a{'1' * 20_000} 1", "Dr. " * 5_000])
def test_no_message_takes_a_time_that_grows_with_the_square_of_its_length(text: str) -> None:
    start = time.process_time()
    redactor().text(text)
    assert time.process_time() - start < QUICK


QUICK = 1.5
"""Seconds: several times what the slowest takes; with the square, each of them took longer."""
