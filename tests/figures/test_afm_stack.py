"""Overview of a simulated stack: which images it shows, and with which numbers."""

import numpy as np
import pytest
import xarray as xr

from icescope.figures.afm_stack import draw_stack


def stack_of(count):
    images = np.random.default_rng(0).normal(size=(count, 20, 30))
    return xr.Dataset(
        {"frequency_shift": (("height", "y", "x"), images)},
        {"height": 6.2 + 0.1 * np.arange(count), "y": 10 + 0.5 * np.arange(20), "x": 0.25 + 0.5 * np.arange(30)},
        {"height_origin": "top_oxygen", "model": "a model"},
    )


@pytest.mark.parametrize(("count", "shown"), [(21, [0, 5, 10, 15, 20]), (2, [0, 1])])
def test_images_from_the_closest_to_the_farthest_with_heights_and_ranges(count, shown):
    stack = stack_of(count)
    figure = draw_stack(stack, "ice.xyz")
    *panels, curve = figure.axes
    for panel, number in zip(panels, shown, strict=False):
        image = stack.frequency_shift.values[number]
        np.testing.assert_array_equal(panel.images[0].get_array(), image)
        low, high = np.percentile(image, [1, 99])
        assert panel.get_title() == f"{number}.png: {6.2 + 0.1 * number:.2f} Å, {low:.2f} to {high:.2f} Hz"
        assert panel.images[0].get_extent() == pytest.approx([0, 1.5, 0.975, 1.975])
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("x (nm)", "y (nm)")
    assert not any(panel.axison for panel in panels[len(shown) :])
    np.testing.assert_allclose(curve.lines[0].get_ydata(), stack.frequency_shift.std(("y", "x")))
    assert curve.get_xlabel() == "height above top_oxygen (Å)" and "(Hz)" in curve.get_ylabel()
    assert figure.get_suptitle() == "ice.xyz: a model"
