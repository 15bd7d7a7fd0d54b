"""Where residual branches end."""

from typing import assert_never

from lab.specs import (
    CNNSpec,
    DeepLinearSpec,
    MLPSpec,
    ModelSpec,
    ResNetSpec,
    TransformerSpec,
    UNetSpec,
)


def branch_ends(spec: ModelSpec) -> tuple[str, ...]:
    """Patterns of the tensors that, at 0, make every residual block the identity."""
    match spec:
        case ResNetSpec():
            return ("ResidualBlock_[0-9]+/BatchNorm_1/scale",)  # Goyal et al. 2017, section 5.1
        case TransformerSpec():
            return (
                "Block_[0-9]+/CausalAttention_0/Dense_1/kernel",
                "Block_[0-9]+/Dense_1/kernel",
            )
        case UNetSpec():
            return ("InvertedResidual_2/BatchNorm_2/scale",)
        case MLPSpec() | CNNSpec() | DeepLinearSpec():
            return ()
        case _:
            assert_never(spec)
