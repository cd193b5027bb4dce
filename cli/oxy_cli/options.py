"""Options that several commands share."""

from enum import StrEnum
from typing import Annotated, Final

import typer


class Output(StrEnum):
    """Format of results on standard output."""

    TEXT = "text"
    JSON = "json"


Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the WhatsAppInstance.")]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace of the instance; default: the context's.")
]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig; default: the current one.")]
SystemNamespace = Annotated[
    str, typer.Option(envvar="OXY_SYSTEM_NAMESPACE", help="Namespace in which Oxy itself is installed.")
]
Format = Annotated[Output, typer.Option("--output", "-o", help="Format of the result.")]

DEFAULT_SYSTEM_NAMESPACE: Final = "oxy"
