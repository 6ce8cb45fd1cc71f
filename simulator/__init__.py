"""A simulated Xiaomi home: cameras, cloud and displays that speak the real protocols."""
