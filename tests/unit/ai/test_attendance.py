"""What counts as "I come", as "cancel it" and as "I cannot" to a reminder, and the many answers that do not."""

import pytest

from oxy_ai.portuguese.attendance import Attendance, attendance_in, attendance_of

SAID = {
    Attendance.COMING: (
        *(
            "sim",
            "Sim!",
            "SIM 👍",
            "confirmo",
            "Confirmado, obrigada",
            "pode confirmar",
            "👍🏽",
            "ok",
            "vou sim",
            "sim, vou",
        ),
        *(
            "Estaremos aí!",
            "estarei lá",
            "sim, vamos sim",
            "Bom dia! Confirmo sim 😊",
            "presença confirmada",
            "combinado",
        ),
        *("estou indo", "levarei", "sim, pode confirmar, obrigado"),
    ),
    Attendance.CANCELLING: (
        *("cancelar", "Cancelar.", "cancela", "cancela por favor", "pode cancelar", "Quero cancelar", "desmarcar"),
        *(
            "preciso desmarcar",
            "pode cancelar o meu horário",
            "cancela o agendamento, por favor",
            "vou ter que cancelar",
        ),
        *("oi, bom dia, gostaria de cancelar", "cancela isso"),
    ),
    Attendance.NOT_COMING: (
        *("não", "nao", "n", "naum", "👎", "❌", "não vou poder ir", "Infelizmente não", "não vai dar", "não posso"),
        *("não consigo ir", "não vou", "não confirmo"),
    ),
    Attendance.OTHER: (
        *("sim, mas pode ser às 11?", "cancela e marca sexta", "cancelar inscrição", "não cancela", "quero remarcar"),
        *("que horas mesmo?", "espera", "calma", "quanto custa cancelar?", "se eu cancelar tem multa?", "talvez", ""),
        *("sim ou não?", "cancelar só o do Rex", "oi", "obrigada", "😢", "não vou poder ir amanhã, pode ser quinta?"),
    ),
}


@pytest.mark.parametrize(("said", "text"), [(said, text) for said, texts in SAID.items() for text in texts])
def test_what_is_said(said: Attendance, text: str) -> None:
    assert attendance_in(text) is said


def test_several_messages_that_differ_say_something_else() -> None:
    assert attendance_of(["sim", "confirmado"]) is Attendance.COMING
    assert attendance_of(["sim", "cancelar"]) is Attendance.OTHER
    assert attendance_of([]) is Attendance.OTHER
