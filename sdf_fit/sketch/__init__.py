"""A sketch: its file read, cleaned and brought into the working frame."""
