"""From an SDF grid to a triangle mesh: marching tetrahedra by default, FlexiCubes on request."""
