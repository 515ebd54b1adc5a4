"""Score distillation in two dimensions: what is optimised there, and the run."""
