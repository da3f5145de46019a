"""Prove the gradients of a small CNN, and see a wrong one being caught."""

import pellucid as pl


class Square(pl.Layer):
    """y = x**2;  dx = 2 x dy. The 2 was forgotten."""

    def forward(self, x, training=False):
        x = self.check_input(x)
        if training:
            self.save(x, x)
        return x * x

    def backward(self, dy, need_dx=True):
        dy, (x,) = self.restore(dy)
        return x * dy


def network(*extra):
    model = pl.Sequential(
        [
            pl.Conv2D(8, 3, padding="same", activation="relu"),
            pl.MaxPool2D(2),
            pl.Flatten(),
            pl.Dense(16),
            *extra,
            pl.Dropout(0.5),
            pl.Dense(10),
        ],
        input_shape=(8, 8, 1),
        seed=0,
    )
    model.compile("adam", "softmax_cross_entropy")
    return model


(x, y), _ = pl.data.load_digits()
print(network(pl.BatchNorm(), pl.ReLU()).gradcheck(x[:8], y[:8]))
print()
print(network(Square()).gradcheck(x[:8], y[:8], samples=50))
