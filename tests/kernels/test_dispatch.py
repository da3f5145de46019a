"""Choosing the twin, the instruction set, the number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest

from pellucid import kernels
from pellucid.kernels import reference


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


NOT_BUILT = "import sys; sys.modules['pellucid.kernels._core'] = None\n"
SHOW = "from pellucid import kernels; print(kernels.backend())"


def test_use_switches_at_once_and_a_block_switches_back():
    before, gemm = kernels.backend(), kernels.gemm
    with kernels.use("reference"):
        assert kernels.backend() == "reference"
        assert kernels.gemm is reference.gemm
    assert kernels.backend() == before
    assert kernels.gemm is gemm
    kernels.use("reference")
    assert kernels.gemm is reference.gemm
    kernels.use(before)


def test_a_block_switches_back_after_an_error():
    before = kernels.backend()
    with pytest.raises(ZeroDivisionError), kernels.use("reference"):
        raise ZeroDivisionError
    assert kernels.backend() == before


def test_wrong_names_are_refused_with_the_list():
    with pytest.raises(ValueError, match='"compiled", "reference"'):
        kernels.use("c")
    with pytest.raises(ValueError, match="isa is"):
        kernels.use_isa("avx9")
    with pytest.raises(ValueError, match=r'op is "gem".*\s.*"gemm"'):
        kernels.variants("gem")
    with pytest.raises(ValueError, match="op is"):
        kernels.explain("gem", m=1)


def test_the_reference_has_one_isa_and_one_variant():
    with kernels.use("reference"):
        assert kernels.isas() == ["reference"]
        with kernels.use_isa("reference"):
            assert kernels.active_isa() == "reference"
        assert all(row["runs"] for row in kernels.variants("conv"))


@pytest.mark.parametrize("n", [1, 3, 64, np.int64(2)])
def test_threads_can_be_set(n):
    before = kernels.get_num_threads()
    kernels.set_num_threads(n)
    assert kernels.get_num_threads() == n
    kernels.set_num_threads(before)


@pytest.mark.parametrize(
    ("n", "error"),
    [
        (0, ValueError),
        (65, ValueError),
        (-1, ValueError),
        (2.0, TypeError),
        (True, TypeError),
        ("2", TypeError),
        (None, TypeError),
    ],
)
def test_other_numbers_of_threads_are_refused(n, error):
    before = kernels.get_num_threads()
    with pytest.raises(error, match="n is"):
        kernels.set_num_threads(n)
    assert kernels.get_num_threads() == before


def test_the_reference_backend_never_imports_the_extension():
    code = (
        "import sys, numpy\nfrom pellucid import kernels\n"
        "kernels.gemm(numpy.ones((2, 2)), numpy.ones((2, 2)))\n"
        "print(kernels.backend(), 'pellucid.kernels._core' in sys.modules)"
    )
    done = run(code, PELLUCID_BACKEND="reference")
    assert (done.stdout, done.stderr) == ("reference False\n", "")


def test_without_the_extension_numpy_computes():
    done = run(NOT_BUILT + SHOW, PELLUCID_BACKEND="")
    assert (done.stdout, done.stderr) == ("reference\n", "")


def test_asking_for_an_extension_that_was_not_built_raises():
    done = run(NOT_BUILT + SHOW, PELLUCID_BACKEND="compiled")
    assert done.returncode == 1
    assert "ImportError: the compiled kernels were not built" in done.stderr
    assert "PELLUCID_BACKEND=reference" in done.stderr


def test_an_unknown_backend_in_the_environment_raises_with_the_list():
    done = run(SHOW, PELLUCID_BACKEND="fast")
    assert done.returncode == 1
    assert 'ImportError: PELLUCID_BACKEND: backend is "fast"' in done.stderr
    assert '"compiled", "reference"' in done.stderr
