"""What happens to instances, for integrators: stored with the reports that tell it, then published on OXY_EVENTS."""
