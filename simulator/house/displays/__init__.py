"""Cameras of both codecs on displays of several kinds, by our action and by Home Assistant's own.

A display refuses what the real one refuses; what it plays is decoded and judged by the tag drawn
into each picture.
"""
