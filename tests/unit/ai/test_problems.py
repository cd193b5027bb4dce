"""What an endpoint's refusal means, whoever's form it has."""

import json

import pytest

from oxy_ai.model.problems import MAX_READ, Parameter, is_model_unknown, refused_parameter


def error(message: str, param: str | None = None, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": "x", "param": param, "code": code}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            error(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                "max_tokens",
                "unsupported_parameter",
            ),
            Parameter.MAX_TOKENS,
        ),
        (
            400,
            error(
                "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is "
                "supported.",
                "temperature",
                "unsupported_value",
            ),
            Parameter.TEMPERATURE,
        ),
        (400, error("`temperature` is deprecated for this model."), Parameter.TEMPERATURE),
        (400, b'{"error": "this model does not support temperature"}', Parameter.TEMPERATURE),
        (400, b"Unrecognized request argument supplied: max_tokens", Parameter.MAX_TOKENS),
        (422, b'{"detail": [{"loc": ["body", "max_tokens"], "msg": "Extra inputs are not permitted"}]}', "max_tokens"),
        # Out of range: without it, nothing would bound the answer.
        (400, error("max_tokens is too large: 99999. This model supports at most 16384.", "max_tokens"), None),
        (400, error("Invalid 'temperature': decimal above maximum value.", "temperature", "decimal_above_max"), None),
        (400, error("Unsupported value: 'messages[0].role' does not support 'system'.", "messages[0].role"), None),
        (400, error("tools are not supported"), None),
        (400, b"", None),
        (400, b"\xff\xfe", None),
        (400, b'{"error": {"message": {"a": 1}, "param": []}}', None),
        (400, b'{"error": "unsupported max_tokens' + b"x" * MAX_READ + b'"}', None),
        (401, error("unsupported", "max_tokens", "unsupported_parameter"), None),
        (500, error("unsupported", "max_tokens", "unsupported_parameter"), None),
        (200, error("unsupported", "max_tokens", "unsupported_parameter"), None),
    ],
)
def test_a_parameter_that_a_model_does_not_take_is_told_from_all_else(
    status: int, body: bytes, expected: Parameter | None
) -> None:
    assert refused_parameter(status, body) == expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, b"", True),
        (404, error("The model `x` does not exist or you do not have access to it.", code="model_not_found"), True),
        (403, error("Project `p` does not have access to model `x`", code="model_not_found"), True),
        (400, error("x is not a valid model ID"), True),
        (400, error("Model Not Exist"), True),
        (400, error("Invalid model: x"), True),
        (400, error("The model `x` has been decommissioned", code="model_decommissioned"), True),
        (400, b'{"error": "/chat/completions: Invalid model name passed in model=x"}', True),
        (400, error("This model's maximum context length is 8192 tokens."), False),
        (400, error("unsupported", "temperature", "unsupported_value"), False),
        (403, error("Country, region, or territory not supported"), False),
        (401, error("", code="model_not_found"), False),
        (500, error("model not found"), False),
        (400, b'{"error": {"code": {}}}', False),
    ],
)
def test_an_unknown_model_is_told_from_all_else(status: int, body: bytes, *, expected: bool) -> None:
    assert is_model_unknown(status, body) is expected
