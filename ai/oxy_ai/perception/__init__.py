"""Files of messages before a model hears or sees them: checked, measured, and made small. Pure.

Belongs here: what a voice note or a picture is, and the form in which it may leave. Does not belong here: whether
anybody may hear or see it, and what becomes of what a model says (`oxy_ai.engine.media_reader`).
"""
