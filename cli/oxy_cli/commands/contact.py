"""``oxy contact``: people whom an instance's assistant never answers."""

import re
from typing import Annotated, Any

import typer

from oxy_cli.cluster import Cluster
from oxy_cli.errors import CliError
from oxy_cli.instance import InstanceView
from oxy_cli.options import DEFAULT_SYSTEM_NAMESPACE, Context, Format, Name, Namespace, Output, SystemNamespace
from oxy_cli.output import console, print_json
from oxy_cli.worker_admin import administer
from oxy_core.contact_command import ContactAnswer, ContactOrder
from oxy_core.identity import PHONE_PATTERN, mask

app = typer.Typer(no_args_is_help=True, help="People who write to an instance: whom the assistant never answers.")

Phone = Annotated[str, typer.Argument(metavar="PHONE", help="Number of the person, in the form +5511987654321.")]
Off = Annotated[bool, typer.Option("--off", help="Answer this person again.")]


@app.command()
def private(  # noqa: PLR0913 each is an option of the command
    name: Name,
    phone: Phone,
    *,
    off: Off = False,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Never answer this person: family and friends on the business's number."""
    cluster = Cluster.connect(context, namespace)
    found = _ask(cluster, Cluster.connect(context, system_namespace), name, phone, private=not off)
    _print(found, phone, output)


@app.command()
def show(  # noqa: PLR0913 each is an option of the command
    name: Name,
    phone: Phone,
    *,
    namespace: Namespace = None,
    system_namespace: SystemNamespace = DEFAULT_SYSTEM_NAMESPACE,
    context: Context = None,
    output: Format = Output.TEXT,
) -> None:
    """Show whether the assistant answers this person, and what the person does not want."""
    cluster = Cluster.connect(context, namespace)
    found = _ask(cluster, Cluster.connect(context, system_namespace), name, phone, private=None)
    _print(found, phone, output)


def _ask(cluster: Cluster, system: Cluster, name: str, phone: str, *, private: bool | None) -> ContactAnswer:
    if re.fullmatch(PHONE_PATTERN, phone) is None:
        message = "the number must be in the form +5511987654321: a plus, the country, the area and the number"
        raise CliError(message)
    instance = InstanceView.of(cluster.instance(name))
    order = ContactOrder(organization=instance.organization, instance=name, phone=phone, private=private)
    answer: Any = administer(system, ["contact"], [order.model_dump_json().encode() + b"\n"])
    return ContactAnswer.model_validate(answer)


def _print(found: ContactAnswer, phone: str, output: Output) -> None:
    if output is Output.JSON:
        print_json(found.model_dump(mode="json"))
    else:
        console().print(described(found, mask(phone)))


def described(found: ContactAnswer, who: str) -> str:
    """Return in a sentence or two what is known of a contact."""
    if not found.known and not found.listed:
        return f"{who} has not written to this instance, and would be answered."
    answered = f"The assistant never answers {who}" if found.private else f"The assistant answers {who}"
    listed = ", because the catalog lists the number" if found.listed else ""
    wish = {
        "all": " The contact opted out of all messages.",
        "proactive": " The contact opted out of messages that nobody asked for.",
        None: "",
    }[found.opt_out]
    return f"{answered}{listed}.{wish}"
