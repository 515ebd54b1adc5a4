"""What is in inside/ and window/ runs in Blender, not here."""

import sys
from importlib.util import find_spec

collect_ignore = ["window"] if find_spec("bpy") else ["inside", "window"]
sys.dont_write_bytecode = sys.dont_write_bytecode or bool(find_spec("bpy"))
