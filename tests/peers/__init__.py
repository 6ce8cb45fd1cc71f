"""Clients nobody here wrote judge the simulators."""
