"""The server of this computer: its program, what it leaves in its folder, and its start."""
