"""The learning rate over a run: cycles of linear decay, each with a full anneal at its end."""


def linear_cycles(
    step: int, *, num_steps: int, cycles: int, peak: float, floor: float, warmup_steps: int
) -> float:
    """The learning rate of `step` (from 0): `peak` falling to `floor` in each of `cycles`.

    Only the first cycle warms up, from 0 over `warmup_steps`: later ones restart from weights
    that already fit. LEAF trains three cycles from 1e-4 to 1e-5 (arXiv 2509.12539).
    """
    # In whole numbers, so that a cycle's first step is never rounded into the cycle before.
    cycles = min(cycles, num_steps)
    within = step * cycles % num_steps / num_steps if step < num_steps else 1.0
    rate = peak + (floor - peak) * within
    if step < warmup_steps:
        rate = min(rate, peak * (step + 1) / warmup_steps)
    return rate
