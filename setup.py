"""Builds the one extension module, pellucid.kernels._core.

A leaf file csrc/<op>/<op>_simd.c is compiled once for each instruction set and element
type, with that instruction set's flags and into a folder of its own; every other C file
is compiled once.
`pyproject.toml` holds the metadata. Environment:

    PELLUCID_DEBUG=1     bounds checks in Cython, debug symbols, nothing stripped
    PELLUCID_SANITIZE=1  address and undefined-behaviour sanitizers
"""

import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CSRC = Path("csrc")
KERNELS = Path("src/pellucid/kernels")
DEBUG = os.environ.get("PELLUCID_DEBUG") == "1"
SANITIZE = os.environ.get("PELLUCID_SANITIZE") == "1"

X86 = {
    "avx512": [
        *("-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mavx2", "-mfma"),
        "-mprefer-vector-width=512",
    ],
    "avx2": ["-mavx2", "-mfma"],
}
ISA_FLAGS: dict[str, dict[str, list[str]]] = {
    "x86_64": X86,
    "amd64": X86,
    "aarch64": {"neon": []},
    "arm64": {"neon": []},
}
KIND = ("-debug" if DEBUG else "") + ("-sanitize" if SANITIZE else "")
BASE_FLAGS = [
    *("-O2", "-std=gnu11", "-ffp-contract=off", "-fno-math-errno"),
    *("-fvisibility=hidden", "-fno-asynchronous-unwind-tables", "-Wall", "-Wextra"),
]
if DEBUG or SANITIZE:
    BASE_FLAGS.append("-g")
if SANITIZE:
    BASE_FLAGS += ["-O1", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
LINK_FLAGS = ["-fopenmp"]
if SANITIZE:
    LINK_FLAGS.append("-fsanitize=address,undefined")
if not (DEBUG or SANITIZE or sys.platform == "darwin"):
    LINK_FLAGS.append("-Wl,--strip-all")


def csrc_jobs() -> list[tuple[Path, str, list[str]]]:
    """For each object: its C file, its folder and the flags beyond BASE_FLAGS."""
    flags = ISA_FLAGS.get(platform.machine().lower(), {}) | {"portable": []}
    jobs: list[tuple[Path, str, list[str]]] = []
    for source in sorted(CSRC.rglob("*.c")):
        if source.name.endswith("_simd.c"):
            for isa, isa_flags in flags.items():
                for bits in ("32", "64"):
                    macros = [f"-DPL_ISA_{isa.upper()}", f"-DPL_REAL_BITS={bits}"]
                    if isa == "portable":
                        macros.append("-Os")  # where speed is not the point, size is
                    jobs.append((source, f"{isa}-{bits}", [*isa_flags, *macros]))
        elif source.parent.name == "threading":
            jobs.append((source, "common", ["-fopenmp"]))
        else:
            jobs.append((source, "common", []))
    return jobs


class BuildExt(build_ext):
    """Compiles csrc in parallel, translates the .pyx outside src, links one module."""

    def build_extension(self, ext: Extension) -> None:
        from Cython.Build import cythonize

        if self.editable_mode:  # pip would throw the objects away
            self.build_temp = os.path.join("build", "temp.editable")
        self.build_temp += KIND
        objects = self.compile_csrc()
        directives = {"language_level": 3, "boundscheck": DEBUG, "wraparound": False}
        directives |= {"cdivision": True, "initializedcheck": DEBUG, "binding": True}
        translated = cythonize(
            [ext],
            build_dir=os.path.join(self.build_temp, "cython"),
            include_path=["src"],
            compiler_directives=directives,
            force=bool(self.force),
        )[0]
        ext.sources = translated.sources
        ext.extra_objects = objects
        # Half the size, and no slower: nothing here loops over elements.
        ext.extra_compile_args = [
            *("-Os", "-fvisibility=hidden", "-Wno-unused-function"),
            "-fno-asynchronous-unwind-tables",
        ]
        ext.extra_link_args = LINK_FLAGS
        ext.depends = [*ext.depends, *objects]
        super().build_extension(ext)

    def compile_csrc(self) -> list[str]:
        """Compile every C file that changed, all after a header; list the objects."""
        headers = [*CSRC.rglob("*.h"), *CSRC.rglob("*.inc"), Path("setup.py")]
        newest_header = max(path.stat().st_mtime for path in headers)

        def compile_one(job: tuple[Path, str, list[str]]) -> str:
            source, folder, extra = job
            output_dir = os.path.join(self.build_temp, folder)
            target = Path(output_dir, source.with_suffix(".o"))
            newest = max(newest_header, source.stat().st_mtime)
            if self.force or not target.exists() or target.stat().st_mtime < newest:
                self.compiler.compile(
                    [str(source)],
                    output_dir=output_dir,
                    include_dirs=[str(CSRC), str(CSRC / "include")],
                    extra_postargs=[*BASE_FLAGS, *extra],
                )
            return str(target)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_one, csrc_jobs()))


core = Extension(
    "pellucid.kernels._core",
    [str(KERNELS / "_core.pyx")],
    include_dirs=[str(CSRC / "include")],
    depends=sorted(
        str(path)
        for path in [
            *KERNELS.glob("*.px*"),
            *CSRC.rglob("*.[ch]"),
            *CSRC.rglob("*.inc"),
        ]
    ),
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=True,
)

setup(
    ext_modules=[core],
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
