"""A conversation that took place becomes a golden dialogue that runs at once, without anything of whoever wrote."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from integration.ai.open_days import ZONE, open_day
from integration.ai.scripted_dialogues import DIALOGUES, Script, running_scripts
from pydantic import SecretStr

from oxy_ai.engine.store import Engine
from oxy_ai.errors import AdministrationError
from oxy_ai.evaluation.judging import Judged
from oxy_ai.evaluation.running import RunOptions, Variant, run_all
from oxy_ai.evaluation.scratch import scratch_database, worker_pool
from oxy_ai.evaluation.verdicts import failures
from oxy_ai.golden.export import everything_in, export_conversation
from oxy_ai.golden.library import read_library
from oxy_ai.golden.patterns import folded
from oxy_dev.postgres import PostgresServer

NOW = datetime.now(ZONE)
DAY = open_day()
LATER = open_day(14)
MADE = NOW - timedelta(days=5)
SAID = f"""
title: Uma conversa de verdade
skill: complaints
intent: booking
clock: {NOW:%Y-%m-%d %H:%M}
before:
  person:
    phone: "+5511976543210"
    name: Marluce Quintela
    records: [{{name: Fubá, species: cachorro, allergies: "diz a vizinha, a Genoveva"}}]
    bookings: [{{service: Banho, for: Fubá, at: {LATER:%Y-%m-%d} 09:00, made: {MADE:%Y-%m-%d %H:%M}}}]
    said:
      - {{customer: "oi, aqui é a Marluce, moro na Rua dos Nhambiquaras, 8317 apto 56"}}
      - {{customer: "o brutus, meu outro cachorro, ficou doente"}}
      - {{person: "Oi Marluce! Aqui é a Zuleica, já te respondo"}}
turns:
  - says:
      - "meu e-mail é marluce.q@example.net e o cpf 123.456.789-09"
      - {{voice: "queria marcar banho pro Fubá dia {DAY:%d/%m/%Y} às dez horas, meu telefone é 11 97654-3210"}}
    calls: [{{tool: agendar_servico}}]
  - says: obrigada! fala pra Dra. Camila que a Marluce e o Brutus mandaram um abraço
after:
  bookings:
    - {{service: Banho, for: Fubá, at: {DAY:%Y-%m-%d} 10:00}}
    - {{service: Banho, for: Fubá, at: {LATER:%Y-%m-%d} 09:00}}
"""
SECRETS = ("marluce", "quintela", "fuba", "zuleica", "camila", "genoveva", "brutus", "nhambiquaras", "example.net")
NUMBERS = ("76543210", "12345678909", "8317", "30451122", "30459000")
SCRIPT = Script(
    responses=(
        {"agendar_servico": {"servico": "Banho", "data": f"{DAY:%Y-%m-%d}", "hora": "10:00", "nome_pet": "Fubá"}},
        f"Marcado! Banho do Fubá dia {DAY:%d/%m/%Y}, às 10:00.",
        "De nada, Marluce! Mando sim.",
    )
)


async def played(url: str, folder: Path, script: Script) -> Judged:
    async with running_scripts({"said": script}) as model:
        options = RunOptions(model.base_url, SecretStr("scripted"), retry_seconds=0.01)
        [judged] = await run_all(url, read_library([folder]), [Variant("gpt-4o-mini")], options)
    return judged


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the dialogue and its business."""
    (tmp_path / "businesses").mkdir()
    business = yaml.safe_load((DIALOGUES / "businesses/default.yaml").read_text())
    business["catalog"] = str((DIALOGUES / "businesses" / business["catalog"]).resolve())
    (tmp_path / "businesses/default.yaml").write_text(yaml.safe_dump(business, allow_unicode=True))
    (tmp_path / "said.yaml").write_text(SAID)
    return tmp_path


async def test_a_conversation_becomes_a_dialogue_that_runs_at_once(
    postgres_server: PostgresServer, folder: Path
) -> None:
    with scratch_database(postgres_server.url()) as url:
        assert failures((await played(url, folder, SCRIPT)).checks) == []
        async with worker_pool(url, 4) as pool:
            engine = Engine(pool)
            real = await export_conversation(engine, "evaluation-0:1", 40, redact=False)
            exported = await export_conversation(engine, "evaluation-0:1", 40, redact=True)
            with pytest.raises(AdministrationError, match="there is no conversation"):
                await export_conversation(engine, "evaluation-0:999", 40, redact=True)
    document = yaml.safe_load(exported.dialogue)
    words = set(re.findall(r"\w+", folded(" ".join(everything_in(document)))))
    assert words & set(SECRETS) == set(), exported.dialogue
    assert not [number for number in NUMBERS if number in re.sub(r"[ .()-]", "", exported.dialogue)]
    assert "Marluce Quintela" in real.dialogue
    assert [
        said["text"] if isinstance(said, dict) and "text" in said else said for said in document["turns"][0]["says"]
    ]

    name = document["before"]["person"]["records"][0]["name"]
    (folder / "said.yaml").write_text(exported.dialogue)
    again = Script.model_validate_json(SCRIPT.model_dump_json().replace("Fubá", name))
    with scratch_database(postgres_server.url()) as url:
        judged = await played(url, folder, again)
    assert not failures(judged.checks)
    assert [booking.subject for booking in judged.played.after.people[0].bookings] == [name, name]
    assert document["before"]["person"]["bookings"] == [
        {"service": "Banho", "for": name, "at": f"{LATER:%Y-%m-%d} 09:00"}
    ]
