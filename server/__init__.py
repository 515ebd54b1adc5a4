"""A durable local job server: sketches in over HTTP, textured meshes out. Start reading at app.py."""

API_VERSION = 1  # the number in /v1; a client that knows another one is told so by /v1/version
