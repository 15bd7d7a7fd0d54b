"""Every form of a function's operations beside the function itself."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lab.ops import choose, on_lab_ops
from lab.ops.choices import Choose, Form, Operation, forms_of

RULE = functools.partial(choose, platform="cpu")
QUICKLY = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""To compile: nothing here is computed twice."""


@functools.cache
def normal(*shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(list(shape)).normal(size=shape), jnp.float32)


def only(form: Form) -> Choose:
    """That form wherever it can be, and the rule's within it."""
    return lambda operation: form if form in forms_of(operation) else RULE(operation)


def asked(function: Callable[..., Any], *arguments: Any) -> list[Operation]:
    """The operations that the function asks a form for."""
    operations: list[Operation] = []

    def noted(operation: Operation) -> Form:
        operations.append(operation)
        return Form.XLA

    jax.eval_shape(on_lab_ops(function, noted), *arguments)
    return operations


def value_and_gradients(
    function: Callable[..., jax.Array], differentiated: Sequence[jax.Array], *rest: jax.Array
) -> tuple[jax.Array, ...]:
    """The image, and the pullback of a weighting that differs in every element."""
    image, pull = jax.vjp(lambda *arrays: function(*arrays, *rest), *differentiated)
    cotangent = jnp.cos(jnp.arange(image.size, dtype=jnp.float32)).reshape(image.shape)
    return (image, *pull(cotangent.astype(image.dtype)))


def compare(
    function: Callable[..., jax.Array],
    reference: Callable[..., jax.Array],
    differentiated: Sequence[jax.Array],
    *rest: jax.Array,
    tolerance: float = 1e-5,
) -> tuple[Form, ...]:
    """Each form of what the function asks first gives the reference's value and gradients."""
    (operation, *_) = asked(function, *differentiated, *rest)
    forms = forms_of(operation)
    functions = [reference, *(on_lab_ops(function, only(form)) for form in forms)]
    all_of_them = jax.jit(
        lambda *arrays: [value_and_gradients(each, *arrays) for each in functions],
        compiler_options=QUICKLY,
    )
    true, *mine = all_of_them(differentiated, *rest)
    for form, arrays in zip(forms, mine, strict=True):
        for array, expected in zip(arrays, true, strict=True):
            assert array.shape == expected.shape
            assert array.dtype == expected.dtype
            np.testing.assert_allclose(
                array, expected, rtol=tolerance, atol=tolerance, err_msg=str((form, operation))
            )
    return forms
