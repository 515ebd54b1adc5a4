"""The side that talks to a server, for the command line and scripts."""
