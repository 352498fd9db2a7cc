"""Files of a simulated stack: each is read back by its own format's rules, and the folder is whole or not there."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from icescope.afm.export import write_gsf, write_simulation
from icescope.afm.measured import read_stack
from icescope.errors import InputError
from icescope.storage import read

HEIGHTS, ROWS, COLUMNS = 3, 20, 24


@pytest.fixture
def stack():
    """Pixels of 0.5 A along x and 0.4 A along y, not from zero."""
    images = np.random.default_rng(3).normal(-2, 1, (HEIGHTS, ROWS, COLUMNS)).astype(np.float32)
    return xr.Dataset(
        {"frequency_shift": (("height", "y", "x"), images, {"units": "Hz"}), "unconverged": ((), 0, {"units": "1"})},
        {
            "height": ("height", [6.2, 6.3, 6.4], {"units": "A"}),
            "y": ("y", 7.0 + 0.4 * np.arange(ROWS), {"units": "A"}),
            "x": ("x", -3.0 + 0.5 * np.arange(COLUMNS), {"units": "A"}),
        },
        {"height_origin": "top_oxygen", "origin_height": 1.5, "model": "a model"},
    )


def read_gsf(path):
    """By the public description of the format: magic line, header, NULs up to a multiple of 4, numbers."""
    magic, _, rest = path.read_bytes().partition(b"\n")
    assert magic == b"Gwyddion Simple Field 1.0"
    header, _, _ = rest.partition(b"\0")
    fields = dict(line.split(" = ", 1) for line in header.decode().splitlines())
    text = len(magic) + 1 + len(header)
    padding = 4 - text % 4
    content = path.read_bytes()
    assert content[text : text + padding] == bytes(padding)
    shape = int(fields["YRes"]), int(fields["XRes"])
    assert len(content) == text + padding + 4 * shape[0] * shape[1]
    return fields, np.frombuffer(content[text + padding :], "<f4").reshape(shape)


@pytest.mark.parametrize("title", ["", "a", "ab", "abc"])  # four lengths, so that each number of NULs occurs
def test_gsf_gives_back_what_was_written(tmp_path, title):
    image = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    write_gsf(tmp_path / "0.gsf", image, (14.0, 10.0), title)
    fields, top_down = read_gsf(tmp_path / "0.gsf")
    np.testing.assert_array_equal(top_down[::-1], image)
    assert float(fields["XReal"]) == pytest.approx(1.4e-9) and float(fields["YReal"]) == pytest.approx(1.0e-9)
    assert (fields["XYUnits"], fields["ZUnits"], fields["Title"]) == ("m", "Hz", title)


def test_every_format_holds_the_stack(stack, tmp_path):
    write_simulation(stack, Figure(), ["zarr", "npz", "gsf"], tmp_path / "out", {"seed": "null"})
    images = stack.frequency_shift.values
    for number in range(HEIGHTS):
        fields, top_down = read_gsf(tmp_path / "out" / f"{number}.gsf")
        np.testing.assert_array_equal(top_down[::-1], images[number])
        assert float(fields["XReal"]) == pytest.approx(12e-10) and float(fields["YReal"]) == pytest.approx(8e-10)
        assert fields["Title"] == f"Frequency shift, tip {6.2 + 0.1 * number:.3f} A above top_oxygen"
    with np.load(tmp_path / "out" / "stack.npz") as arrays:
        np.testing.assert_array_equal(arrays["data"], images.transpose(2, 1, 0))
        assert (arrays["lengthX"], arrays["lengthY"]) == pytest.approx((12.0, 8.0))
        for axis in ("x", "y", "height"):
            np.testing.assert_array_equal(arrays[axis], stack[axis])
    back = read(tmp_path / "out" / "stack.zarr.zip", "afm_simulation")
    xr.testing.assert_equal(back, stack)
    assert back.attrs["height_origin"] == "top_oxygen" and back.attrs["seed"] == "null"


def test_images_are_those_that_predict_reads(stack, tmp_path, caplog):
    write_simulation(stack, Figure(), ["gsf"], tmp_path / "out", {})
    measured = read_stack(tmp_path / "out")
    assert caplog.text == ""  # nothing in the folder is in the way
    assert measured.attrs["size"] == pytest.approx((12.0, 8.0)) and measured.attrs["files"][0] == "0.png"
    assert measured.shape == (HEIGHTS, ROWS, COLUMNS)
    for grey, image in zip(measured.values, stack.frequency_shift.values, strict=True):
        assert np.corrcoef(grey.ravel(), image.ravel())[0, 1] > 0.9999


def test_only_the_formats_asked_for_are_written(stack, tmp_path):
    write_simulation(stack, Figure(), ["npz"], tmp_path / "out", {})
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"0.png", "1.png", "2.png", "cell.txt", "overview.pdf", "stack.npz"}


def test_folder_is_whole_or_not_there(stack, tmp_path, monkeypatch):
    monkeypatch.setattr("icescope.afm.export.write_npz", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_simulation(stack, Figure(), ["npz"], tmp_path / "out", {})
    assert list(tmp_path.iterdir()) == []


def test_folder_with_files_is_not_written_into(stack, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already; give another folder, or remove it"):
        write_simulation(stack, Figure(), [], tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
