"""From a body to the files that a user gets: mesh, textures, pictures."""
