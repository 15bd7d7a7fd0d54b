"""Finds a TFDS set in the data folder, prepared; or prepares it there.

TFDS is imported inside the functions: whoever only reads a spec need not pay for it.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import io
import logging
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lab.data import network
from lab.data.catalogue import OWN_NAMES, own_class, own_path
from lab.errors import UsageError

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

FILE_FORMAT = "array_record"
"""What the lab prepares: TFDS's default, tfrecord, is written by TensorFlow only."""

INSTALLABLE = {"tensorflow": "tensorflow-cpu"}
"""What to install for a module of another name; the extra `prepare` is the same."""

_INFO_FILE = "dataset_info.json"

logger = logging.getLogger(__name__)


def default_folder() -> pathlib.Path:
    """$TFDS_DATA_DIR or ~/tensorflow_datasets; TFDS itself reads the variable at import only."""
    return pathlib.Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def open_prepared(name: str, folder: pathlib.Path) -> tfds.core.DatasetBuilder:
    """The builder of a set that lies prepared in the folder; a missing one is prepared first.

    Args:
        name: a TFDS name, `set[/config][:version]`.
        folder: the TFDS data folder; it is made if something is to be prepared.

    Raises:
        UsageError: the name is unknown, the folder unusable, or the set neither here nor to be had.
    """
    base, arguments = _parse(name)
    if base in OWN_NAMES:
        own = own_class(base)
        # Its files first: constructing it reads them too, and trips over a damaged description.
        path = own_path(own, arguments)
        if path is not None and (found := _reopened(folder / path)) is not None:
            return found
        with _explained_construction(name):
            builder = own(data_dir=folder, file_format=FILE_FORMAT, **arguments)
        return _reopened(builder.data_dir) or _prepare_own(builder, folder)
    if (found := _find_files(name, folder)) is not None:
        return found
    builder = _from_code(name, base, folder)
    return _reopened(builder.data_dir) or _download(builder, name, folder)


def _parse(name: str) -> tuple[str, dict[str, Any]]:
    """The set's name in snake case, and the config and version asked for."""
    from tensorflow_datasets.core import naming

    try:
        parsed, arguments = naming.parse_builder_name_kwargs(name)
    except ValueError as error:
        raise UsageError(
            f"{name!r} is no data set's name; write NAME, NAME/CONFIG or NAME:VERSION"
        ) from error
    if parsed.namespace:
        raise UsageError(
            f"{name!r} is a community set, which the lab cannot prepare; prepare it with TFDS as "
            f"{FILE_FORMAT} and name it without {parsed.namespace}:"
        )
    return parsed.name, arguments


def _find_files(name: str, folder: pathlib.Path) -> tfds.core.DatasetBuilder | None:
    """What lies prepared under that name, by files alone: no code of the set is imported."""
    from tensorflow_datasets.core import read_only_builder, registered

    try:
        with _quiet_absl():
            return read_only_builder.builder_from_files(name, data_dir=folder)
    except registered.DatasetNotFoundError:
        return None
    # JSON, protocol buffers and the file system each fail in a way of their own, and TFDS evaluates
    # a TensorFlow exception type where a folder cannot be read.
    except Exception as error:
        raise UsageError(
            f"{name} in {folder} cannot be opened ({first_line(error)}); check that the folder is "
            f"readable, or delete {folder / name.split(':')[0]} and prepare it again"
        ) from error


def _from_code(name: str, base: str, folder: pathlib.Path) -> tfds.core.DatasetBuilder:
    """The builder that TFDS ships for a set that is not prepared."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import registered

    try:
        with _explained_construction(name):
            return tfds.builder(name, data_dir=folder, file_format=FILE_FORMAT)
    except registered.DatasetNotFoundError as error:
        known = {*OWN_NAMES, *tfds.list_builders(with_community_datasets=False)}
        close = difflib.get_close_matches(base, sorted(known), n=3, cutoff=0.5)
        hint = (
            f"did you mean {' or '.join(close)}?" if close else f"try one of {', '.join(OWN_NAMES)}"
        )
        raise UsageError(
            f"{name!r} is neither a data set that TFDS knows nor prepared in {folder}; {hint}"
        ) from error


def _reopened(data_dir: str | pathlib.Path) -> tfds.core.DatasetBuilder | None:
    """A set as its files tell it; None where there are none."""
    import tensorflow_datasets as tfds

    path = pathlib.Path(data_dir)
    if not path.exists():
        return None
    if not (path / _INFO_FILE).exists():
        raise UsageError(
            f"{path} holds no {_INFO_FILE}, so it is half a copy; delete it and run again"
        )
    try:
        return tfds.builder_from_directory(path)
    # As above: whatever a damaged description makes TFDS raise.
    except Exception as error:
        raise UsageError(
            f"{path} cannot be opened ({first_line(error)}); delete it and prepare it again"
        ) from error


def _prepare_own(
    builder: tfds.core.DatasetBuilder, folder: pathlib.Path
) -> tfds.core.DatasetBuilder:
    """Generates one of the lab's own sets; a bug in it stays a traceback."""
    _require_writable(folder, builder.name)
    name = "/".join(filter(None, (builder.name, builder.builder_config_name)))
    logger.info("preparing %s in %s (once, some seconds)", name, folder)
    try:
        # TFDS prints, and draws progress bars that are longer than the wait.
        with (
            _quiet_absl(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            builder.download_and_prepare()
    except OSError as error:
        # A second process may have prepared it in the meantime: its files are as good.
        if (made := _reopened(builder.data_dir)) is not None:
            return made
        raise UsageError(
            f"{name} cannot be prepared in {folder} ({first_line(error)}); "
            "pass another --data_dir or set TFDS_DATA_DIR"
        ) from error
    made = _reopened(builder.data_dir)
    assert made is not None
    return made


def _download(
    builder: tfds.core.DatasetBuilder, name: str, folder: pathlib.Path
) -> tfds.core.DatasetBuilder:
    """Lets TFDS download and prepare a set of its own, if the network answers at all."""
    _require_writable(folder, name)
    if not builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not network.reachable(builder.url_infos or ()):
        raise UsageError(
            f"{name} is not prepared in {folder} and cannot be downloaded: no host of it answers; "
            f"connect to the network, or copy a prepared {builder.name}/ folder there"
        )
    if _misses_tensorflow(builder):
        raise UsageError(f"{name} is not prepared in {folder}: {_needs('tensorflow', name)}")
    logger.info("downloading and preparing %s in %s", name, folder)
    try:
        # The size and the progress are worth seeing here, but stdout belongs to the results.
        with _quiet_absl(), contextlib.redirect_stdout(sys.stderr):
            builder.download_and_prepare()
    # Hundreds of builders by other hands: whatever they raise, the remedy is the user's.
    except Exception as error:
        if (made := _reopened(builder.data_dir)) is not None:
            return made
        raise UsageError(
            f"{name} could not be prepared in {folder}: {_remedy(error, name)}"
        ) from error
    made = _reopened(builder.data_dir)
    assert made is not None
    return made


def _remedy(error: BaseException, name: str) -> str:
    """What went wrong and what helps, for the failures of preparation."""
    # TFDS raises the same type anew, with the module's name in the text alone.
    if missing := re.search(r"No module named '(\w+)", " ".join(map(str, _chain(error)))):
        return _needs(missing[1], name)
    return f"{type(error).__name__}: {first_line(error)}; mend that, or copy a prepared folder here"


def _needs(package: str, name: str) -> str:
    return (
        f"that needs {package}: .venv/bin/pip install {INSTALLABLE.get(package, package)}, or "
        f"prepare it where that is installed (tfds build {name} --file_format={FILE_FORMAT}) and "
        "copy its folder here"
    )


def _misses_tensorflow(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether the builder's code uses TensorFlow, which is not installed.

    TFDS finds out only after the download, which may be of many gigabytes.
    """
    uses = "tf" in vars(sys.modules[type(builder).__module__])
    return uses and importlib.util.find_spec("tensorflow") is None


def _require_writable(folder: pathlib.Path, name: str) -> None:
    """Makes the data folder and tries to write in it, before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"{name} is not prepared and the data folder {folder} cannot be written "
            f"({error.strerror or error}); pass another --data_dir or set TFDS_DATA_DIR"
        ) from error


@contextlib.contextmanager
def _explained_construction(name: str) -> Iterator[None]:
    """Turns a wrong config or version, or a missing module of the builder's, into a line."""
    from tensorflow_datasets.core import registered

    try:
        # A missing module makes TFDS print a banner.
        with _quiet_absl(), contextlib.redirect_stdout(io.StringIO()):
            yield
    except (UsageError, registered.DatasetNotFoundError):
        raise
    except ModuleNotFoundError as error:
        raise UsageError(f"{name} is not prepared: {_remedy(error, name)}") from error
    # TFDS asserts where a version is unknown; a builder refuses foreign arguments with TypeError.
    except (AssertionError, TypeError, ValueError) as error:
        raise UsageError(
            f"{name}: {first_line(error)}; name a config and version that exist"
        ) from error


@contextlib.contextmanager
def _quiet_absl() -> Iterator[None]:
    """Mutes TFDS's warnings about folders that are not there yet."""
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)
    try:
        yield
    finally:
        absl.setLevel(level)


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def first_line(error: BaseException) -> str:
    """An exception's message, cut to what matters of TFDS's long ones; its type if it has none."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line.rpartition('}": ')[2].split(". Here are")[0].rstrip(".:")
