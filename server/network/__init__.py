"""The server on the machine's networks: its socket, its addresses, how it is found."""
