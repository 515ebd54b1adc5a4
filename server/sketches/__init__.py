"""Sketches as they come in: packed, checked, watched for."""
