"""An S3-compatible store for the bytes of files."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from oxy_core.settings import ProcessSettings

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

_PART_BYTES: Final = 5 << 20
"""Size of an upload's parts: the smallest that S3 takes, since one part is held in memory."""


_TIMEOUT: Final = timedelta(seconds=20)
"""Longest wait for the store, with all retries; the file is tried again later."""


class ObjectStoreSettings(ProcessSettings):
    """Where files are kept instead of PostgreSQL. The bucket must exist."""

    media_store_url: str | None = Field(
        default=None, description="Bucket, with a prefix if wanted: s3://bucket/prefix. Unset: PostgreSQL keeps files."
    )
    media_store_endpoint: str | None = Field(
        default=None, description="URL of a store other than Amazon's: https://minio.example.org"
    )
    media_store_region: str = Field(default="us-east-1", description="Region of the bucket.")
    media_store_access_key_id: str | None = Field(default=None, description="Access key of the store.")
    media_store_secret_access_key: SecretStr | None = Field(default=None, description="Its secret.")

    @field_validator("media_store_url")
    @classmethod
    def _require_bucket(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme != "s3" or not urlsplit(url).netloc):
            message = "must be s3://bucket or s3://bucket/prefix"
            raise ValueError(message)
        return url


class ObjectStore:
    """One bucket. Errors of the library propagate; they are outages, whatever their cause."""

    def __init__(self, store: "S3Store") -> None:
        self._store = store

    @classmethod
    def open(cls, settings: ObjectStoreSettings) -> "ObjectStore | None":
        """Return the store of the settings; None: there is none. Does not connect."""
        if settings.media_store_url is None:
            return None
        from obstore.store import S3Store  # noqa: PLC0415 10 MiB that workers without a store do not need

        url, secret = urlsplit(settings.media_store_url), settings.media_store_secret_access_key
        config: S3Config = {"bucket": url.netloc, "region": settings.media_store_region}
        if settings.media_store_endpoint is not None:
            config["endpoint"] = settings.media_store_endpoint
        if settings.media_store_access_key_id is not None and secret is not None:
            config["access_key_id"] = settings.media_store_access_key_id
            config["secret_access_key"] = secret.get_secret_value()
        return cls(
            S3Store(
                prefix=url.path.strip("/") or None,
                config=config,
                client_options={
                    "allow_http": (settings.media_store_endpoint or "").startswith("http://"),
                    "timeout": _TIMEOUT,
                },
                retry_config={"max_retries": 2, "retry_timeout": _TIMEOUT},
            )
        )

    async def put(self, key: str, content: AsyncIterator[bytes]) -> None:
        """Store an object, in place of any earlier one. If `content` raises, nothing is stored."""
        await self._store.put_async(key, content, chunk_size=_PART_BYTES, max_concurrency=1)

    async def get(self, key: str, start: int, length: int) -> bytes:
        """Return a part of an object; raises FileNotFoundError."""
        return bytes(await self._store.get_range_async(key, start=start, length=length))

    async def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        await self._store.delete_async(key)
