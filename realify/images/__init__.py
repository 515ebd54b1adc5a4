"""Jobs in two dimensions: pictures by score distillation."""
