"""Procedural objects rendered with Blender's Cycles, each with its caption, its mesh and a sketch of it."""
