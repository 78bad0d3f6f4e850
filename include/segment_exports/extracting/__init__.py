"""From a read unit of the source to ``profiles/``.

extract_unit    what one extract task does
segment_checks  what is held against a segment before and after it is read
"""
