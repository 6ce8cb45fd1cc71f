"""Proof that the tests can fail: promises broken one at a time, and the tests that notice."""
