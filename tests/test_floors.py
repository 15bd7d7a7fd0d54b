"""Which library may be imported where, and that importing does nothing else.

Modules are found by their files, so that a new one stands on its floor from its first day.
"""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
JAX_SIDE = {"jax", "jaxlib", "flax", "optax", "orbax", "tensorflow_datasets"}
FLAGS_AND_ORACLES = {"absl", "lifelines", "statsmodels"}
STATISTICS_STANDS_ON = {"numpy", "scipy", "lab"}

IMPORT_WITHOUT = """
import importlib, sys

modules, refused = (text.split() for text in sys.argv[1:])

class Refuse:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{name} is above this floor", name=name)

sys.meta_path.insert(0, Refuse)
for module in modules:
    importlib.import_module(module)
"""

IMPORT_WITHOUT_EFFECT = """
import importlib, random, sys
import flax, jax, numpy, optax, orbax.checkpoint, tensorflow_datasets
from jax._src import xla_bridge

def state():
    return dict(jax.config.values), random.getstate(), repr(numpy.random.get_state())

before = state()
for module in sys.argv[1].split():
    importlib.import_module(module)
    assert not xla_bridge.backends_are_initialized(), f"{module} starts a JAX backend"
    assert state() == before, f"{module} sets JAX's configuration or a global random state"
"""


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files_under(package: str) -> list[Path]:
    path = ROOT / package.replace(".", "/")
    return sorted(path.rglob("*.py")) or [path.with_suffix(".py")]


def modules_under(package: str) -> list[str]:
    return [module_name(file) for file in files_under(package)]


def run_python(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", source, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def import_without(refused: set[str], modules: list[str]) -> subprocess.CompletedProcess[str]:
    return run_python(IMPORT_WITHOUT, " ".join(modules), " ".join(sorted(refused)))


def imported_names(file: Path) -> set[str]:
    """The top-level packages that a file names in an import, wherever in the file it does."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    from_ = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in plain | from_}


@pytest.mark.parametrize(
    "package",
    [
        "lab.specs",
        "lab.records",
        "lab.statistics",
        "lab.tuning",
        "lab.verdicts",
        "lab.reports",
        "experiments._compare",
        "experiments._luck",
    ],
)
def test_analysis_tower_imports_without_jax(package):
    done = import_without(JAX_SIDE, modules_under(package))
    assert done.returncode == 0, done.stderr


def test_statistics_needs_numpy_and_scipy_only():
    installed = set(packages_distributions())
    done = import_without(installed - STATISTICS_STANDS_ON, modules_under("lab.statistics"))
    assert done.returncode == 0, done.stderr


def test_refusal_of_an_import_is_seen():
    done = import_without({"numpy"}, ["scipy.stats"])
    assert done.returncode == 1
    assert "numpy is above this floor" in done.stderr


def test_flags_and_oracles_stay_out_of_the_library():
    found = {module_name(file): imported_names(file) for file in files_under("lab")}
    assert [name for name, imports in found.items() if imports & FLAGS_AND_ORACLES] == []


def test_importing_the_library_has_no_effect():
    done = run_python(IMPORT_WITHOUT_EFFECT, " ".join(modules_under("lab")))
    assert done.returncode == 0, done.stderr
