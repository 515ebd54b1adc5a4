"""The process that does the work: torch lives here, and the server speaks to it by JSON lines. Start at __main__.py."""
