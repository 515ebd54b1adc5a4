"""From a sketch to a body: meshes, cameras, rendering and the fit. No diffusion, no jobs."""

WORKING_RADIUS = 0.9  # of a sketch's bounding sphere, which stands at the origin of the working frame
