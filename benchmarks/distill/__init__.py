"""The paper's two-dimensional tables in miniature: every rule on one prior, all else equal, against renders."""
