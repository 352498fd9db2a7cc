"""Run records: stages, rates, means, and their plot."""

import numpy as np
import pytest

from icescope.errors import InputError
from icescope.figures.run_record import draw_record
from icescope.md.record import read_record, run_record, stage_mean, stage_spans


@pytest.fixture
def record():
    """Four rows at constant conditions, four of compression at 100 GPa/ns, four of a quench at 50 K/ns."""
    time = 0.5 * np.arange(1, 13)
    rows = np.column_stack([time, np.full(12, 100.0), np.zeros(12), 0.9 + 0.01 * time, -time, time])
    settings = [("hold", 100.0, np.nan)] * 4
    settings += [("compression", 100.0, 0.05 * (i + 1)) for i in range(4)]
    settings += [("quench", 100 - 0.025 * (i + 1), 0.2) for i in range(4)]
    return run_record(rows, settings)


def test_stages_have_their_times_and_rates(record):
    hold, compression, quench = stage_spans(record)
    assert [span.name for span in (hold, compression, quench)] == ["hold", "compression", "quench"]
    assert [(span.start, span.end) for span in (hold, compression, quench)] == [(0, 2), (2, 4), (4, 6)]
    assert (hold.temperature_rate, hold.pressure_rate, hold.rate) == (0, 0, "")
    assert compression.pressure_rate == pytest.approx(100)
    assert quench.temperature_rate == pytest.approx(-50)
    assert (compression.rate, quench.rate) == ("+100 GPa/ns", "-50 K/ns")


def test_ramps_of_one_name_at_two_rates_are_told_apart():
    time = 0.5 * np.arange(1, 13)
    rows = np.column_stack([time, *np.ones((5, 12))])
    temperatures = [*(300 - 5.0 * np.arange(1, 7)), *(270 - 0.5 * np.arange(1, 7))]
    spans = stage_spans(run_record(rows, [("quench", one, np.nan) for one in temperatures]))
    assert [(span.start, span.end) for span in spans] == [(0, 3), (3, 6)]
    assert [span.temperature_rate for span in spans] == pytest.approx([-10_000, -1000])


def test_the_plot_names_every_stage_and_prints_the_rate_of_every_ramp(record):
    figure = draw_record(record, "a run")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["hold", "compression\n+100 GPa/ns", "quench\n-50 K/ns"]
    assert [axis.get_ylabel().split()[0] for axis in figure.axes] == [
        "temperature",
        "pressure",
        "density",
        "potential",
    ]
    assert len(draw_record(record.assign(pressure_GPa=np.nan), "a film").axes) == 3
    figure.canvas.draw()


def test_a_record_on_disk_is_the_same(record, tmp_path):
    record.to_csv(tmp_path / "record.csv", index=False)
    assert [span.rate for span in stage_spans(read_record(tmp_path / "record.csv"))] == ["", "+100 GPa/ns", "-50 K/ns"]


def test_the_mean_of_a_stage_is_of_its_rows_alone(record):
    assert stage_mean(record, "quench", "density_g_per_cm3") == pytest.approx(0.9 + 0.01 * 5.25)
    with pytest.raises(InputError, match="no stage 'melt'; it has hold, compression, quench"):
        stage_mean(record, "melt", "density_g_per_cm3")


def test_what_is_no_record_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_record(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"is no run's record: it has no density_g_per_cm3"):
        read_record(tmp_path / "other.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="could not be read"):
        read_record(tmp_path / "empty.csv")
