"""Who may speak to the server: hosts, origins, tokens, pairing, TLS. Start reading at gate.py."""
