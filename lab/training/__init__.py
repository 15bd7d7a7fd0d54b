"""Training: one member without a member axis, mapped over lanes once, driven by one impure loop."""
