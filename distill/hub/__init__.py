"""Where priors come from: their short names, their files, and fetching them."""
