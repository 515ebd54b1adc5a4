"""Score distillation: an image in, a gradient out."""
