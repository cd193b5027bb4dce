import pytest

from oxy_operator.decide.specs.quantity import canonical


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1Gi", "1Gi"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1000Mi", "1000Mi"),
        ("2048Ki", "2Mi"),
        ("20m", "20m"),
        ("1000m", "1"),
        ("0.5", "500m"),
        (1, "1"),
        ("1500", "1500"),
        ("2000", "2k"),
        ("160M", "160M"),
        ("0", "0"),
        ("0Mi", "0"),
        ("0.3Gi", "322122548"),
        ("1.953Ki", "2k"),
    ],
)
def test_a_quantity_is_written_as_the_api_server_stores_it(written: str | int, stored: str) -> None:
    assert canonical(written) == stored
    assert canonical(stored) == stored


@pytest.mark.parametrize("text", ["", "1Gib", "-1", "1e3", "a"])
def test_anything_but_a_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        canonical(text)
