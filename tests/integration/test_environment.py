"""What the environment may ask for, and what importing costs."""

from __future__ import annotations

import pkgutil

import pytest

import pellucid
from benchmarks.bench_import import BUDGET, import_cost
from pellucid import kernels
from tests.integration.processes import HANG, product_digest
from tests.support.guard import assert_survives, run_script

compiled = pytest.mark.skipif(
    kernels.backend() != "compiled", reason="settings of the compiled kernels"
)

COUNT = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import pellucid
    from tests.integration.processes import product_digest
    print(pellucid.get_num_threads(), len(caught), product_digest())
"""

ISA = """
from pellucid import kernels
from tests.integration.processes import product_digest
print(kernels.active_isa(), kernels.backend())
"""

LAZY = """
import sys, pellucid
loaded = {"tqdm", "safetensors", "matplotlib", "sklearn", "torch"} & set(sys.modules)
print(sorted(loaded))
"""


@compiled
@pytest.mark.parametrize(
    ("asked", "threads", "warns"),
    [
        ("2", 2, 0),
        (" 3 ", 3, 0),
        ("2,4", 2, 0),
        ("100000", 64, 0),
        ("9999999999", 64, 0),
        ("0", None, 1),
        ("-1", None, 1),
        ("abc", None, 1),
        ("1e9", None, 1),
        ("2.5", None, 1),
        ("", None, 0),
        (" ", None, 0),
    ],
)
def test_omp_num_threads(asked: str, threads: int | None, warns: int) -> None:
    env = {"PELLUCID_GRAIN": "0", "OMP_NUM_THREADS": asked}
    found = assert_survives(COUNT, env=env, timeout=HANG).split()
    if threads is None:
        assert 1 <= int(found[0]) <= 64
    else:
        assert int(found[0]) == threads
    assert found[1:] == [str(warns), product_digest()]


@compiled
@pytest.mark.parametrize(
    "setting",
    [
        {"OMP_THREAD_LIMIT": "1"},
        {"OMP_DYNAMIC": "true"},
        {"OMP_NESTED": "true", "OMP_PROC_BIND": "close"},
        {"OMP_STACKSIZE": "garbage", "GOMP_CPU_AFFINITY": "9999"},
    ],
    ids=lambda setting: " ".join(setting),
)
def test_other_openmp_settings_do_not_change_the_bits(setting: dict[str, str]) -> None:
    env = {"PELLUCID_GRAIN": "0", "PELLUCID_NUM_THREADS": "3", **setting}
    found = assert_survives(COUNT, env=env, timeout=HANG).split()
    assert found == ["3", "0", product_digest()]


@compiled
@pytest.mark.parametrize("isa", kernels.isas())
def test_an_instruction_set_is_forced(isa: str) -> None:
    found = assert_survives(ISA, env={"PELLUCID_ISA": isa})
    assert found.split() == [isa, "compiled"]


@compiled
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PELLUCID_ISA", "avx9"),
        ("PELLUCID_ISA", "neon" if "neon" not in kernels.isas() else "avx2"),
        ("PELLUCID_BACKEND", "cuda"),
    ],
)
def test_a_wrong_name_is_refused_with_the_list(name: str, value: str) -> None:
    result = run_script("import pellucid", env={name: value})
    last = result.stderr.rpartition("ImportError: ")[2]
    assert result.returncode == 1
    assert f'"{value}"' in last or f"'{value}'" in last
    choices = kernels.isas() if name == "PELLUCID_ISA" else ["compiled", "reference"]
    assert name in last
    assert all(choice in last for choice in choices)


def test_the_reference_never_loads_the_extension() -> None:
    script = "import sys, pellucid; print('pellucid.kernels._core' in sys.modules)"
    found = assert_survives(script, env={"PELLUCID_BACKEND": "reference"})
    assert found.split() == ["False"]


def test_importing_every_module_warns_of_nothing() -> None:
    modules = [
        info.name
        for info in pkgutil.walk_packages(pellucid.__path__, "pellucid.")
        if not info.name.endswith("__main__")
    ]
    assert len(modules) > 40
    script = "import warnings; warnings.simplefilter('error')\n"
    assert_survives(script + "\n".join(f"import {name}" for name in modules))


def test_importing_loads_nothing_that_waits_for_its_first_use() -> None:
    assert assert_survives(LAZY).strip() == "[]"


def test_importing_is_quick() -> None:
    cost = import_cost()
    for _ in range(2):  # a busy machine gets more tries
        if cost > BUDGET:
            cost = min(cost, import_cost())
    assert cost <= BUDGET
