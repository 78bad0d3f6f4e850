"""From a read unit of the source to ``profiles/``."""
