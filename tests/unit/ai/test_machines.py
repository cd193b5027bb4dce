"""Messages of machines, and what people write that resembles them."""

from oxy_ai.portuguese.machines import is_automatic_reply, is_verification_code

CODES = [
    "Seu código de verificação é 123456",
    "123456 é o seu código do WhatsApp. Não compartilhe.",
    "Your verification code is 482913",
    "G-482913 is your Google verification code.",
    "<#> Seu codigo de acesso: 4821",
    "Use o código de segurança 123-456 para entrar",
    "[Nubank] Nunca informe seu código a ninguém: 938271",
    "Seu iFood code: 9382. Don't share your code",
    "Código de confirmação: *7392*",
    "Facebook: 123456 é seu código de acesso",
    "Código WhatsApp: 123-456",
    "Use 481923 como código de segurança da conta Microsoft",
    "Your Uber code is 1234. Never share this code.",
]

NO_CODES = [
    "meu código de cliente é 123456",
    "qual o código do produto?",
    "senha 12 aqui na fila",
    "o código postal é 01310-100",
    "tenho um cupom código BANHO10",
    "123456",
    "meu cpf é 123.456.789-00",
    "esqueci a senha do site",
    "o microchip dele é 982000123456789",
    "o código de acesso do condomínio é 1234",
    "a senha do portão é 4821",
    "código do portão: 1234",
    "use 1234 para entrar no portão",
]

AUTOMATIC = [
    "Esta é uma mensagem automática. Por favor, não responda.",
    "Olá! Agradecemos seu contato. Como podemos ajudar?",
    "No momento não estamos disponíveis. Responderemos assim que possível.",
    "Olá, obrigado por entrar em contato com a Auto Peças Silva!",
    "Digite 1 para vendas, 2 para financeiro",
    "Escolha uma opção:\n1 - Vendas\n2 - Suporte\n3 - Financeiro",
    "Favor não responder esta mensagem",
    "Mensagem automática: estou de férias até dia 10",
    "Sou a assistente virtual da Claro",
    "Nosso horário de atendimento é de segunda a sexta das 8h às 18h",
    "Seu protocolo é 2026112899",
    "Entraremos em contato o mais breve possível",
    "Olá! Você está falando com a assistente virtual do Banco X. Digite seu CPF.",
    "Bem-vindo à Vivo! Escolha uma opção: 1 - Fatura 2 - Suporte",
    "Olá, recebemos sua mensagem e em breve um de nossos atendentes irá responder.",
    "Estamos fora do horário de atendimento.",
    "Olá! 👋 Bem-vindo(a) à Auto Center. Como podemos te ajudar hoje?",
    "Protocolo: 20261128123456",
    "Sua avaliação é muito importante para nós. De 0 a 10, quanto você recomenda?",
]

BY_PEOPLE = [
    "Obrigada pelo carinho!",
    "obrigado pelo atendimento",
    "no momento não posso, estou trabalhando",
    "qual o horário de funcionamento?",
    "vocês abrem de segunda a sexta?",
    "estou fora do Brasil, volto dia 10",
    "quero opção 2",
    "1 banho e 2 tosas",
    "essa mensagem é automática?",
    "é uma mensagem automática ou posso falar com alguém?",
    "no momento estou fora de casa, pode ser às 15h?",
    "responda por favor",
    "escolha a melhor data pra mim",
    "obrigada por responder",
    "você é um robô?",
    "envie a localização",
    "agora estamos disponíveis, pode vir?",
    "digite o endereço",
    "o atendente vai me ligar?",
    "qual o protocolo de vacinação?",
    "meu protocolo é 123456, e agora?",
    "seja bem-vindo ao grupo",
    "Em que posso ajudar?",
    "Obrigada pelo contato, vou pensar",
    "não estou disponível sexta",
    "não estamos disponíveis no sábado",
    "1 - Rex\n2 - Mel\n3 - Bob",
    "me envie o número do pix",
    "escolha a opção mais barata pra mim",
    "de 0 a 10 dou nota 10!",
    "responderei assim que puder",
    "estou falando com a atendente virtual?",
    "estou falando com a assistente virtual ou com uma pessoa?",
    "não quero ficar falando com a assistente virtual, quero uma pessoa",
    "vc é uma atendente virtual? sou a Ana",
    "essa mensagem automática não ajuda em nada",
    "essa resposta automatica nao me serve",
    "só recebo mensagem automática, quero falar com alguém",
    "não quero mensagem automática, quero falar com uma pessoa",
    "recebi uma mensagem automatica dizendo que o banho é amanhã, confirmo",
    "agora estamos aqui na frente e a loja está fechada",
    "no momento estamos sem carro e a rua está fechada, dá pra buscar?",
    "Oi, recebemos sua mensagem! Pode marcar sim",
    "agora não estamos disponíveis, pode ser às 18h?",
    "o número de protocolo é 2026112899",
]


def test_a_verification_code_is_recognised() -> None:
    assert [text for text in CODES if not is_verification_code(text)] == []


def test_an_automatic_reply_is_recognised() -> None:
    assert [text for text in AUTOMATIC if not is_automatic_reply(text)] == []


def test_what_people_write_is_no_machine() -> None:
    assert [text for text in [*NO_CODES, *BY_PEOPLE] if is_verification_code(text) or is_automatic_reply(text)] == []
