"""Texts that promise a person, and those that only speak of one."""

from oxy_ai.assistants.fixed_texts import ASK_FOR_TEXT
from oxy_ai.assistants.people import People, person_will_answer
from oxy_ai.portuguese.promises import promises_person

PROMISES = [
    "Um atendente vai te chamar.",
    "Já avisei a equipe!",
    "Uma pessoa da equipe vai responder você por aqui.",
    "uma pessoa vai responder",
    "Vou chamar alguém da equipe para te ajudar.",
    "Vou te transferir para um atendente.",
    "Estou te transferindo agora.",
    "Nossa equipe entrará em contato em breve.",
    "Encaminhei seu caso para o setor responsável.",
    "Seu pedido foi encaminhado.",
    "Alguém te liga já já.",
    "A Ana vai te ligar amanhã cedo.",
    "Entraremos em contato.",
    "Retornaremos assim que possível.",
    "Vou verificar com a equipe e te retorno.",
    "Aguarde, um atendente já vai falar com você.",
    "O responsável já foi avisado.",
    "Você será atendido por uma pessoa em instantes.",
    "Vou pedir para a recepção confirmar.",
    "Passei sua mensagem para o gerente.",
    "Nossa equipe responde amanhã a partir das 9h.",
    "Um humano vai continuar daqui.",
    "Já acionei a equipe de plantão.",
    "Vou avisar o dono da loja.",
    "Vou repassar para o time.",
    "Deixa que eu chamo um atendente.",
    "Vão te responder por aqui.",
    "A doutora vai te retornar hoje à tarde.",
    "Vou consultar a gerência e já te retorno.",
    "Vou encaminhar você para o atendimento humano.",
    "ja chamei o pessoal",
    "Em instantes alguém vai te atender.",
    "Pode ficar tranquila: uma pessoa da nossa equipe vai falar com você.",
    "Sua solicitação será encaminhada.",
    "Te dou um retorno em breve.",
    "Vou verificar e já te dou um retorno.",
    "A recepção vai confirmar o horário com você.",
    "Avisei o responsável, que vai responder assim que abrir.",
    "A equipe está ciente e a caminho.",
    "Um especialista entrará em contato pelo WhatsApp.",
    "Vamos te ligar hoje.",
    "Já avisei que uma pessoa vai responder.",
    "Só um momento, alguém da equipe já vem.",
    "Vou informar a equipe sobre isso.",
    "O gerente irá te procurar amanhã.",
    "Não consigo responder isso, mas um atendente vai te ligar.",
    "Não tenho essa informação; vou pedir para alguém te responder.",
    "Desculpe, não posso confirmar, então já avisei a equipe.",
    "Se preferir ligue, mas uma pessoa já vai te responder por aqui.",
    "Infelizmente não consigo agendar por aqui: encaminhei seu pedido para a recepção.",
]

NONE = [
    "O atendente sugeriu trazer o documento.",
    "Quer que eu chame um atendente?",
    "Posso chamar uma pessoa da equipe?",
    "Se quiser, posso pedir para alguém te ligar.",
    "Nossa equipe atende de segunda a sexta, das 8h às 18h.",
    "Fale com a nossa equipe pelo telefone.",
    "Você pode ligar para a recepção.",
    "Não consigo chamar um atendente agora.",
    "Infelizmente não há ninguém para responder agora.",
    "Ninguém vai te ligar hoje.",
    "Vou te ajudar com isso!",
    "Posso ajudar em mais alguma coisa?",
    "O agendamento foi confirmado para sexta-feira.",
    "A equipe cuidou muito bem dele.",
    "Temos um time de profissionais experientes.",
    "Seu horário está confirmado, esperamos você!",
    "Chegue 10 minutos antes.",
    "Você prefere falar com uma pessoa?",
    "A pessoa que trouxer precisa de documento.",
    "Nosso atendimento é por ordem de chegada.",
    "O profissional atende às quintas.",
    "Vou verificar os horários.",
    "Vou consultar a agenda.",
    "Qual o nome da pessoa responsável?",
    "Duas pessoas podem acompanhar.",
    "Vou confirmar o seu horário.",
    "Já confirmei seu horário.",
    "O gerente disse que pode sim.",
    "A recepção fica no térreo.",
    "Não vou transferir você sem necessidade.",
    "Ainda não avisei a equipe.",
    "Não posso prometer que alguém vai responder.",
    "Você gostaria que alguém da equipe te ligasse?",
    "Se preferir, ligue para a loja.",
    "A loja fecha às 18h.",
    "Bom dia! Como posso ajudar?",
    "Aguardo sua resposta.",
    "Me responda quando puder.",
    "Sou a assistente virtual e não uma pessoa.",
    "A equipe recebeu você bem?",
    "Podemos marcar com a Ana ou com o Bruno.",
    "O atendente anotou o pedido ontem.",
    "O valor será confirmado na hora.",
    "Em caso de urgência, ligue para a central.",
    "Não consigo transferir, mas posso ajudar com horários.",
    "Caso queira, posso pedir que uma pessoa confirme.",
]


def test_a_promise_of_a_person_is_found() -> None:
    assert [text for text in [*PROMISES, person_will_answer(People(told=True))] if not promises_person(text)] == []


def test_a_promise_is_found_among_other_sentences_and_in_capitals() -> None:
    among = [f"Entendi! {text}\nPosso ajudar em algo mais?".upper() for text in PROMISES]
    assert [text for text in among if not promises_person(text)] == []


def test_an_offer_advice_or_a_report_is_no_promise() -> None:
    assert [
        text for text in [*NONE, ASK_FOR_TEXT, person_will_answer(People(told=False))] if promises_person(text)
    ] == []


def test_the_tables_are_large() -> None:
    assert min(len(set(PROMISES)), len(set(NONE))) >= 40
