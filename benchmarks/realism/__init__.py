"""The end-to-end figure: held-out objects of the synthetic world, sketched, realified, and held against renders."""
