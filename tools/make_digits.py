"""Make src/pellucid/data/digits.npz from scikit-learn's copy of the UCI digits.

Run `python tools/make_digits.py` (needs scikit-learn). The split is drawn once, with
random_state 0, and stored: it never changes with a version of anything.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

TARGET = Path(__file__).parents[1] / "src" / "pellucid" / "data" / "digits.npz"
ATTRIBUTION = """\
Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak,
UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49.
Licensed under CC BY 4.0, https://creativecommons.org/licenses/by/4.0/.
These are the 1,797 digits of its test part (by way of scikit-learn's load_digits),
pixel values 0 to 16 kept as bytes, split here into 1,437 to train and 360 to test,
stratified by class."""


def main() -> None:
    digits = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.images.astype(np.uint8),
        digits.target.astype(np.uint8),
        test_size=360,
        random_state=0,
        stratify=digits.target,
    )
    np.savez_compressed(
        TARGET,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        attribution=np.array(ATTRIBUTION),
    )
    print(f"wrote {TARGET.name}: {len(x_train)} + {len(x_test)} digits")


if __name__ == "__main__":
    main()
