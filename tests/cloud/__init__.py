"""Tests of the Xiaomi cloud client."""
