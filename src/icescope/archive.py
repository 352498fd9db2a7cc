"""The finished results of a run in one zip file for a data repository: an RO-Crate with checksums.

Only the standard library, PyYAML and light modules of icescope are imported at the top, because the Snakefile uses this
module at parse time.
"""

import glob
import hashlib
import json
import os
import platform
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import yaml

from icescope import __version__
from icescope.errors import InputError
from icescope.provenance import git_commit

RESULTS = {  # what is packed, and its media type
    "*.csv": "text/csv",
    "*.extxyz": "chemical/x-xyz",
    "*.html": "text/html",
    "*.json": "application/json",
    "*.md": "text/markdown",
    "*.png": "image/png",
    "*.safetensors": "application/octet-stream",
    "*.xyz": "chemical/x-xyz",
    "*_predictions.zarr.zip": "application/zip",
    "hydrates/*/structures/*.zarr.zip": "application/zip",
}
CONFIG, SOFTWARE, CRATE, SUMS = "config.yaml", "software.txt", "ro-crate-metadata.json", "SHA256SUMS"
ADDED = {CONFIG: "application/yaml", SOFTWARE: "text/plain", SUMS: "text/plain"}
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
CONTEXT = [f"{SPECIFICATION}/context", {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}]


def finished_files(folder: str | Path) -> list[str]:
    """Names of the finished results in a run's folder, from there and sorted.

    They are what `RESULTS` names: neither trajectories nor the stores that are made from them, no checkpoints, and
    nothing hidden, as files are that are half written.
    """
    names = glob.glob("**/*", root_dir=folder, recursive=True)
    return sorted(
        name
        for name in names
        if _media_type(name) and not name.startswith("checkpoints/") and name != CRATE and Path(folder, name).is_file()
    )


def write_archive(folder: str | Path, config: dict, path: str | Path) -> None:
    """Pack the finished results of a run, its configuration, the software and checksums into one zip file.

    The file is an RO-Crate 1.1 with a `CreateAction` for the run. The same results give the same bytes. An absolute
    path in the configuration is packed as its last part.

    Raises
    ------
    InputError
        There are no finished results, one of them is a link that leads outside the folder, or one names a folder of
        this machine; the archive cannot be written.
    """
    from icescope.storage import whole_file  # slow to import

    names = finished_files(folder)
    if not names:
        raise InputError(f"{folder} has no finished results to archive; run the workflow first.")
    for name in names:
        if not Path(folder, name).resolve().is_relative_to(Path(folder).resolve()):
            raise InputError(
                f"{Path(folder, name)} leads outside {folder}; put the file itself there, and archive again."
            )
    last = max(int(Path(folder, name).stat().st_mtime) for name in names)
    files, sums = [], []
    with whole_file(path) as partial, zipfile.ZipFile(partial, mode="w") as archive:

        def pack(name: str, content: bytes) -> str:
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16  # readable when unpacked
            archive.writestr(entry, content)
            digest = hashlib.sha256(content).hexdigest()
            sums.append(f"{digest}  {name}\n")
            return digest

        for name, content in _contents(folder, names, config):
            files.append(_entity(name) | {"contentSize": str(len(content)), "sha256": pack(name, content)})
        crate = _crate(config["run"], [*files, _entity(SUMS)], datetime.fromtimestamp(last, UTC))
        pack(CRATE, (json.dumps(crate, indent=2) + "\n").encode())
        pack(SUMS, "".join(sums).encode())


def _media_type(name: str) -> str | None:
    return next((kind for pattern, kind in RESULTS.items() if PurePosixPath(name).match(pattern)), None)


def _contents(folder: str | Path, names: list[str], config: dict) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every result, of the configuration, and of the list of software."""
    here = [f"{place}/" for place in (Path.home(), Path.cwd()) if place != Path("/")]
    for name in names:
        content = Path(folder, name).read_bytes()
        for place in here:
            if os.fsencode(place) in content:
                raise InputError(
                    f"{Path(folder, name)} names the folder {place} of this machine; give paths from the folder of the "
                    f"workflow in the configuration and in the table of experiments, make the file again, and archive."
                )
        yield name, content
    yield CONFIG, yaml.safe_dump(_without_folders(config), sort_keys=False, allow_unicode=True).encode()
    installed = {one.name: one.version for one in reversed(list(distributions()))}  # of two, the one that is imported
    software = [f"# Python {platform.python_version()}", *sorted("==".join(item) for item in installed.items())]
    yield SOFTWARE, ("\n".join(software) + "\n").encode()


def _without_folders(value):
    if isinstance(value, dict):
        return {key: _without_folders(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_without_folders(below) for below in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _entity(name: str) -> dict[str, str]:
    kind = ADDED.get(name) or _media_type(name)
    return {"@id": quote(name), "@type": "File", "name": PurePosixPath(name).name, "encodingFormat": kind}


def _crate(run: str, files: list[dict], finished: datetime) -> dict:
    """Metadata of the archive, after the RO-Crate Metadata Specification 1.1 (doi:10.5281/zenodo.4031327)."""
    parts = [{"@id": file["@id"]} for file in files]
    added = [{"@id": name} for name in ADDED]
    return {
        "@context": CONTEXT,
        "@graph": [
            {
                "@id": CRATE,
                "@type": "CreativeWork",
                "conformsTo": {"@id": SPECIFICATION},
                "about": {"@id": "./"},
            },
            {
                "@id": "./",
                "@type": "Dataset",
                "name": f"Results of icescope, run {run}",
                "description": "Figures, tables, weights and structures of one run of the workflow icescope, with its "
                "configuration, the software it ran with, and checksums.",
                "datePublished": finished.date().isoformat(),
                "license": "As stated where this archive is published.",
                "hasPart": parts,
                "mentions": {"@id": "#run"},
            },
            {
                "@id": "#run",
                "@type": "CreateAction",
                "name": f"Run {run} of the workflow icescope",
                "endTime": finished.isoformat(),
                "instrument": {"@id": "#icescope"},
                "object": {"@id": CONFIG},
                "result": [part for part in parts if part not in added],
            },
            {
                "@id": "#icescope",
                "@type": "SoftwareApplication",
                "name": "icescope",
                "softwareVersion": f"{__version__}, commit {git_commit()}",
                "softwareRequirements": {"@id": SOFTWARE},
            },
            *files,
        ],
    }
