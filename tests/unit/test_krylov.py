"""One Krylov basis against dense solutions, conjugate gradients and power iteration."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import cg

from soulbench.unlearning.krylov import KrylovBasis

SIZE = 40
DAMPINGS = (0.3, 1.1, 2.0, 30.0)  # multiples of the largest curvature; with 0.3 the matrix stays indefinite


def indefinite(seed=0, size=SIZE):
    """Return a dense symmetric matrix with eigenvalues of both signs, and a vector."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((size, size))
    return torch.from_numpy(matrix + matrix.T), torch.from_numpy(rng.standard_normal(size))


def basis_of(matrix, v, products):
    basis = KrylovBasis(lambda h: matrix @ h, v)
    for _ in range(products):
        basis.extend()
    return basis


def test_all_dampings_from_one_basis_equal_dense_solutions():
    matrix, v = indefinite()
    basis = basis_of(matrix, v, SIZE)
    curvature = np.abs(np.linalg.eigvalsh(matrix.numpy())).max()
    assert basis.complete
    assert basis.curvature() == pytest.approx(curvature, rel=1e-12)
    for multiple in DAMPINGS:
        damped = matrix.numpy() + multiple * curvature * np.eye(SIZE)
        step, residual = basis.solve(multiple * curvature)
        np.testing.assert_allclose(step.numpy(), np.linalg.solve(damped, v.numpy()), rtol=1e-8, atol=1e-10)
        assert residual < 1e-12


@pytest.mark.parametrize("products", [1, 4, 9])
def test_a_step_is_that_of_as_many_conjugate_gradients_and_its_residual_is_known(products):
    matrix, v = indefinite()
    basis = basis_of(matrix, v, products)
    for multiple in DAMPINGS:
        damping = multiple * basis.curvature()
        step, residual = basis.solve(damping)
        damped = matrix + damping * torch.eye(SIZE, dtype=torch.float64)
        expected, _ = cg(damped.numpy(), v.numpy(), rtol=0, maxiter=products)
        np.testing.assert_allclose(step.numpy(), expected, rtol=1e-8, atol=1e-10)
        assert residual == pytest.approx(float((v - damped @ step).norm() / v.norm()), rel=1e-9)


def test_the_curvature_is_a_bound_that_power_iteration_does_not_exceed():
    matrix, v = indefinite()
    largest = np.abs(np.linalg.eigvalsh(matrix.numpy())).max()
    vector, bounds = v / v.norm(), []
    for products in range(1, 9):
        vector = matrix @ vector
        bounds.append(basis_of(matrix, v, products).curvature())
        assert float(vector.norm()) <= bounds[-1] * (1 + 1e-12)
        vector = vector / vector.norm()
    assert bounds == sorted(bounds)
    assert bounds[-1] <= largest * (1 + 1e-12)


def test_float32_keeps_the_basis_orthogonal_beside_dominant_eigenvalues():
    eigenvalues = torch.cat([torch.tensor([1e3, -5e2]), torch.linspace(-1, 1, 198)])
    rotation, _ = torch.linalg.qr(torch.randn(200, 200, generator=torch.Generator().manual_seed(0)))
    matrix = rotation @ torch.diag(eigenvalues) @ rotation.T
    basis = basis_of(matrix, torch.ones(200), 25)
    vectors = torch.stack(basis.vectors)
    assert float((vectors @ vectors.T - torch.eye(len(vectors))).abs().max()) < 1e-5
    assert basis.curvature() == pytest.approx(1e3, rel=1e-4)


def test_a_basis_ends_with_its_space():
    matrix = torch.diag(torch.tensor([3.0, 3.0, -1.0, -1.0], dtype=torch.float64))
    basis = basis_of(matrix, torch.ones(4, dtype=torch.float64), 1)
    assert not basis.complete
    basis.extend()
    assert basis.complete
    assert len(basis.vectors) == basis.size == 2
    step, residual = basis.solve(2.0)
    torch.testing.assert_close(step, torch.tensor([0.2, 0.2, 1.0, 1.0], dtype=torch.float64))
    assert residual < 1e-12


def test_no_step_is_finite_where_the_damping_cancels_an_eigenvalue():
    matrix = torch.diag(torch.tensor([2.0, 0.0], dtype=torch.float64))
    basis = basis_of(matrix, torch.tensor([1.0, 0.0], dtype=torch.float64), 1)
    step, _ = basis.solve(-2.0)
    assert not step.isfinite().all()
