"""Values and small inputs that several tests share."""
