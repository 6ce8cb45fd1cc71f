"""Fuzzing: mutated valid messages, guided by the branches they reach.

A `Target` is one parser with its bounds, a `Case` one sequence of inputs for it. The same
targets and mutations serve the command `script/fuzz` and the tests.
"""
