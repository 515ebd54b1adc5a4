"""Diffusion priors: one file for each family. Nothing else imports diffusers, transformers or peft."""
