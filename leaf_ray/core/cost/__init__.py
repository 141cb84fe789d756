"""What a teacher and a leaf cost: prices, timings, sizes, and the sums made of them."""
