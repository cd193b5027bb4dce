"""A scripted server that speaks OpenAI's chat completions: a stand-in for the model, at the edge of our world."""
