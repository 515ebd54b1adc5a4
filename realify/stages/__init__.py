"""The stages of score distillation on a body, and what the prior is shown in them."""
