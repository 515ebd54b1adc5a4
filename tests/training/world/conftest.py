"""What is in inside/ runs in Blender, not here."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("bpy") else ["inside"]
