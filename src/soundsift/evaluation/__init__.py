"""How well models separate: metrics, fixed test scenes, other separators, and the report."""
