"""A scripted server that speaks OpenAI's chat completions: a stand-in for the model, at the edge of our world.

It runs alone in an image, so it imports nothing else of `oxy_dev`.
"""
