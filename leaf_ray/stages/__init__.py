"""The verbs, one module each. The only package that imports Ray."""
