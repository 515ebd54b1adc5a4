"""Score distillation: from an image and a sentence to a gradient on the image. No meshes, no cameras."""
