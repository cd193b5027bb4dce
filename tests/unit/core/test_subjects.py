import pytest

from oxy_core import subjects
from oxy_core.errors import ContractError
from oxy_core.subjects import SubjectSender, sender_of


@pytest.mark.parametrize(
    "build",
    [
        subjects.inbound,
        subjects.state,
        subjects.out,
        subjects.accepted,
        subjects.file_request,
        subjects.restore_request,
    ],
)
def test_a_tenants_subject_names_its_sender(build: object) -> None:
    assert callable(build)
    assert sender_of(build("AKEY", "shop")) == SubjectSender("AKEY", "shop")


def test_a_chunk_of_a_file_or_backup_names_its_sender() -> None:
    assert sender_of(subjects.backup("AKEY", "shop", "some-id", "manifest")) == SubjectSender("AKEY", "shop")
    assert sender_of(subjects.media("AKEY", "shop", "some-id", 3)) == SubjectSender("AKEY", "shop")


@pytest.mark.parametrize("subject", ["oxy.media.A.b.c", "", "oxy.in.A", "oxy.in.A.b.c", "oxy.dlq.A.b", "other.in.A.b"])
def test_other_subjects_have_no_sender(subject: str) -> None:
    with pytest.raises(ContractError):
        sender_of(subject)
