"""Many sketches through a server: what a batch is made of, does, shows and reports."""
