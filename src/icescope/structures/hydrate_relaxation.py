"""From a hydrate's start to a structure at rest: minimise, a short anneal, minimise again."""

from ase import Atoms

from icescope.md.engine import Engine, State
from icescope.md.model import Model
from icescope.md.stage import Stage
from icescope.provenance import derive_seed
from icescope.structures.hydrate import ION, SUBSTRATE, WATER, first_shell

SIMPLE = 4  # waters, at most, that all have to stay in the first shell (Tang 2023: n = 3 and 4)
DEEPEST = 1.2  # A, of an oxygen or the ion above the topmost plane; lower is inside the salt
ANNEALS = 5
MODEL = Model(WATER, lj_cutoff=10.0, coulomb_cutoff=10.0, tail=False)


def relax_hydrate(
    atoms: Atoms, engine: Engine, seed: int, temperature: float = 100.0, duration: float = 2.0, model: Model = MODEL
) -> Atoms:
    """Relax a hydrate: minimise, dynamics at constant volume, minimise.

    An anneal that drives a water of a simple hydrate (n <= 4) out of the first shell, or an atom into the substrate, is
    thrown away and repeated with other velocities. The cell has a net charge, which Ewald's method balances by a
    uniform background: in a cell of 28 A the force on a molecule is within 0.001 eV/A of that in one of 45 x 45 x 80 A.

    Parameters
    ----------
    atoms
        As `hydrate` gives it.
    engine
        As `icescope.md.engines.engine` gives it.
    seed
        Seed of the velocities and the thermostat.
    temperature, duration
        Of the dynamics, K and ps; a duration of 0 leaves it out. Structures at higher temperatures are more diverse.
    model
        Water model, cut-offs and time step. The ions are made for SPC/E.

    Returns
    -------
    Atoms
        The same atoms at a minimum of the energy; `info["anneals"]` counts the anneals that it took.

    Raises
    ------
    InputError
        The engine cannot run the system.
    RuntimeError
        Five anneals in a row left no whole hydrate above the substrate.
    """
    start = engine.minimise(atoms, model, State(atoms.positions.copy(), None, atoms.cell.array))
    for anneal in range(1, ANNEALS + 1):
        state = start
        if duration > 0:
            stage = Stage("anneal", duration, (temperature, temperature))
            seed_of_it = derive_seed(seed, f"anneal {anneal}")
            state = engine.run(atoms, model, stage, start, seed_of_it, frame_interval=duration).state
            state = engine.minimise(atoms, model, State(state.positions, None, state.cell))
        relaxed = atoms.copy()
        relaxed.set_positions(state.positions, apply_constraint=False)
        relaxed.info["anneals"] = anneal if duration > 0 else 0
        if _is_whole(relaxed):
            return relaxed
        if not duration > 0:
            break
    raise RuntimeError(f"no whole hydrate above the substrate after {anneal} anneals")


def _is_whole(atoms: Atoms) -> bool:
    """Whether nothing is in the substrate, and a simple hydrate has all its waters in the first shell."""
    tags, heavy = atoms.get_tags(), atoms.numbers > 1
    above = (atoms.positions[(tags >= ION) & heavy, 2] > DEEPEST).all() or not (tags == SUBSTRATE).any()
    shell = first_shell(atoms)
    return bool(above and (shell.all() or len(shell) > SIMPLE))
