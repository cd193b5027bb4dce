import pytest
from pydantic import BaseModel, Field

from oxy_core.identity import Jid
from oxy_tenant.errors import JournalError, description_of, first_cause, stack_of


class Name(BaseModel):
    name: str = Field(max_length=3)


def failure(action: object) -> BaseException:
    try:
        action()  # type: ignore[operator]  # whatever the test passes
    except Exception as error:  # noqa: BLE001 the error under test
        return error
    raise AssertionError


@pytest.mark.parametrize("action", [lambda: Name(name="Ana Maria"), lambda: {}["Ana Maria"], lambda: int("Ana Maria")])
def test_the_description_of_a_foreign_error_quotes_no_value(action: object) -> None:
    error = failure(action)
    assert "Ana Maria" in str(error)
    assert "Ana" not in description_of(error)
    assert "Ana" not in " ".join(stack_of(error))
    assert description_of(error).startswith(type(error).__name__)
    assert any("test_errors.py" in place for place in stack_of(error))


def test_the_errors_of_an_address_quote_no_address() -> None:
    assert "5511911111111" not in str(failure(lambda: Jid.parse("5511911111111")))


def test_our_own_errors_describe_themselves() -> None:
    error = JournalError("check the free space on the volume")
    assert first_cause(ExceptionGroup("", [ExceptionGroup("", [error])])) is error
    assert description_of(error) == "check the free space on the volume"
