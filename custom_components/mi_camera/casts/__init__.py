"""Cameras on displays."""
