"""What the server remembers: jobs, uploads, batches and events in one SQLite database. Start reading at store.py."""
