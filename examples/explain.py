"""What a layer computes and what it costs, with its own numbers."""

import pellucid as pl

model = pl.Sequential(
    [pl.Conv2D(32, 3, padding="same", activation="relu"), pl.MaxPool2D(2)],
    input_shape=(28, 28, 1),
    seed=0,
)
model.build()
for layer in model.layers:
    layer.explain(batch_size=64)
    print()
