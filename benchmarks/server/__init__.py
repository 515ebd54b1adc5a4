"""What the server claims, measured on a real one over HTTP: docs/server-figures.md. Start reading at __main__.py."""
