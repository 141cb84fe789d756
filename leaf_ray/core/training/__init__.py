"""The distillation: leaf, loss, optimizer, batches, and the steps of a training."""
