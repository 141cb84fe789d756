"""What an evaluation says: metrics, confidence intervals, comparisons and results."""
