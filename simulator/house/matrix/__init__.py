"""The egress matrix: every path by which a picture leaves, before, during and after the dark.

One row is one path, one column one moment. What comes out at the far end is decoded and
judged by the tag drawn into it; a status code alone proves nothing.
"""
