"""A running job: what it tells, leaves behind, and goes on from."""
