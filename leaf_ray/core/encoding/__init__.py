"""How encoders work: backends, batches by token budget, padding, pools of encoders."""
