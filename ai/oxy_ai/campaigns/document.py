"""The file of a campaign: strict YAML. Errors name the line, the field and the fix. Pure."""

from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    create_model,
    field_validator,
    model_validator,
)

from oxy_ai.campaigns.audience import Audience
from oxy_ai.campaigns.plan import LONGEST_CAPTION, LONGEST_NAME, LONGEST_TEXT, MOST_RECIPIENTS, Basis, Said
from oxy_ai.campaigns.segment import Segment
from oxy_ai.sanitize import require_storable
from oxy_ai.scheduling.periods import Period, parse_period
from oxy_ai.scheduling.tool_arguments import FIRST_DAY, LAST_DAY
from oxy_ai.strict_yaml import name_in_files, read_document
from oxy_ai.text_templates import is_template
from oxy_core.outbound import MAX_FILE_NAME, FileContent

_LONGEST_SOURCE: Final = 200
"""Characters."""
_FORMS: Final = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class LocalMoment(BaseModel):
    """A day, or a time of it, in the business's time zone."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    whole_day: bool


def _moment(value: object) -> LocalMoment:
    for form in _FORMS:
        try:
            found = datetime.strptime(str(value), form)  # noqa: DTZ007 local, the zone is the instance's
        except ValueError:
            continue
        if not FIRST_DAY <= found.date() <= LAST_DAY:
            break
        return LocalMoment(at=found, whole_day=form == _FORMS[0])
    message = "write a day, 2026-12-01, or a time of it, 2026-12-01 18:00"
    raise ValueError(message)


Moment = Annotated[LocalMoment, BeforeValidator(_moment)]


def _period(value: object) -> Period:
    return parse_period(value)


def _beside(name: str) -> str:
    if PurePath(name).name != name or name in {".", ".."}:
        message = "name a file beside this one, without a folder"
        raise ValueError(message)
    return name


class SendingWindow(_Strict):
    """When texts may leave, beside the number's own quiet hours."""

    begins: Moment | None = None
    """By default once it is approved."""
    hours: Annotated[Period, BeforeValidator(_period)] | None = None
    """Of each day."""


class ConsentGiven(_Strict):
    """Why the recipients may be written to."""

    basis: Basis
    source: Annotated[
        str, StringConstraints(min_length=3, max_length=_LONGEST_SOURCE), AfterValidator(require_storable)
    ]
    """Where that is known from, in words."""


class CampaignFile(_Strict):
    """A message to many customers, as its author writes it."""

    version: Literal[1] = 1
    name: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), AfterValidator(require_storable)]
    """Names it in all commands; never used twice on one number."""
    segment: Segment
    """Who gets it; what is left out does not matter."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]
    """With variables, as ``{nome}``, or ``{nome|tudo bem}`` for people of whom nobody knows it."""
    media: Annotated[str, StringConstraints(min_length=1, max_length=MAX_FILE_NAME), AfterValidator(_beside)] | None = (
        None
    )
    """Image, video or document beside this file; the text goes below it."""
    window: SendingWindow = SendingWindow()
    expires: Moment | None = None
    """The last day, or moment, on which a text leaves; by default a week after the beginning."""
    cap: Annotated[int, Field(ge=1, le=MOST_RECIPIENTS)] | None = None
    """Most recipients: those who came last."""
    consent: ConsentGiven

    @field_validator("segment", mode="after")
    @classmethod
    def _of_storable_words(cls, segment: Segment) -> Segment:
        for value in segment.model_dump().values():
            if isinstance(value, str):
                require_storable(value)
        return segment

    @field_validator("segment", mode="after")
    @classmethod
    def _is_of_somebody(cls, segment: Segment) -> Segment:
        if (together := segment.contradiction()) is not None:
            one, other = (name_in_files(type(segment), field) for field in together)
            message = f"nobody fulfils {one} and {other} together: correct them, or leave one out"
            raise ValueError(message)
        return segment

    @field_validator("expires", mode="after")
    @classmethod
    def _to_its_end(cls, expires: LocalMoment | None) -> LocalMoment | None:
        if expires is None or not expires.whole_day:
            return expires
        return LocalMoment(at=expires.at + timedelta(days=1), whole_day=True)

    @model_validator(mode="after")
    def _fits_below(self) -> Self:
        if self.media is not None and len(self.text) > LONGEST_CAPTION:
            message = f"text: below a file it has at most {LONGEST_CAPTION} characters; shorten it"
            raise ValueError(message)
        return self


def read_campaign(text: str, audience: Audience, file: str | None = None) -> CampaignFile:
    """Read a campaign in YAML; raises AdministrationError, which names each mistake with its field and line."""
    return read_document(text, _model(audience), "campaign", file)


def _model(audience: Audience) -> type[CampaignFile]:
    """Return the model of a vertical's campaigns: with its segments and the variables of its texts."""

    def check(text: str) -> str:
        if not is_template(text, audience.names):
            known = ", ".join(f"{{{name}}}" for name in audience.names)
            message = f"write a variable as {{nome}} or {{nome|tudo bem}}, and no other brace; there are: {known}"
            raise ValueError(message)
        return require_storable(text)

    words = Annotated[
        str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, strip_whitespace=True), AfterValidator(check)
    ]
    return create_model(
        "CampaignFile", __base__=CampaignFile, segment=(audience.segment, Field()), text=(words, Field())
    )


def said_in(file: CampaignFile, segment: Segment, media: FileContent | None, zone: ZoneInfo) -> Said:
    """Return what a file says; `segment` is its own with each service as the catalog calls it."""
    hours = file.window.hours
    return Said(
        name=file.name,
        segment=segment.model_dump(mode="json", exclude_none=True),
        body=file.text,
        media=media,
        begins_at=_in(file.window.begins, zone),
        hours=None if hours is None else str(hours),
        expires_at=_in(file.expires, zone),
        cap=file.cap,
        basis=file.consent.basis,
        source=file.consent.source,
    )


def _in(moment: LocalMoment | None, zone: ZoneInfo) -> datetime | None:
    return None if moment is None else moment.at.replace(tzinfo=zone)
