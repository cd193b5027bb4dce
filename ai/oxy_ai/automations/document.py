"""The file in which an owner writes automations: strict YAML. Errors name the line and the remedy. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from oxy_ai.automations.definition import FROM_BOOKINGS, Automation, Mistake, Trigger
from oxy_ai.scheduling.services import Named, named_by
from oxy_ai.strict_yaml import read_document
from oxy_ai.text_templates import is_template

OF_PEOPLE: Final = ("nome", "loja")
"""What every text may have filled in: the customer's name and that of the business."""
OF_SUBJECTS: Final = ("para",)
"""Of birthdays and bookings: for whom or what."""
OF_BOOKINGS: Final = ("servico", "dia", "hora", "quando", "agendamentos")


class Known:
    """What a file may name."""

    def __init__(
        self,
        shipped: Sequence[Automation] = (),
        services: Sequence[Named] | None = None,
        aliases: Mapping[str, str] | None = None,
        applied: Sequence[Automation] = (),
    ) -> None:
        """`services` None: nobody knows them yet. `aliases`: the vertical's own names of variables."""
        self.applied = {item.name: item for item in applied}
        self.shipped = {item.name: item for item in shipped}
        self.services = services
        self.aliases = dict(aliases or {})

    def variables(self, trigger: Trigger) -> tuple[str, ...]:
        """Return what a text may have filled in."""
        subjects = OF_SUBJECTS if trigger in FROM_BOOKINGS | {Trigger.BIRTHDAY} else ()
        known = (*OF_PEOPLE, *subjects, *(OF_BOOKINGS if trigger in FROM_BOOKINGS else ()))
        return (*known, *(alias for alias, name in self.aliases.items() if name in known))

    def mistakes_in(self, automation: Automation) -> list[Mistake]:
        """Return what an automation names that there is not."""
        known = self.variables(automation.trigger)
        texts = {"text": automation.text, "text_for_month": automation.text_for_month or ""}
        shown = ", ".join(f"{{{name}}}" for name in known)
        wrong = [
            Mistake(
                field, f"may have these variables alone: {shown}; with words for one that is unknown: {{nome|você}}"
            )
            for field, text in texts.items()
            if not is_template(text, known)
        ]
        return [*wrong, *self._unknown_services(automation)]

    def _unknown_services(self, automation: Automation) -> list[Mistake]:
        if self.services is None or not automation.enabled:
            return []  # what is off names what a catalog may have some day
        names = ", ".join(service.name for service in self.services) or "none yet: apply a catalog first"
        field = "intervals" if automation.intervals else "condition.services"
        return [
            Mistake(field, f"no service of the catalog is called {words!r}; there are: {names}")
            for words in automation.words
            if not named_by(self.services, words)
        ]


class Document(BaseModel):
    """Automations by name; those that a file does not name stay as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    automations: tuple[Automation, ...]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [item.name for item in self.automations]
        doubled = [number for number, name in enumerate(names) if name in names[:number]]
        if doubled:
            raise _errors(
                (("automations", number), Mistake("name", "is taken: give each its own")) for number in doubled
            )
        return self


def read_automations(text: str, known: Known, name: str | None = None) -> tuple[Automation, ...]:
    """Read a file's text; one that is shipped need not be written again, but for what differs.

    Of one's own that is applied, name and `enabled` alone switch it on or off.

    Raises AdministrationError, which names each mistake with its line and field.
    """
    return read_document(text, _completed_by(known), "automations", name).automations


def _completed_by(known: Known) -> type[Document]:
    class Completed(Document):
        @field_validator("automations", mode="before")
        @classmethod
        def _with_shipped(cls, entries: object) -> object:
            return [_completed(entry, known) for entry in entries] if isinstance(entries, list) else entries

        @model_validator(mode="after")
        def _names_what_is_there(self) -> Self:
            wrong = [
                (("automations", number), mistake)
                for number, item in enumerate(self.automations)
                for mistake in known.mistakes_in(item)
            ]
            if wrong:
                raise _errors(wrong)
            return self

    return Completed


def _completed(entry: Any, known: Known) -> Any:  # noqa: ANN401 as YAML has it
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return entry
    applied = known.applied if entry.keys() <= {"name", "enabled"} else {}
    base = known.shipped.get(entry["name"]) or applied.get(entry["name"])
    return entry if base is None else {**base.model_dump(mode="json", exclude_defaults=True), **entry}


def _errors(wrong: Iterable[tuple[tuple[str | int, ...], Mistake]]) -> ValidationError:
    return ValidationError.from_exception_data(
        "automations",
        [
            InitErrorDetails(
                type=PydanticCustomError("automations", "{remedy}", {"remedy": mistake.remedy}),
                loc=(*place, *mistake.field.split(".")),
                input=None,
            )
            for place, mistake in wrong
        ],
    )
