"""The OpenVINO backend: traced models, int8, and trials that each model has to pass."""
