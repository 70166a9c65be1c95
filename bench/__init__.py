"""Benchmarks that print figures and ratios side by side; they assert nothing about time."""
