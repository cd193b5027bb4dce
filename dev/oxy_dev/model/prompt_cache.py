"""Which part of a prompt the real service would have read from its cache: prefixes that it saw before. Pure.

Source: https://platform.openai.com/docs/guides/prompt-caching. Tools come first, then the messages in their order; only
what is equal from the first character on counts, from 1,024 tokens, in steps of 128.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

CHARACTERS_PER_TOKEN: Final = 4
_FROM: Final = 1_024
_STEP: Final = 128
_KEPT: Final = 100_000
"""Prefixes that are remembered; all are forgotten when there are more, so that a long run does not grow."""


class PromptCache:
    """The prefixes of all prompts so far."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def read(self, body: Mapping[str, Any]) -> int:
        """Return how many tokens of a request's prompt were seen before, and remember the prompt."""
        digests = list(_prefixes(json.dumps([body.get("tools") or [], body["messages"]], ensure_ascii=False)))
        known = next((n for n, digest in enumerate(digests) if digest not in self._seen), len(digests))
        if len(self._seen) > _KEPT:
            self._seen.clear()
        self._seen.update(digests)
        return _FROM + (known - 1) * _STEP if known else 0


def _prefixes(prompt: str) -> Iterator[bytes]:
    """Yield a digest of the prompt up to each length that is cached."""
    digest, begin = hashlib.sha256(), 0
    for end in range(_FROM * CHARACTERS_PER_TOKEN, len(prompt) + 1, _STEP * CHARACTERS_PER_TOKEN):
        digest.update(prompt[begin:end].encode(errors="surrogatepass"))
        begin = end
        yield digest.digest()
