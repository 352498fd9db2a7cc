"""Captions of the compressed ice say what this run is."""

from pathlib import Path

import pytest

CAPTIONS = Path(__file__).resolve().parents[2] / "workflow" / "report"


@pytest.mark.parametrize("figure", ["amorphous_fig4", "amorphous_fig5", "amorphous_fig6"])
def test_captions_of_the_compression_have_its_rate_and_what_it_begins_with(figure: str):
    text = " ".join((CAPTIONS / f"{figure}.rst").read_text().split())
    assert 'compressed at {{ snakemake.config["amorphous"]["compression"]["rate"] }} GPa/ns' in text
    assert "last structure of a trajectory of LDA of which the classifier" in text
