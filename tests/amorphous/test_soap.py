import numpy as np
import pytest
from ase import Atoms
from scipy.integrate import simpson
from scipy.linalg import inv, sqrtm
from scipy.special import eval_legendre, gamma, ive

from icescope.amorphous.soap import CUTOFF, DESCRIPTOR_SETS, REACH, SIGMA, Feature, features, soap
from icescope.errors import InputError
from icescope.structures.ice import ice_ih

SETS = list(DESCRIPTOR_SETS)


@pytest.fixture(scope="module")
def ice() -> Atoms:
    """128 molecules in a cell of 18 x 15.6 x 14.7 A, each off its place by some 0.1 A."""
    crystal = ice_ih((2, 2, 2), seed=1)
    crystal.positions += np.random.default_rng(2).normal(scale=0.1, size=crystal.positions.shape)
    return crystal


def turned(atoms: Atoms, seed: int) -> Atoms:
    matrix = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]  # a rotation, maybe with a mirror
    other = atoms.copy()
    other.set_cell(atoms.cell @ matrix)
    other.positions = atoms.positions @ matrix
    return other


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal to single precision, relative to the largest number of the feature."""
    return (np.abs(one - other) <= 1e-6 * np.abs(other).max(0)).all()


@pytest.mark.parametrize(("name", "count"), [("O", 324), ("O,H", 546), ("H-bond", 399)])
def test_as_many_features_as_published(ice, name, count):
    """Shupletsova and Stegailov 2026, section II.B; the third set is the second less 147 of O and O."""
    assert soap(ice, name).shape == (128, count)
    assert soap(ice, name).dtype == np.float32
    assert len(features(name)) == len(set(features(name))) == count


def test_the_sets_with_hydrogens_are_the_same_numbers(ice):
    with_oxygens = [feature.pair != "OO" for feature in features("O,H")]
    assert (soap(ice, "H-bond") == soap(ice, "O,H")[:, with_oxygens]).all()


@pytest.mark.parametrize("name", SETS)
def test_nothing_depends_on_where_the_structure_is(ice, name):
    expected = soap(ice, name)
    assert close(soap(turned(ice, 3), name), expected)
    rng = np.random.default_rng(4)
    moved = ice.copy()
    moved.positions += rng.uniform(-50, 50, 3)
    assert close(soap(moved, name), expected)
    images = ice.copy()
    images.positions += rng.integers(-3, 4, (len(ice), 3)) @ ice.cell  # as an unwrapped trajectory has them
    assert close(soap(images, name), expected)
    order = rng.permutation(len(ice))
    oxygens = np.flatnonzero(ice.symbols == "O")
    place = np.searchsorted(oxygens, order[np.isin(order, oxygens)])
    assert close(soap(ice[order], name), expected[place])


@pytest.mark.parametrize("name", SETS)
def test_a_sheared_cell_of_the_same_crystal(ice, name):
    sheared = ice.copy()
    sheared.set_cell(ice.cell[:] + [[0, 0, 0], ice.cell[0], [0, 0, 0]])  # b + a in place of b: the same lattice
    assert close(soap(sheared, name), soap(ice, name))


@pytest.mark.parametrize("name", SETS)
def test_a_cell_smaller_than_the_reach(name):
    small = ice_ih((1, 1, 1), seed=5)
    assert min(small.cell.lengths()) < REACH
    assert close(soap(small.repeat(2), name)[:16], soap(small, name))


def test_sites_that_are_no_atoms_are_not_seen(ice):
    sites = Atoms("X50", ice.positions[:50] + 0.15)
    assert (soap(ice + sites, "O,H") == soap(ice, "O,H")).all()


@pytest.mark.parametrize("name", SETS)
def test_the_formula(name):
    """Every number, of a few free atoms, against the power spectrum by quadrature.

    With densities exp(-|r - R|^2 / 2 sigma^2), the coefficient of an atom at R for g_n(r) Y_lm is 4 pi Y_lm(R) I_nl(R),
    I_nl(R) = int r^2 g_n(r) exp(-(r^2 + R^2) / 2 sigma^2) i_l(r R / sigma^2) dr, and by the addition theorem
    pi sqrt(8 / (2 l + 1)) sum_m c_nlm c_n'lm = 4 pi^2 sqrt(8 (2 l + 1)) sum_ij I_nl(R_i) I_n'l(R_j) P_l(cos ij).
    The g_n are r^l exp(-alpha_nl r^2), orthonormal by S^(-1/2), alpha_nl such that the n-th has fallen to 1e-3 at the
    n-th of n_max radii from 1 A to the cutoff (Himanen et al. 2020, DScribe).
    """
    rng = np.random.default_rng(6)
    cluster = Atoms("O4H6", np.concatenate([np.zeros((1, 3)), rng.uniform(-3, 3, (9, 3))]))
    chosen = DESCRIPTOR_SETS[name]
    radius = np.linspace(1e-6, 14, 4001)
    distance = np.linalg.norm(cluster.positions, axis=1)
    direction = cluster.positions / np.maximum(distance, 1e-12)[:, None]
    integral = {}
    for l in range(chosen.l_max + 1):  # noqa: E741
        reach = np.linspace(1, CUTOFF, chosen.n_max)
        alpha = -np.log(1e-3 / reach**l) / reach**2
        overlap = 0.5 * gamma(l + 1.5) * (alpha[:, None] + alpha) ** -(l + 1.5)
        basis = np.real(sqrtm(inv(overlap))) @ (radius**l * np.exp(-alpha[:, None] * radius**2))
        x = np.maximum(radius * distance[:, None], 1e-9) / SIGMA**2
        bessel = np.sqrt(np.pi / (2 * x)) * ive(l + 0.5, x)  # times exp(-x)
        density = np.exp(-((radius - distance[:, None]) ** 2) / (2 * SIGMA**2)) * bessel
        integral[l] = simpson(radius**2 * basis[:, None] * density, x=radius)  # (n, atom)
    cosine = np.clip(direction @ direction.T, -1, 1)
    symbols = np.array(cluster.get_chemical_symbols())

    def expected(one: Feature) -> float:
        first, second = symbols == one.pair[0], symbols == one.pair[1]
        angles = eval_legendre(one.l, cosine[np.ix_(first, second)])
        if one.l == 0:
            angles = np.ones_like(angles)
        total = integral[one.l][one.n1, first] @ angles @ integral[one.l][one.n2, second]
        return 4 * np.pi**2 * np.sqrt(8 * (2 * one.l + 1)) * total

    ours = soap(cluster, name)[0]
    theirs = np.array([expected(one) for one in features(name)])
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6 * np.abs(theirs).max())


def test_the_reach():
    def far(distance: float) -> np.ndarray:
        return soap(Atoms("OO", [[0, 0, 0], [distance, 0, 0]]), "O")[0]

    alone = soap(Atoms("O"), "O")[0]
    assert (far(REACH + 0.01) == alone).all()
    assert not (far(REACH - 0.01) == alone).all()


def test_names():
    assert str(features("O,H")[0]) == "HH_000"
    assert [str(one) for one in features("O")[:3]] == ["OO_000", "OO_010", "OO_020"]
    assert {one.pair for one in features("H-bond")} == {"HH", "HO"}


@pytest.mark.parametrize(
    ("atoms", "name", "message"),
    [
        (Atoms("O"), "N", "there are no descriptors 'N'; take one of O, O,H, H-bond."),
        (Atoms("Au"), "O", "has no O, which the descriptors"),
        (Atoms("O"), "O,H", "has no H, .* or take the descriptors"),
        (Atoms("O", [[np.nan, 0, 0]]), "O", "not a finite number"),
        (Atoms("O", pbc=True), "O", "periodic but has no cell"),
    ],
)
def test_bad_input(atoms, name, message):
    with pytest.raises(InputError, match=message):
        soap(atoms, name)
