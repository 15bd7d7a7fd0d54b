"""What of the code that a run folder names may run, where somebody else may have made the folder.

A folder holds no code, and names some: `package.module:name`, and what that is called with. Left
alone it could have `os:system` called. So what is named is looked at before it is called, and
modules that no model or task lies in are not even imported. Importing a module runs its code all
the same: nothing here protects from modules that lie where Python looks for them.
"""

import glob
import importlib.util
import sys
from pathlib import Path

from lab import user_code
from lab.data.own import is_task
from lab.errors import UsageError
from lab.models.own import is_module_class
from lab.specs import CohortSpec, OwnModelSpec, OwnTaskSpec


def require_harmless(cohort: CohortSpec, run: Path) -> None:
    """UsageError unless the cohort's own code is a module class of Flax and a task that says so.

    Args:
        cohort: as a run folder that may be anybody's has it.
        run: that folder; modules that lie in it, or that are Python's own, are not imported.
    """
    if isinstance(cohort.model, OwnModelSpec) and not is_module_class(
        _imported(cohort.model.path, run)
    ):
        raise UsageError(
            f"{run} names {cohort.model.path} as a model, which is no module class of Flax, and "
            "nothing else that a run folder names is called: pass --trust, if you know who made it"
        )
    if isinstance(cohort.data, OwnTaskSpec) and not is_task(_imported(cohort.data.path, run)):
        raise UsageError(
            f"{run} names {cohort.data.path} as a task, which is no function that says that it "
            "gives an OwnTask (def name(...) -> OwnTask), and nothing else that a run folder names "
            "is called: mark it so, or pass --trust, if you know who made the folder"
        )


def _imported(path: str, run: Path) -> object:
    """What a path names, its module imported where it may be."""
    _require_importable(path, run)
    return user_code.load(path)


def _require_importable(path: str, run: Path) -> None:
    """UsageError for modules whose import is not even tried."""
    module = path.partition(":")[0]
    package = module.partition(".")[0]
    if package == "__main__":
        return  # What runs already: a notebook that defines its model, say.
    if package in sys.stdlib_module_names:
        raise UsageError(
            f"{run} names {path}, which is Python's own and no code of a model or a task, so that "
            "it is not imported: pass --trust, if you know who made the folder"
        )
    user_code.search_here()
    inside = run.resolve()
    for place in [*map(Path, _places(package)), *_files(module)]:
        if inside in (place.resolve(), *place.resolve().parents):
            raise UsageError(
                f"{run} names {path}, which lies in that folder itself; a run folder holds no "
                "code, so that it is not imported: pass --trust, if you know who made the folder"
            )


def _places(package: str) -> list[str]:
    """Where a top-level module lies, or would be imported from; nothing is imported."""
    try:
        found = importlib.util.find_spec(package)
    except ValueError:
        return []  # It was made in this process, and lies nowhere.
    if found is None:
        return []
    locations = list(found.submodule_search_locations or ())
    return locations if found.origin is None else [found.origin, *locations]


def _files(module: str) -> list[Path]:
    """Folders and files on the path that have the name of a module, or of a package around it.

    A folder without __init__.py is a package too, so that `runs.sent.evil` may lie in a run folder
    where no module of its first name does.
    """
    parts = module.split(".")
    found: list[Path] = []
    for entry in sys.path:
        for depth in range(1, len(parts) + 1):
            place = Path(entry or ".", *parts[:depth])
            found += [place] if place.is_dir() else []
            found += list(place.parent.glob(f"{glob.escape(place.name)}.*"))
    return found
