"""A fingerprint tells computations apart, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lab.training.fingerprint import fingerprint

ROOT = Path(__file__).resolve().parents[2]
X = jax.ShapeDtypeStruct((3, 2), jnp.float32)
TABLE = np.arange(2, dtype=np.float32)


def plain(x: jax.Array) -> jax.Array:
    return jnp.where(x > 0, x, 0.1 * x).sum(-1) + TABLE[0]


def written_otherwise(values: jax.Array) -> jax.Array:
    # Another name, another comment, and a part that is jitted.
    @jax.jit
    def leaky(values: jax.Array) -> jax.Array:
        return jnp.where(values > 0, values, 0.1 * values)

    return leaky(values).sum(-1) + TABLE[0]


@jax.custom_jvp
def identity(x: jax.Array) -> jax.Array:
    return x * 1.0


@jax.custom_jvp
def identity_that_learns_slower(x: jax.Array) -> jax.Array:
    return x * 1.0


identity.defjvps(lambda slope, _, x: slope)
identity_that_learns_slower.defjvps(lambda slope, _, x: 0.5 * slope)


def closing_over(table: np.ndarray) -> Any:
    """The table is a constant of an inner loop, which no jaxpr's text shows."""

    def function(x: jax.Array) -> jax.Array:
        def body(total: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
            return total + jax.jit(lambda one: one @ jnp.asarray(table))(row), None

        return jax.lax.scan(body, jnp.float32(0), x)[0]

    return function


def test_names_comments_and_jit_do_not_count() -> None:
    assert fingerprint(plain, X) == fingerprint(written_otherwise, X)
    assert fingerprint(plain, X) == fingerprint(plain, jnp.ones((3, 2)))
    assert fingerprint(closing_over(TABLE), X) == fingerprint(closing_over(TABLE.copy()), X)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (plain, lambda x: jnp.where(x > 0, x, 0.2 * x).sum(-1) + TABLE[0]),
        (plain, lambda x: jnp.where(x >= 0, x, 0.1 * x).sum(-1) + TABLE[0]),
        (plain, lambda x: jnp.where(x > 0, x, 0.1 * x).sum(0)),
        (plain, lambda x: {"named": plain(x)}),
        (lambda x: x.sum(0), lambda x: x.sum(1)),
        (closing_over(TABLE), closing_over(TABLE + 1)),
        (
            jax.grad(lambda x: identity(x).sum()),
            jax.grad(lambda x: identity_that_learns_slower(x).sum()),
        ),
    ],
)
def test_what_is_computed_counts(one: Any, other: Any) -> None:
    assert fingerprint(one, X) != fingerprint(other, X)


def test_shapes_and_types_count() -> None:
    wider, halves = jax.ShapeDtypeStruct((3, 4), jnp.float32), X.update(dtype=jnp.float16)
    digests = [fingerprint(lambda x: x * 2, one) for one in (X, wider, halves)]
    assert len(set(digests)) == 3


MODULE = """
import flax.linen as nn
import jax
from jax import numpy as jnp
import optax


class Block(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.relu(nn.BatchNorm(use_running_average=not train)(nn.Conv(3, (3, 3))(x)))
        x = nn.Dropout(0.1, deterministic=not train)(x)
        scaled, _ = jax.lax.scan(lambda sum, row: (sum + row, None), x[0], x)
        return nn.Dense(2)(x + jax.checkpoint(nn.softplus)(scaled))
"""
PROGRAM = """
import jax, optax
from block import Block
from lab.training.fingerprint import fingerprint

key = jax.random.key(0)
images = jax.ShapeDtypeStruct((4, 8, 8, 1), "float32")
variables = jax.eval_shape(lambda: Block().init(key, jax.numpy.zeros((4, 8, 8, 1)), train=False))

def loss(params, images, key):
    rest = {name: held for name, held in variables.items() if name != "params"}
    rest = jax.tree.map(lambda leaf: jax.numpy.zeros(leaf.shape), rest)
    outputs, _ = Block().apply(
        {"params": params, **rest}, images, train=True, rngs={"dropout": key}, mutable=list(rest)
    )
    return optax.huber_loss(outputs).mean()

print(fingerprint(jax.value_and_grad(loss), variables["params"], images, key))
"""


def test_processes_and_edits_of_the_text_do_not_count(tmp_path: Path) -> None:
    """Another seed of Python's hashes, another folder, and a comment that moves all lines."""
    digests = []
    for number, head in ((1, ""), (2, "# A comment,\n# of two lines.\n")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "block.py").write_text(head + MODULE)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ
            | {"PYTHONHASHSEED": str(number), "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout)
    assert digests[0] == digests[1]
