"""What happens to instances, for integrators: stored with the reports that tell it, then published on OXY_EVENTS.

The rules are in `schema/`; docs/events.md says what integrators get, and decision 87 why so.
"""
