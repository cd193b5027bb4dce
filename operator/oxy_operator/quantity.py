"""Kubernetes quantities in the form in which the API server stores them.

The server rewrites quantities when it stores an object (``1024Mi`` becomes ``1Gi``). What we ask for must be in that
form already, or it would look changed for ever. Source: k8s.io/apimachinery, pkg/api/resource/quantity.go.
"""

import re
from decimal import Decimal
from typing import Final

_FORM: Final = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti")
_DECIMAL: Final = ("m", "", "k", "M", "G", "T")
_KIBI: Final = 1024
_KILO: Final = 1000


def canonical(quantity: str | int) -> str:
    """Return the stored form of a quantity; raises ValueError for anything that is none."""
    match = _FORM.fullmatch(str(quantity))
    if match is None:
        message = f"{quantity!r} is not a quantity: write a number with m, k, M, G, T, Ki, Mi, Gi or Ti"
        raise ValueError(message)
    number, unit = Decimal(match[1]), match[2] or ""
    if unit.endswith("i"):
        return _binary(number, unit)
    return _reduced(number * _KILO ** _DECIMAL.index(unit), _DECIMAL, _KILO)


def _binary(number: Decimal, unit: str) -> str:
    """Keep binary units where a whole number of them fits, as the server does."""
    return _reduced(number * _KIBI ** _BINARY.index(unit), _BINARY, _KIBI)


def _reduced(smallest: Decimal, units: tuple[str, ...], base: int) -> str:
    """Write a number of the smallest unit with the largest unit of which it is a whole number."""
    amount, index = int(smallest.to_integral_value(rounding="ROUND_CEILING")), 0
    while amount and amount % base == 0 and index < len(units) - 1:
        amount, index = amount // base, index + 1
    return f"{amount}{units[index]}" if amount else "0"
