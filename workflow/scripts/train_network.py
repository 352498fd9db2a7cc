"""Training of a network; weights, their card, and the history of the loss."""

import os
import shutil

import torch

from icescope.job import job
from icescope.learning.card import training_card
from icescope.learning.data import Stacks, read_stacks, read_windows
from icescope.learning.networks import members_of
from icescope.learning.ranks import node_rank, on_all_nodes
from icescope.learning.simulated import SimulatedStacks
from icescope.learning.training import train
from icescope.learning.weights import load_weights, save_weights
from icescope.provenance import provenance
from icescope.storage import whole_file

if __name__ == "__main__":  # and not in the other processes of the training, which import this file
    devices, nodes = snakemake.resources.devices, snakemake.resources.nodes
    node = node_rank(nodes)
    with job(os.devnull if node else snakemake.log[0], "train_network"):
        on_all_nodes(nodes, snakemake.threads)
        inputs, params, output = snakemake.input, snakemake.params, snakemake.output
        torch.set_num_threads(max(1, snakemake.threads // devices))
        validation = read_stacks(inputs.validation)
        validation_data = Stacks(validation, params.labels)
        if params.training["images"] == "stored":
            training_data = Stacks(read_stacks(inputs.train), params.labels)
        else:
            windows = read_windows(inputs.train)
            training_data = SimulatedStacks(windows, params.labels, params.afm, params.training["tips"], params.seed)
        initial, its_card = load_weights(inputs.initial) if inputs.initial else (None, {})
        network, history = train(
            training_data,
            validation_data,
            params.network,
            params.labels,
            params.training,
            params.seed,
            params.checkpoints,
            initial and initial.state_dict(),
            devices=devices,
            nodes=nodes,
        )
        if node:
            raise SystemExit  # the first node writes
        settings = params.network, params.labels, params.training, params.seed
        samples = members_of(params.network) * params.training["epochs"] * len(training_data)
        card = {
            "scale": params.run,
            "metal": params.metal,
            **training_card(network, training_data, validation, *settings),
            "initial": its_card.get("sha256"),
            "samples_seen": samples + its_card.get("samples_seen", 0),
            **provenance(params.network, params.seed, inputs),
        }
        save_weights(network, card, output.weights)
        with whole_file(output.history) as partial:
            history.to_csv(partial, index=False, float_format="%.6g")
        shutil.rmtree(params.checkpoints, ignore_errors=True)
