"""The body that is fitted: its fields, what they are compared with, and what is tidied away."""
