"""Processes of two releases read each other's documents, from the first release with stable formats on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from uuid import uuid4

import pytest
from pydantic import BaseModel
from upgrade.contents import CONTENT_DOCUMENTS, CONTENTS, DETAILS
from upgrade.documents import FULL, LID, TEXT_MESSAGE, TRACE, minimal, report
from upgrade.releases import FOLDER, extract, is_present, run, versions

from oxy_core.content import Details
from oxy_core.envelopes import (
    CONTENT_VERSION,
    FIRST_VERSION,
    EraseRequest,
    FreezeRequest,
    MessageSeen,
    ResumeRequest,
    SendRequest,
)
from oxy_core.message_kinds import FIRST_KINDS, MessageKind
from oxy_core.outbound import OutboundContent
from oxy_tenant.journal.journal import Journal

READ = """
import json, sys
from oxy_core import database_mark, envelopes, tenant
documents = json.load(sys.stdin)
read = lambda kind: next(vars(found)[kind] for found in (envelopes, tenant, database_mark) if kind in vars(found))
print(json.dumps([json.loads(read(kind).decode(text.encode()).encode()) for kind, text in documents]))
"""

LEAVE = """
import json, sys
from oxy_core import database_mark, envelopes, tenant
from oxy_core.errors import ContractError
def error(kind, text):
    found = next(vars(module)[kind] for module in (envelopes, tenant, database_mark) if kind in vars(module))
    try:
        found.decode(text.encode())
    except ContractError as error:
        return type(error).__name__
print(json.dumps([error(*document) for document in json.load(sys.stdin)]))
"""
"""How it refuses documents of a version that it does not know."""

KEEP = """
import sys
from pathlib import Path
from oxy_core.envelopes import SendRequest
from oxy_tenant.journal.journal import Journal
journal = Journal.open(Path(sys.argv[1]), organization="flor", instance="petshop")
journal.sends.accept([SendRequest.decode(sys.stdin.read().encode())])
journal.close()
"""

OPEN = """
import sys
from pathlib import Path
from oxy_tenant.journal.journal import Journal
journal = Journal.open(Path(sys.argv[1]), organization="flor", instance="petshop")
print(*(send.request.id for send in journal.sends.unfinished()))
journal.close()
"""


DOCUMENTS = {**FULL, **CONTENT_DOCUMENTS}


@pytest.fixture(params=versions())
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The packages of an earlier release."""
    if not is_present(request.param):
        # A shallow clone or an unpacked archive has no code of earlier releases to run. Their golden files, which need
        # none, are read there all the same; every clone with its history runs these tests.
        pytest.skip(f"this checkout has no history: {request.param} is missing")
    extract(request.param, tmp_path / "release")
    return tmp_path / "release"


def newest(release: Path) -> int:
    """The newest version of an envelope that a release reads."""
    return int(run(release, "from oxy_core.envelopes import VERSION; print(VERSION)"))


def request() -> SendRequest:
    return SendRequest(
        id=uuid4(),
        organization="flor",
        instance="petshop",
        chat=LID,
        text="Olá",
        created_at=datetime.now(UTC),
        trace=TRACE,
    )


def golden_files() -> list[Path]:
    return sorted((FOLDER / "golden").glob("*/*.json"))


def nested(model: BaseModel) -> Iterator[BaseModel]:
    """The model and all models in it."""
    yield model
    for name in type(model).model_fields:
        if isinstance(value := getattr(model, name), BaseModel):
            yield from nested(value)


def known_as(document: BaseModel) -> str:
    """What a release that does not know a document's type takes it for: it comes where send requests do."""
    return (
        "SendRequest" if isinstance(document, EraseRequest | FreezeRequest | ResumeRequest) else type(document).__name__
    )


def members(union: object) -> tuple[object, ...]:
    """The models of a discriminated union."""
    return get_args(get_args(union)[0])


def includes(document: object, part: object) -> bool:
    """Whether a JSON document has everything that `part` has, with the same values."""
    if isinstance(part, dict) and isinstance(document, dict):
        return all(key in document and includes(document[key], value) for key, value in part.items())
    return document == part


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_here_set_every_field_of_their_format(name: str) -> None:
    for model in nested(DOCUMENTS[name]):
        unset = [field for field in type(model).model_fields if getattr(model, field) is None]
        if isinstance(model, SendRequest):  # it has one of the two
            unset.remove("content" if model.content is None else "text")
        if isinstance(model, MessageSeen) and model.least_version == FIRST_VERSION:  # these need version 2
            unset = [field for field in unset if field not in {"details", "file"}]
        assert unset == [] or type(model).__name__ == "Report", f"{type(model).__name__}: {unset}"


def test_every_shape_of_content_has_a_document() -> None:
    assert {type(details) for details in DETAILS.values()} == set(members(Details))
    assert {type(content) for content in CONTENTS} == set(members(OutboundContent))


@pytest.mark.parametrize("name", CONTENT_DOCUMENTS)
def test_a_document_is_read_as_it_was_written(name: str) -> None:
    document = CONTENT_DOCUMENTS[name]
    assert type(document).decode(document.encode()) == document
    assert document.version == CONTENT_VERSION


def test_every_kind_of_message_but_the_first_is_left_to_newer_readers() -> None:
    kinds = {kind: report(TEXT_MESSAGE.model_copy(update={"kind": kind})).version for kind in MessageKind}
    assert kinds == {kind: FIRST_VERSION if kind in FIRST_KINDS else CONTENT_VERSION for kind in MessageKind}


def test_every_release_with_stable_formats_has_golden_files() -> None:
    assert sorted(folder.name for folder in (FOLDER / "golden").iterdir()) == sorted(versions())


@pytest.mark.parametrize("path", golden_files(), ids=lambda path: f"{path.parent.name[:7]}-{path.stem}")
def test_documents_of_an_earlier_release_are_read(path: Path) -> None:
    name, _, variant = path.stem.partition(".")
    known = DOCUMENTS[name]
    read = type(known).decode(path.read_bytes())
    assert includes(json.loads(read.encode()), json.loads(path.read_bytes()))
    assert variant == "full" or read.version == known.version


def test_an_earlier_release_reads_the_documents_of_this_one(release: Path) -> None:
    everything, version = [*DOCUMENTS.values(), *map(minimal, FULL.values())], newest(release)
    documents = [document for document in everything if document.version <= version]
    wire = json.dumps([(type(document).__name__, document.encode().decode()) for document in documents])
    read = json.loads(run(release, READ, stdin=wire))
    assert len(read) == len(documents)
    for theirs, ours in zip(read, documents, strict=True):
        # They may add defaults of fields that we have removed, and lack fields that we have added; what both have is
        # understood alike.
        sent = json.loads(ours.encode())
        shared = {key: value for key, value in theirs.items() if key in sent}
        assert shared, theirs
        assert includes(sent, shared)


def test_an_earlier_release_leaves_newer_documents_alone(release: Path) -> None:
    version = newest(release)
    newer = [document for document in DOCUMENTS.values() if document.version > version]
    wire = json.dumps([(known_as(document), document.encode().decode()) for document in newer])
    assert json.loads(run(release, LEAVE, stdin=wire)) == ["NewerVersionError"] * len(newer)


def test_a_journal_of_an_earlier_release_is_continued(release: Path, tmp_path: Path) -> None:
    sent = request()
    run(release, KEEP, str(tmp_path / "journal.db"), stdin=sent.encode().decode())
    journal = Journal.open(tmp_path / "journal.db", organization="flor", instance="petshop")
    assert [send.request.id for send in journal.sends.unfinished()] == [sent.id]
    journal.close()


def test_an_earlier_release_continues_our_journal(release: Path, tmp_path: Path) -> None:
    sent = request()
    journal = Journal.open(tmp_path / "journal.db", organization="flor", instance="petshop")
    journal.sends.accept([sent])
    journal.close()
    assert run(release, OPEN, str(tmp_path / "journal.db")).split() == [str(sent.id)]
