"""Score distillation: one file for each rule, and the table of them all."""
