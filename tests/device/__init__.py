"""Tests of the miio client."""
