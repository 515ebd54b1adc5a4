"""How a hand draws an object in virtual reality: its pieces, the strokes over them, the brushes."""
