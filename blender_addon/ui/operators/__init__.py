"""What users click and scripts call."""
