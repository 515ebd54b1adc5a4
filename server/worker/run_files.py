"""Names in an attempt's run folder that both the server and its workers know; docs/decisions/the-worker.md."""

CHECKPOINT = "checkpoint.safetensors"  # realify.job.checkpoint.NAME, which this process may not import
LOG, SETTINGS, PREVIEWS = "log.txt", "settings.json", "previews"
RESULT, SHEET, PREVIEW, TURNTABLE = "result.glb", "sheet.png", "preview.png", "turntable.webp"
