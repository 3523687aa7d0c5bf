"""The page in which a person reviews detections in a browser: template, style and scripts, and their assembly."""
