import pytest

from oxy_ai.assistants.review.claims import ClaimKind, claims_in

AVAILABLE, DONE = ClaimKind.AVAILABLE, ClaimKind.DONE

CLAIMS = [
    ("Tenho segunda-feira, 30/11/2026 às 10:00.", {AVAILABLE}),
    ("Temos vaga amanhã às 14h!", {AVAILABLE}),
    ("Amanhã às 14h está livre.", {AVAILABLE}),
    ("Sim, temos horários livres esta semana!", {AVAILABLE}),
    ("Infelizmente não temos horário livre amanhã.", {AVAILABLE}),
    ("Não há mais vagas na sexta.", {AVAILABLE}),
    ("A agenda está cheia amanhã.", {AVAILABLE}),
    ("Estamos lotados no sábado.", {AVAILABLE}),
    ("Horários de terça: 09:00, 10:30 e 14:00.", {AVAILABLE}),
    ("Horários disponíveis: 9h, 10h.", {AVAILABLE}),
    ("Posso te encaixar às 15h.", {AVAILABLE}),
    ("Consigo às 9:30 na segunda.", {AVAILABLE}),
    ("Temos vaga às 10:00, pode ser?", {AVAILABLE}),
    ("Na quarta temos 10h e 11h.", {AVAILABLE}),
    ("Pode ser às 10:00 ou às 11:00.", {AVAILABLE}),
    ("Restam dois horários na sexta: 10:00 e 16:00.", {AVAILABLE}),
    ("Segunda, 30/11/2026 às 10:00 está disponível.", {AVAILABLE}),
    ("Prontinho! Banho do Rex agendado para segunda-feira, 30/11/2026 às 10:00.", {DONE}),
    ("Agendei o banho do Rex.", {DONE}),
    ("Seu horário está confirmado!", {DONE}),
    ("O agendamento foi cancelado.", {DONE}),
    ("Já remarquei para quinta.", {DONE}),
    ("Está tudo certo, marcado para amanhã.", {DONE}),
    ("Reservado! Esperamos vocês.", {DONE}),
    ("Cancelamos o banho do Thor.", {DONE}),
    ("Desmarquei a consulta.", {DONE}),
    ("Cadastrei o Rex, tudo bem?", {DONE}),
    ("Não se preocupe, está agendado.", {DONE}),
    ("Temos vaga às 10:00 e já deixei reservado.", {AVAILABLE, DONE}),
    ("Acabei de consultar os horários e temos às 10h.", {AVAILABLE}),
    ("Se quiser tenho às 10h.", {AVAILABLE}),
    ("Desmarquei o de quinta e encaixei vocês na sexta.", {DONE}),
    ("Mudei seu horário para as 15h!", {DONE}),
]

NO_CLAIMS = [
    "Oi! Como posso ajudar?",
    "Só agendamos até 60 dias à frente.",
    "Não encontrei horário: Só agendamos até 60 dias à frente.",
    "Para qual dia você gostaria?",
    "Você prefere de manhã ou à tarde?",
    "Tem preferência por algum horário?",
    "Vou verificar os horários disponíveis.",
    "Posso consultar os horários livres para você?",
    "Me diga o dia e eu vejo se temos horário.",
    "Qual dia e horário você prefere?",
    "Abrimos de segunda a sexta das 09:00 às 18:00.",
    "Nosso horário de funcionamento é das 9h às 18h.",
    "No sábado atendemos das 8h às 14h.",
    "Domingo estamos fechados.",
    "O banho custa R$ 65,00 e dura 60 minutos.",
    "Temos banho, tosa e consulta.",
    "Temos estacionamento ao lado.",
    "Posso agendar para segunda às 10:00?",
    "Quer que eu agende o banho?",
    "Você ainda não tem nada agendado.",
    "O horário pode ser remarcado até 24 horas antes.",
    "Atendemos com hora marcada.",
    "Gostaria de deixar agendado?",
    "Assim que estiver confirmado, aviso você.",
    "Se precisar cancelar, é só avisar.",
    "Para agendar, me diga o serviço, o dia e o nome do pet.",
    "Qual o nome do seu pet?",
    "Sinto muito pelo susto. O Rex está bem?",
    "Chegue 10 minutos antes.",
    "Não precisa deixar marcado.",
    "Fazemos vacina V10 e consulta veterinária.",
    "Nenhum agendamento foi cancelado.",
    "Confirma para mim o nome do pet?",
    "Depois de agendado, você recebe um lembrete.",
    "Ainda não cancelei: confirma para mim?",
    "Será cancelado se você não vier.",
    "O Rex está livre de pulgas hoje!",
    "Me avise se o horário das 10h estiver bom.",
]


@pytest.mark.parametrize(("answer", "kinds"), CLAIMS)
def test_a_claim_is_recognised(answer: str, kinds: set[ClaimKind]) -> None:
    assert {claim.kind for claim in claims_in(answer)} == kinds


@pytest.mark.parametrize("answer", NO_CLAIMS)
def test_what_claims_nothing_is_left_alone(answer: str) -> None:
    assert claims_in(answer) == ()
