"""Schema parts, read from packages: the engine, scheduling, and each vertical."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Self

TABLES: Final = "tables.sql"
ACCESS: Final = "access.sql"


@dataclass(frozen=True, slots=True)
class SchemaPart:
    """The SQL of one package."""

    name: str
    """The package; recorded in `schema_parts`, so that its tables are created once."""
    tables: str
    functions: tuple[str, ...]
    access: str
    """Policies and grants of its tables; applied after all functions."""

    @classmethod
    def of(cls, package: str) -> Self:
        """Read the folder `schema` of a package."""
        folder = files(package) / "schema"
        texts = {file.name: file.read_text() for file in folder.iterdir() if file.name.endswith(".sql")}
        functions = tuple(texts[name] for name in sorted(texts.keys() - {TABLES, ACCESS}))
        return cls(package, texts[TABLES], functions, texts[ACCESS])
