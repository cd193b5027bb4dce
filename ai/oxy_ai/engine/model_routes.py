"""Whom an instance's requests to models go to, by its settings. Pure."""

from oxy_ai.assistants.routing import settings_for
from oxy_ai.assistants.vertical import Role
from oxy_ai.model.route import ModelRoute
from oxy_core.envelopes import InstanceSettings


def chat_route(settings: InstanceSettings, role: Role) -> ModelRoute:
    """Return the route of an assistant's questions: its own model first, then those that stand in for it."""
    ai = settings.ai
    return _route(settings, ai.base_url, settings_for(ai, role).model, *ai.fallback_models)


def transcription_route(settings: InstanceSettings) -> ModelRoute:
    """Return the route of recordings."""
    hearing = settings.ai.transcription
    return _route(settings, hearing.base_url or settings.ai.base_url, hearing.model)


def vision_route(settings: InstanceSettings) -> ModelRoute:
    """Return the route of pictures."""
    seeing = settings.ai.vision
    return _route(settings, seeing.base_url or settings.ai.base_url, seeing.model)


def _route(settings: InstanceSettings, base_url: str | None, *models: str) -> ModelRoute:
    return ModelRoute(
        organization=settings.organization,
        instance=settings.instance,
        base_url=base_url,
        models=tuple(dict.fromkeys(models)),
        timeout_seconds=settings.ai.timeout_seconds,
        prices=settings.ai.prices,
    )
