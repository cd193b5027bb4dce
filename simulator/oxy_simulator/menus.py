"""Messages to choose from (buttons, lists, native flows, templates) and the choices made."""

from typing import Final, Literal

from pydantic import Field, model_validator

from oxy_simulator.content import Body, Content, Identifier, Label, Part, Quotable, Several

# As many as phones' screens show; no library names it.
MAX_BUTTONS: Final = 3
MAX_ROWS: Final = 10


class Button(Part):
    """A button to answer with."""

    id: Identifier
    text: Label


class Buttons(Quotable):
    """A text with buttons."""

    kind: Literal["buttons"] = "buttons"
    text: Body
    buttons: Several[Button] = Field(min_length=1, max_length=MAX_BUTTONS)
    footer: str = ""


class Row(Part):
    """A row of a list."""

    id: Identifier
    title: Label
    description: str = ""


class Section(Part):
    """A part of a list, under its own title."""

    title: str = ""
    rows: Several[Row] = Field(min_length=1)


class ListMenu(Quotable):
    """A text with a list to choose one row from."""

    kind: Literal["list"] = "list"
    text: Body
    button: Label
    sections: Several[Section] = Field(min_length=1)
    title: str = ""
    footer: str = ""

    @model_validator(mode="after")
    def _is_short(self) -> "ListMenu":
        rows = [row.id for section in self.sections for row in section.rows]
        if len(rows) > MAX_ROWS:
            msg = f"{len(rows)} rows in a list; {MAX_ROWS} are allowed"
            raise ValueError(msg)
        if len(set(rows)) != len(rows):
            msg = "the ids of a list's rows must differ"
            raise ValueError(msg)
        return self


class FlowButton(Part):
    """A button of an interactive message: its flow's name and parameters (JSON)."""

    name: Identifier
    params: str = "{}"


class Interactive(Quotable):
    """A text with native flow buttons."""

    kind: Literal["interactive"] = "interactive"
    text: str = ""
    buttons: Several[FlowButton] = ()
    title: str = ""
    footer: str = ""


class Template(Quotable):
    """A business template with quick replies (its links and calls are not shown)."""

    kind: Literal["template"] = "template"
    text: Body
    buttons: Several[Button] = ()
    title: str = ""
    footer: str = ""


class ButtonReply(Content):
    """An answer by a button; the phone fills the text in."""

    kind: Literal["button-reply"] = "button-reply"
    target: Identifier
    id: Identifier
    text: str = ""


class ListReply(Content):
    """An answer by a row of a list; the phone fills the text in."""

    kind: Literal["list-reply"] = "list-reply"
    target: Identifier
    id: Identifier
    text: str = ""


class InteractiveReply(Content):
    """An answer by a native flow: its name and parameters (JSON)."""

    kind: Literal["interactive-reply"] = "interactive-reply"
    target: Identifier
    name: Identifier
    params: str = "{}"
    text: str = ""


class TemplateReply(Content):
    """An answer by a template's quick reply; the phone fills the text in."""

    kind: Literal["template-reply"] = "template-reply"
    target: Identifier
    id: Identifier
    text: str = ""
