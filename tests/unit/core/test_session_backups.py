from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError
from upgrade.documents import MANIFEST

from oxy_core.errors import ContractError
from oxy_core.session_backups import (
    FIRST_AFTER,
    BackupManifest,
    BackupPlan,
    chunk_context,
    chunk_nonce,
    data_key,
    key_id,
    keys_of,
    keys_text,
    next_backup_at,
)

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)


def test_each_backup_has_a_key_of_its_own_and_each_chunk_a_nonce() -> None:
    keys = {data_key(key, backup) for key in (b"a" * 32, b"b" * 32) for backup in (ONE, OTHER)}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 4
    nonces = {chunk_nonce(number) for number in range(300)}
    assert {len(nonce) for nonce in nonces} == {12}
    assert len(nonces) == 300


@pytest.mark.parametrize("changed", ["organization", "instance", "backup_id", "number", "chunks"])
def test_a_chunk_fits_no_other_place(changed: str) -> None:
    place = {"organization": "flor", "instance": "petshop", "backup_id": ONE, "number": 1, "chunks": 3}
    moved = place | {changed: {"backup_id": OTHER, "number": 2, "chunks": 2}.get(changed, "other")}
    assert chunk_context(**place) != chunk_context(**moved)  # type: ignore[arg-type]


def test_keys_are_read_as_they_were_written_and_the_first_one_encrypts() -> None:
    own, earlier = b"a" * 32, b"b" * 32
    text = keys_text({key_id(own): own, key_id(earlier): earlier})
    assert list(keys_of(text).items()) == [(key_id(own), own), (key_id(earlier), earlier)]
    assert own.hex() not in key_id(own)


@pytest.mark.parametrize("text", ["", "\n", "cafe", "cafe zz", "cafe abcd", "cafe b c"])
def test_a_file_without_keys_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ContractError) as refused:
        keys_of(text)
    assert "cafe" not in str(refused.value)


@pytest.mark.parametrize(
    ("enabled", "last_at", "due_at"),
    [
        (False, None, None),
        (True, None, NOW + FIRST_AFTER),
        (True, NOW, NOW + timedelta(hours=6)),
    ],
)
def test_a_backup_is_due_soon_after_pairing_and_then_by_its_interval(
    *, enabled: bool, last_at: datetime | None, due_at: datetime | None
) -> None:
    plan = BackupPlan(enabled=enabled, every_hours=6)
    assert next_backup_at(plan, last_at=last_at, linked_at=NOW) == due_at


@pytest.mark.parametrize("field", [{"chunks": 0}, {"chunks": 4_097}, {"number": "+5511987651111"}, {"key_id": "x"}])
def test_a_manifest_that_no_pod_writes_is_refused(field: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BackupManifest.model_validate(MANIFEST.model_dump() | field)
