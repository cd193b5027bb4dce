"""Kubernetes quantities in the form in which the API server stores them.

The server rewrites quantities when it stores an object (``1024Mi`` becomes ``1Gi``). What we apply must be in that form
already, or it would look like drift at every reconcile. Source: k8s.io/apimachinery, pkg/api/resource/quantity.go.

`kubernetes.utils.quantity` reads quantities too, but comes with the whole client, which decisions must not import.
"""

import re
from decimal import Decimal
from typing import Final

_FORM: Final = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti")
_DECIMAL: Final = ("m", "", "k", "M", "G", "T")
_KIBI: Final = Decimal(1024)
_KILO: Final = Decimal(1000)


def canonical(quantity: str | int) -> str:
    """Return the stored form of a quantity; raises ValueError for anything else."""
    number, unit = _parts(quantity)
    if unit.endswith("i"):
        written = _reduced(number * _KIBI ** _BINARY.index(unit), _BINARY, _KIBI)
        # A quantity in binary units stays binary, unless none of them divides it.
        return written if written.endswith("i") else canonical(written)
    return _reduced(number * _KILO ** _DECIMAL.index(unit), _DECIMAL, _KILO)


def amount(quantity: str | int) -> Decimal:
    """Return a quantity as a number; raises ValueError for anything else.

    >>> amount("64Mi") < amount("0.1G")
    True
    """
    number, unit = _parts(quantity)
    if unit.endswith("i"):
        return number * _KIBI ** _BINARY.index(unit)
    return number * _KILO ** _DECIMAL.index(unit) / _KILO


def _parts(quantity: str | int) -> tuple[Decimal, str]:
    match = _FORM.fullmatch(str(quantity))
    if match is None:
        message = f"{quantity!r} is not a quantity: write a number with m, k, M, G, T, Ki, Mi, Gi or Ti"
        raise ValueError(message)
    return Decimal(match[1]), match[2] or ""


def _reduced(smallest: Decimal, units: tuple[str, ...], base: Decimal) -> str:
    """Return a number of smallest units in the largest unit that divides it; fractions round up."""
    whole, index = smallest.to_integral_value(rounding="ROUND_CEILING"), 0
    while whole and whole % base == 0 and index < len(units) - 1:
        whole, index = whole // base, index + 1
    return f"{int(whole)}{units[index]}" if whole else "0"
