"""A job from the request to its end: queued, run, told of."""
