"""The films that windows are cut from: density profiles along z, and a window of each seen from above."""

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import colormaps
from matplotlib.figure import Figure

from icescope.figures.page import PAGE, new_figure
from icescope.maps.avdw import render_stacks
from icescope.structures.samples import take_samples

MAP_PIXELS = 128


def draw_windows(
    profiles: dict[str, pd.DataFrame], films: dict[str, dict], windows: list[xr.Dataset], labels: dict
) -> tuple[Figure, pd.DataFrame]:
    """Profiles of all films, one panel a coverage, over the first window of each of up to six training films.

    Parameters
    ----------
    profiles
        By film: columns of `md.profile.density_profile`.
    films
        By film: temperature (K) and coverage (molecules/nm2).
    windows
        "windows" stores of the training films.

    Returns
    -------
    The figure, and all profiles as one table.
    """
    coverages = sorted({film["coverage"] for film in films.values()})
    temperatures = sorted({film["temperature"] for film in films.values()})
    columns = max(len(coverages), min(len(windows), 6))
    figure = new_figure(PAGE, 4.2)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.4, 1])
    panels = top.subplots(1, len(coverages), sharex=True, sharey=True, squeeze=False)[0]
    shades = colormaps["viridis"](np.linspace(0, 0.9, len(temperatures)))
    for panel, coverage in zip(panels, coverages, strict=True):
        for name, film in sorted(films.items(), key=lambda item: item[1]["temperature"]):
            if film["coverage"] == coverage:
                shade = shades[temperatures.index(film["temperature"])]
                profile = profiles[name]
                panel.plot(
                    profile.z_A / 10, profile.mass_density_g_per_cm3, color=shade, label=f"{film['temperature']:g} K"
                )
        panel.set(title=f"{coverage:g} molecules/nm²", xlabel="height above the metal (nm)")
        panel.legend(fontsize=7)
    filled = max(profile.z_A[profile.mass_density_g_per_cm3 > 0].max() for profile in profiles.values())  # A
    panels[0].set_xlim(0, filled / 10 + 0.1)
    panels[0].set_ylabel("water density (g/cm³)")

    maps = bottom.subplots(1, columns, squeeze=False)[0]
    for axis, store in zip(maps, windows[:columns], strict=False):
        size = store.attrs["window_size"]
        one = take_samples(store, 0, 1).assign_coords(x=("x", np.arange(MAP_PIXELS)))
        low = float(one.origin[0, 2]) / 10
        axis.imshow(render_stacks(one, labels)[0].permute(1, 2, 0).numpy(), extent=[0, size[0] / 10, 0, size[1] / 10])
        axis.set(title=f"{store.attrs['film']}\nz {low:.2f} to {low + size[2] / 10:.2f} nm", xlabel="x (nm)")
        axis.title.set_fontsize(6)
    maps[0].set_ylabel("y (nm)")
    for axis in maps[len(windows) :]:
        axis.axis("off")
    return figure, pd.concat(profiles, names=["film"]).droplevel(1)
