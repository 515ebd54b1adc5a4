"""Child processes that may do little and end with their parent."""
