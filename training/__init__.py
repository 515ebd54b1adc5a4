"""How the embedded prior comes about: a synthetic world, corruptions, training and grades.

Nothing in the product imports this package.
"""
