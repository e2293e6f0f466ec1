"""Structural similarity of batches, differentiable; the influence functions and the metric both use it."""

from torch import Tensor


def structural_similarity(images: Tensor, targets: Tensor) -> Tensor:
    """Return the SSIM map [N, 3, H - 2, W - 2] with a uniform 3 x 3 window and data range 1 (Wang et al., 2004).

    Its mean equals scikit-image's `structural_similarity` with `win_size=3`, `channel_axis` and `data_range=1`
    (tests/unit/test_ssim.py), which takes one image at a time and has no gradient.

    Args:
        images, targets: [N, 3, H, W] in [0, 1].
    """
    unbiased = 9 / 8
    mean_x, mean_y = _average(images), _average(targets)
    var_x = unbiased * (_average(images**2) - mean_x**2)
    var_y = unbiased * (_average(targets**2) - mean_y**2)
    cov = unbiased * (_average(images * targets) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    upper = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    return upper / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def _average(images: Tensor) -> Tensor:
    # One direction after the other, on a CPU this takes less than half the time of avg_pool2d.
    rows = images[..., :-2] + images[..., 1:-1] + images[..., 2:]
    return (rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :]) / 9
