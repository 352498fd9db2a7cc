"""Folders of images: what is read, in which order and orientation, and what is refused with which sentence."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from icescope.afm.measured import image_files, read_cell, read_stack, uniform_frame, write_stack
from icescope.errors import InputError

ROWS, COLUMNS = 24, 32


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, size=(3, ROWS, COLUMNS)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, images):
    """A stack of 3.2 x 2.4 nm: pixels of 1 A."""
    write_stack(tmp_path / "scan", images, (32.0, 24.0), "a comment")
    return tmp_path / "scan"


def real_stack() -> Path:
    shared = Path(os.environ.get("ICESCOPE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (shared / "ice_afm_stack").is_dir():
        pytest.skip("no measured stack: set ICESCOPE_SHARED_DATA to the folder that holds ice_afm_stack")
    return shared / "ice_afm_stack"


def test_written_stack_reads_back_with_coordinates_in_angstrom(folder, images):
    stack = read_stack(folder)
    assert stack.dims == ("height", "y", "x") and stack.dtype == np.float32
    np.testing.assert_array_equal(stack.values, images)
    np.testing.assert_allclose(stack.x, np.arange(COLUMNS) + 0.5)
    np.testing.assert_allclose(stack.y, np.arange(ROWS) + 0.5)
    assert stack.attrs["size"] == (32.0, 24.0) and stack.attrs["files"] == ["0.png", "1.png", "2.png"]
    assert stack.attrs["units"] == "grey level"


def test_top_row_of_the_file_has_the_highest_y(folder):
    pixels = np.asarray(Image.open(folder / "1.png"))
    np.testing.assert_array_equal(read_stack(folder).values[1, -1], pixels[0])


def test_ten_comes_after_nine_and_other_names_are_ignored(tmp_path):
    for name in ("10.png", "9.png", "0.PNG", "overview.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in image_files(tmp_path)] == ["0.PNG", "9.png", "10.png"]


def test_named_files_come_in_natural_order(tmp_path):
    for name in ("scan10.png", "scan2.png", "scan1.tif"):
        (tmp_path / name).touch()
    assert [file.name for file in image_files(tmp_path)] == ["scan1.tif", "scan2.png", "scan10.png"]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_grey_and_colour_modes_give_the_luminance(folder, images, mode):
    Image.fromarray(images[0]).convert(mode).save(folder / "0.png")
    np.testing.assert_allclose(read_stack(folder).values[0], images[0][::-1], atol=1e-3)


def test_sixteen_bit_png_and_float_tiff_keep_their_values(folder, images):
    Image.fromarray((images[0].astype(np.uint16) << 8) + 1).save(folder / "0.png")
    (folder / "1.png").unlink()
    Image.fromarray(images[1].astype(np.float32) / 7 - 9).save(folder / "1.tif")
    stack = read_stack(folder).values
    np.testing.assert_array_equal(stack[0], images[0][::-1] * 256.0 + 1)
    np.testing.assert_allclose(stack[1], images[1][::-1] / 7.0 - 9, rtol=1e-5)


def test_uniform_frame_is_cropped_and_coordinates_stay(folder, images):
    framed = images.copy()
    framed[:, 0], framed[:, :, -2:] = 0, 90
    framed[1, :, 0] = 3
    write_stack(folder, framed, (32.0, 24.0), "framed")
    stack = read_stack(folder)
    assert stack.attrs["frame"] == (1, 2, 1, 0)
    assert float(stack.x[0]) == 1.5 and float(stack.y[0]) == 1.5 and stack.attrs["size"] == (32.0, 24.0)
    np.testing.assert_array_equal(stack.values, images[:, 1:, 1:-2])


def test_uniform_band_wider_than_a_frame_is_kept(images):
    images[:, :, : COLUMNS // 3] = 0
    assert uniform_frame(images) == (0, 0, 0, 0)


def test_real_stack_is_read_without_its_frame():
    stack = read_stack(real_stack())
    assert stack.sizes["height"] == 14 and stack.attrs["size"] == (70.0, 70.0)
    assert stack.attrs["files"][-1] == "13.png"
    assert all(1 <= width <= 4 for width in stack.attrs["frame"])
    assert float(stack.x[1] - stack.x[0]) == pytest.approx(70 / 472)
    edges = [stack.values[:, 0], stack.values[:, -1], stack.values[:, :, 0], stack.values[:, :, -1]]
    assert min(edge.std(axis=1).min() for edge in edges) > 5


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist; give the folder"):
        read_stack(tmp_path / "nowhere")


def test_a_file_in_place_of_a_folder(folder):
    with pytest.raises(InputError, match=r"0\.png is not a folder; export its images"):
        read_stack(folder / "0.png")


def test_folder_without_images(tmp_path):
    with pytest.raises(InputError, match="holds no PNG or TIFF images"):
        read_stack(tmp_path)


def test_a_single_image(folder):
    (folder / "0.png").unlink()
    (folder / "1.png").unlink()
    with pytest.raises(InputError, match=r"holds only one image, 2\.png"):
        read_stack(folder)


def test_two_images_of_one_number(folder):
    (folder / "01.tif").touch()
    with pytest.raises(InputError, match="both number 1; remove one"):
        read_stack(folder)


def test_images_of_different_sizes_are_named_with_their_sizes(folder):
    Image.fromarray(np.zeros((ROWS, 20), np.uint8) + np.arange(20, dtype=np.uint8)).save(folder / "1.png")
    with pytest.raises(InputError, match=r"0\.png has 32 x 24 pixels and 1\.png has 20 x 24"):
        read_stack(folder)


def test_images_too_small(tmp_path):
    write_stack(tmp_path, np.arange(2 * 15 * 15, dtype=np.uint8).reshape(2, 15, 15), (30.0, 30.0), "small")
    with pytest.raises(InputError, match="15 x 15 pixels; at least 16"):
        read_stack(tmp_path)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"no image", lambda b: b[: len(b) // 2], lambda b: b[:40]])
def test_an_image_that_cannot_be_decoded(folder, damage):
    file = folder / "1.png"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(InputError, match=r"1\.png cannot be decoded as an image .*export it again"):
        read_stack(folder)


def test_several_pages_in_one_file(folder):
    pages = [Image.fromarray(np.full((ROWS, COLUMNS), grey, np.uint8)) for grey in (1, 2)]
    (folder / "1.png").unlink()
    pages[0].save(folder / "1.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"1\.tif holds 2 images; save each"):
        read_stack(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_not_finite_are_counted(folder, bad):
    pixels = np.random.default_rng(2).normal(size=(ROWS, COLUMNS)).astype(np.float32)
    pixels[3, :5] = bad
    (folder / "2.png").unlink()
    Image.fromarray(pixels).save(folder / "2.tif")
    with pytest.raises(InputError, match=r"2\.tif has 5 pixels that are NaN or infinite"):
        read_stack(folder)


def test_a_constant_image(folder):
    Image.fromarray(np.full((ROWS, COLUMNS), 7, np.uint8)).save(folder / "2.png")
    with pytest.raises(InputError, match=r"2\.png is the same grey everywhere"):
        read_stack(folder)


def test_an_image_that_is_constant_inside_its_frame(folder, images):
    images[:, 0] = 0
    images[1, 1:] = 99
    write_stack(folder, images, (32.0, 24.0), "framed")
    with pytest.raises(InputError, match=r"1\.png is the same grey everywhere"):
        read_stack(folder)


def test_missing_cell(folder):
    (folder / "cell.txt").unlink()
    with pytest.raises(InputError, match=r"cell\.txt is missing; write a line of comment, then"):
        read_stack(folder)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "two numbers, width and height in nm"),
        ("7.0 7.0", "two numbers, width and height in nm"),
        ("comment\nseven seven", "found 'seven seven'"),
        ("comment\n7.0", "found '7.0'"),
        ("comment\n7.0 7.0 7.0", "two numbers"),
        ("comment\n0 7.0", "a width of 0 nm; it must be a positive number"),
        ("comment\n7.0 -7.0", "a height of -7 nm; it must be a positive number"),
        ("comment\n7.0 nan", "a height of nan nm; it must be a positive number"),
        ("comment\ninf 7", "a width of inf nm; it must be a positive number"),
        ("comment\n0.4 7", "a width of 0.4 nm, outside 0.5 to 1000 nm; check that it is in nm"),
        ("comment\n7 1001", "a height of 1001 nm, outside"),
    ],
)
def test_cell_that_cannot_be_used(tmp_path, text, sentence):
    (tmp_path / "cell.txt").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_cell(tmp_path / "cell.txt")


@pytest.mark.parametrize("text", ["L_exp\n7. 3.5\n", "x\r\n7,3.5\r\n", "\ufeffx\n\n 7.0\n3.5\n", "7 7\n7;3.5"])
def test_cell_is_read_in_the_ways_people_write_it(tmp_path, text):
    (tmp_path / "cell.txt").write_text(text, encoding="utf-8")
    assert read_cell(tmp_path / "cell.txt") == (70.0, 35.0)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(alphabet="0123456789.eE+-naif,; \n", max_size=40).map(str.encode))
def test_any_cell_gives_a_size_in_range_or_a_sentence(tmp_path, content):
    (tmp_path / "cell.txt").write_bytes(content)
    try:
        size = read_cell(tmp_path / "cell.txt")
    except InputError:
        return
    assert all(5.0 <= side <= 10000.0 for side in size)
