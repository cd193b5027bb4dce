"""Requests to the control API: their bodies and parameters, and what is said when something about them is wrong."""

import errno
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from math import isfinite
from typing import Final, TypeAlias, TypeVar

import structlog
from aiohttp import hdrs, web
from pydantic import ValidationError

from oxy_simulator.errors import PairingError, RequestError, UnknownPhoneError
from oxy_simulator.reasons import reason
from oxy_simulator.replies import Problem
from oxy_simulator.requests import MAX_WAIT_SECONDS, Request, complaint, require_whole_characters

MAX_BODY: Final = 1 << 25  # a file of 16 MiB as base64, and some more

PARAMETERS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("GET", "/phones/{phone}/inbox"): ("after", "wait"),
    ("POST", "/phones/{phone}/media"): ("kind",),
    ("DELETE", "/faults"): ("phone",),
    ("GET", "/accounting"): ("after",),
    ("GET", "/packets"): ("after",),
    ("GET", "/settled"): ("wait",),
}
"""The query parameters of each call that takes any."""

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_Request = TypeVar("_Request", bound=Request)
_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


@web.middleware
async def explain(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn errors into JSON that says what is wrong and what to do."""
    try:
        _check_parameters(request)
        return await handler(request)
    except RequestError as error:
        return _problem(_status(error), str(error))
    except web.HTTPException as error:
        return _problem(error.status, _http_complaint(request, error))
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return _problem(507, f"the simulator cannot write to its state folder: {reason(error)}; free space there")
        log.exception("request_failed", method=request.method, path=request.path)
        return _problem(500, f"the simulator itself failed: {error!r}; its log says where. Please report that as a bug")


async def read_body(request: web.Request, model: type[_Request]) -> _Request:
    """Read a request's JSON; raise RequestError naming each field that is wrong, unknown or given twice."""
    content = await request.read() or b"{}"
    try:
        body = model.model_validate_json(content)
    except ValidationError as error:
        _explain_halves(content)
        raise RequestError(complaint(model, error)) from error
    # Numbers stay text: only the names count.
    json.loads(content, object_pairs_hook=_require_different, parse_int=str, parse_float=str)
    return body


def _explain_halves(content: bytes) -> None:
    """Raise RequestError if JSON is refused as a whole for half a character somewhere in it."""
    with suppress(ValueError, RecursionError):
        require_whole_characters(json.loads(content, parse_int=str))


def first_number(request: web.Request) -> int:
    """Return the parameter `after`: the number after which entries are wanted."""
    number = _number(request, "after")
    if number != int(number):
        msg = f"query parameter 'after' must be a whole number, not {request.query['after']!r}"
        raise RequestError(msg)
    return int(number)


def waiting_time(request: web.Request) -> float:
    """Return the parameter `wait`, in seconds, within its limit."""
    return min(_number(request, "wait"), MAX_WAIT_SECONDS)


def _number(request: web.Request, name: str) -> float:
    text = request.query.get(name)
    try:
        number = float(text) if text is not None else 0.0
    except ValueError:
        number = -1.0
    if not isfinite(number):
        msg = f"query parameter {name!r} must be a finite number, not {text!r}"
        raise RequestError(msg)
    if number < 0:
        msg = f"query parameter {name!r} must be a number from 0 on, not {text!r}"
        raise RequestError(msg)
    return number


def _require_different(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        msg = f"the field {next(name for name in names if names.count(name) > 1)!r} is given more than once"
        raise RequestError(msg)
    return fields


def _check_parameters(request: web.Request) -> None:
    resource = request.match_info.route.resource
    if resource is None:
        return  # nothing is served there, which is what will be said
    method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
    known = PARAMETERS.get((method, resource.canonical), ())
    unknown = sorted(set(request.query) - set(known))
    if unknown:
        taken = f"the query parameters {', '.join(known)}" if known else "no query parameters"
        msg = f"{request.method} {request.path} takes {taken}; not {', '.join(unknown)}"
        raise RequestError(msg)
    for name in known:
        if len(request.query.getall(name, ())) > 1:
            msg = f"the query parameter {name!r} is given more than once"
            raise RequestError(msg)


def _status(error: RequestError) -> int:
    if isinstance(error, UnknownPhoneError):
        return 404
    return 409 if isinstance(error, PairingError) else 400


def _http_complaint(request: web.Request, error: web.HTTPException) -> str:
    if isinstance(error, web.HTTPNotFound):
        return f"{request.path} is not served; GET /healthz, /state, /phones are. See docs/simulator.md"
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"{request.path} takes {', '.join(sorted(error.allowed_methods))}"
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return (
            f"the request is larger than {MAX_BODY >> 20} MiB; give a phone large files with POST"
            " /phones/{phone}/media, and name what that answers as the message's 'file'"
        )
    return error.text or error.reason


def _problem(status: int, text: str) -> web.Response:
    return web.json_response(Problem(error=text).model_dump(), status=status)
