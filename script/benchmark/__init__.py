"""Measures speed and cost of this integration and of its peers, side by side, in one run."""
