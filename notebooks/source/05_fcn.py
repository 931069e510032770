# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A photograph of a cat, and the same photograph under a map of coloured squares: they show where an image
# classifier sees a cat, and are brightest on the face.](images/05_question.png)
#
# This network was trained to name what is in a photograph: one word for a whole image, out of a thousand
# words. It was never shown a mask.
#
# **Does it know where the cat is?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>The truth, stored at one pixel in 32 x 32 and enlarged again: which score falls more, mIoU
# or Boundary IoU?</summary>
#
# Boundary IoU. A coarse grid keeps the insides and loses the outlines (notebook 02).
# </details>
#
# <details><summary>What does a convolution do with an image that is twice as large?</summary>
#
# The same as before, at more places. It does not depend on the size.
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import torch
from torch import nn
from torch.nn.functional import interpolate

from seglib import backbones
from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.data import in_memory
from seglib.draw import show_images
from seglib.evaluate import evaluate
from seglib.fcn import FCN, FCNSegmenter, convolutionalise
from seglib.evaluate import Constant, OracleStride
from seglib.train import train
from seglib.widgets import Monitor

lesson = start("05_fcn")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# A photograph that comes with scikit-image, and EfficientNet-Lite0 with the weights that it learned on 1.3
# million photographs. Both come in a package, so this works offline.

# %%
from seglib.course.demos import CAT_WORDS, WORDS, cat, heat

photo = cat()
lite = backbones.load("lite0").eval()
with torch.no_grad():
    scores = lite.classify(interpolate(photo[None].float(), size=(224, 224), mode="bilinear"))
for p, k in zip(*scores.softmax(1)[0].topk(3)):
    print(f"{100 * float(p):4.0f} %  {WORDS[int(k)]}")

# %% [markdown] tags=["concept"]
# ## Why a classifier wants one size
#
# A classic classifier ends like this: convolutions and pooling make a small map, `Flatten` turns it into one
# long row, and a **fully connected layer** has one weight for each number of that row.
#
# A larger image makes a larger map and a longer row, and the layer has no weights for the rest of it.

# %%
classifier = nn.Sequential(
    nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16 * 16, 10)
)
for side in (32, 48):
    try:
        print(side, "->", tuple(classifier(torch.zeros(1, 3, side, side)).shape))
    except RuntimeError as error:
        print(side, "->", error)

# %% [markdown]
# Look at the layer again. It weighs 8 channels of 16 x 16 numbers and adds them up. A **convolution** with a
# kernel of 16 x 16 does exactly that, at one place. On a larger map it does so at every place.
#
# No weight changes; they are only arranged differently.

# %% [markdown] tags=["exercise"]
# [[05.1]]
#
# `linear` gets a flattened map of `channels` x `height` x `width` numbers. Return the convolution that does
# the same to the map itself. Flattening goes through the channels, in each through the rows, in each through
# the columns.


# %%
def as_convolution(linear, channels, height, width):
    # BEGIN SOLUTION
    conv = nn.Conv2d(channels, linear.out_features, (height, width))
    conv.weight.data = linear.weight.data.reshape(conv.weight.shape).clone()
    conv.bias.data = linear.bias.data.clone()
    return conv
    # END SOLUTION


# %%
check("05.1", as_convolution)
# hint("05.1")

# %%
as_convolution = checkpoint("05.1", as_convolution)

# %% tags=["nbval-check-output"]
operated = nn.Sequential(*classifier[:2], as_convolution(classifier[3], 8, 16, 16))
for side in (32, 48):
    print(side, "->", tuple(operated(torch.zeros(1, 3, side, side)).shape))

# %% [markdown] tags=["instructor"]
# **12 minutes.** Draw a 2 x 2 map and a layer with 4 weights on the board; slide it over 3 x 3. Ask: how many
# weights does the new net have? (The same number.) Misconception: "the image was cut into patches and the net
# was run many times". It runs once; neighbouring places share nearly all of the work. For early finishers:
# what is the stride of the map?

# %% [markdown] tags=["concept"]
# ## Where is the cat?
#
# Now do the surgery on the real network. `convolutionalise` does it layer by layer.
#
# This network takes the mean over its 7 x 7 map before the last layer. So it would accept a larger image, but
# still give one answer for all of it. After the surgery each window of 7 x 7 places has its own mean and its
# own answer.
#
# [[05.p1]]

# %%
predict("05.p1", ...)

# %%
everywhere = convolutionalise(lite.as_classifier(), (3, 224, 224)).eval()
with torch.no_grad():
    places = everywhere(torch.zeros(1, 3, 448, 448))
reveal("05.p1", places.shape[2] * places.shape[3])

# %% [markdown]
# Now enlarge the cat and ask at every place: with what probability is this one of ImageNet's five cats?

# %%
with torch.no_grad():
    large = interpolate(photo[None].float(), scale_factor=2, mode="bilinear")
    maps = everywhere(large).softmax(1)
where = maps[0, CAT_WORDS].sum(0)
print(f"{tuple(large.shape[2:])} pixels, {tuple(where.shape)} places")
heat(photo, where)

# %% [markdown]
# It knows, roughly. It was not taught where: it had to look there to name what. This is the head start that a
# **fully convolutional network** begins with (Long, Shelhamer and Darrell 2015). The margin is empty, because
# no whole window fits around a place there.
#
# Two things are missing. The map is coarse: one place for each 32 pixels that the network saw. And it knows
# ImageNet's classes, not ours.

# %% [markdown] tags=["concept"]
# ## From coarse to fine
#
# Give each of our classes a score at every place: a convolution of 1 x 1. Then enlarge the scores bilinearly:
# a pixel between two places gets a value between their scores.
#
# As a layer this is a **transposed convolution**: each score is spread over its neighbourhood, with a pyramid
# as the kernel, and the copies are added. FCN starts with this pyramid. In the paper the enlargements by 2
# are then trained, and the last one stays as it is; ours keeps all of them.

# %% [markdown] tags=["exercise"]
# [[05.2]]
#
# Return the pyramid, a tensor of shape (size, size). In each direction it is a roof, `1 - distance / reach`:
# the distance is measured from the middle, `(size - 1) / 2`, and the first 0 would be at `reach = (size + 1)
# // 2`. The kernel is one roof times the other.


# %%
def bilinear_kernel(size):
    # BEGIN SOLUTION
    distance = (torch.arange(size) - (size - 1) / 2).abs()
    slope = 1 - distance / ((size + 1) // 2)
    return slope[:, None] * slope
    # END SOLUTION


# %%
check("05.2", bilinear_kernel)
# hint("05.2")

# %%
bilinear_kernel = checkpoint("05.2", bilinear_kernel)

# %% tags=["nbval-check-output"]
double = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, bias=False)
double.weight.data[0, 0] = bilinear_kernel(3)
print(double(torch.tensor([[[[0.0, 4.0], [8.0, 4.0]]]])).detach().int()[0, 0])

# %% [markdown]
# **FCN-32s** is just that: the map at stride 32, scored, enlarged 32 times. What does so coarse a map cost?
# You measured it in notebook 02: the truth, kept at one pixel of each block, or as class shares. It is no
# upper bound, but a net needs very good scores to place an outline within a block.

# %%
from seglib.course.results import failures, leaderboard, outline_iou

data = in_memory(lesson.photographs("train", "pets") or lesson.scenes("train"))
val = lesson.photographs("val", "pets") or in_memory(lesson.scenes("val"))
val = val.spread(lesson.profile.val_images)  # judging thousands would take longer than training

for stride in (32, 16, 8):
    for name, oracle in {
        "one pixel": OracleStride(stride),
        "shares": OracleStride(stride, soft=True),
    }.items():
        coarse = evaluate(oracle, val)
        score = f"mIoU {100 * coarse.mean_iou:.0f} %, outlines {outline_iou(coarse):.0f} %"
        print(f"blocks of {stride:2} pixels, {name:9}: {score}")

# %% [markdown]
# `in_memory` draws or decodes all images once, before any time is measured. `outline_iou` is the Boundary IoU
# of the objects. The background is left out: its outline is that of all objects, once more.

# %% [markdown] tags=["concept"]
# ## Skips
#
# Deep maps know *what*, and have forgotten *where*. Shallow maps know *where*, and hardly *what*. So FCN uses
# both. The map at stride 16 gets its own score layer. The map of scores from stride 32 is enlarged to twice
# its size, and the two are **added**: FCN-16s. Once more with stride 8: FCN-8s.
#
# New score layers start at zero. So nothing changes at first, and nothing that was learned is lost.

# %% [markdown] tags=["exercise"]
# [[05.3]]
#
# `coarse` are scores (N, K, h, w), `fine` scores (N, K, H, W) for the same images, about twice as large.
# Return the fused scores, (N, K, H, W). Sizes can be odd.


# %%
def fuse(coarse, fine):
    # BEGIN SOLUTION
    return interpolate(coarse, size=fine.shape[2:], mode="bilinear") + fine
    # END SOLUTION


# %%
check("05.3", fuse)
# hint("05.3")

# %% [markdown] tags=["instructor"]
# **10 minutes.** Ask before 05.3: add or concatenate? FCN adds, U-Net concatenates and convolves.
# Misconception: "stride 8 is better because it has more weights". A score layer at stride 16 has 112 weights
# a class here. It adds no capacity, it adds position.

# %% [markdown] tags=["exercise"]
# ## Teach it our classes
#
# [[05.4]]
#
# One step of training. `net(images)` gives logits (N, K, H, W); `masks` are (N, H, W) uint8 and hold 255
# where the class is unknown. Return the loss as a number. The net must be in training mode.


# %%
def train_step(net, images, masks, optimiser):
    # BEGIN SOLUTION
    net.train()
    loss = nn.functional.cross_entropy(net(images), masks.long(), ignore_index=255)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()
    # END SOLUTION


# %%
check("05.4", train_step)
# hint("05.4")

# %% [markdown] tags=["train"]
# ## Train, and watch
#
# `train` is your step, many times: with batches, augmentation, a learning rate that rises and falls and, if
# you give it a path, a checkpoint. It yields one step after the other. Stop asking, and it stops.
#
# FCN-32s first. Watch the film strip: which class appears first, and which outline never gets sharp?

# %%
seconds = {"tiny": 3, "laptop": 60, "gpu": 20}[lesson.profile.name]
rates = {"": 3e-3, "backbone.": 5e-4}  # what is new learns faster than what is known
torch.manual_seed(lesson.seed)
net = FCN(lite, len(data.classes), stride=32)
steps = train(net, data, val=in_memory(val), seconds=seconds, lr=rates, batch_size=8)
monitor = Monitor(steps)
monitor

# %%
await monitor.finished()

# %%
taken, spent = (monitor.step.number, monitor.step.seconds) if monitor.step else (0, 0)
print(f"{taken} steps in {spent:.0f} s.")
if taken < 40:
    print("Too few for your numbers to mean much. Continue, and read the table of three seeds further down.")

# %% [markdown]
# The monitor validates at the size of the training images. The table below evaluates every image at its own
# size. Where that is larger, one place for 32 pixels is finer, and the score may be better.
#
# Now the skips, one after the other, a third of the time each. A copy of the net continues from where it is.

# %%
import copy

from seglib.train import finish

await monitor.finished()  # if that cell was skipped, the net is still being trained
table = {"FCN-32s": evaluate(FCNSegmenter(net, data.classes), val)}
fine, slower = copy.deepcopy(net), {"": 1e-3, "backbone.": 1e-4}
for name in ("FCN-16s", "FCN-8s"):
    fine.add_skip()
    finish(train(fine, data, seconds=seconds / 3, lr=slower, batch_size=8), f"training {name}")
    table[name] = evaluate(FCNSegmenter(fine, data.classes), val)

# %% [markdown]
# FCN-8s has trained longer than FCN-32s. To be fair, give FCN-32s the same extra time, without a skip: a
# **compute-matched control**.
#
# [[05.p2]]

# %%
predict("05.p2", ...)

# %%
control = copy.deepcopy(net)
finish(train(control, data, seconds=2 * seconds / 3, lr=slower, batch_size=8), "training the control")
table["FCN-32s, as long"] = evaluate(FCNSegmenter(control, data.classes), val)
gain = table["FCN-8s"].mean_iou - table["FCN-32s, as long"].mean_iou
gain, sharper = 100 * gain, outline_iou(table["FCN-8s"]) - outline_iou(table["FCN-32s, as long"])
close = abs(gain - sharper) < 1
reveal("05.p2", "about the same" if close else "mIoU" if gain > sharper else "Boundary IoU")

# %%
leaderboard(table)

# %% [markdown]
# One run is one throw of the dice. Differences of a point or two may be luck. Below the leaderboard are three
# seeds.

# %% [markdown] tags=["concept"]
# ## What is the head start worth?
#
# The same net, the same images, as many seconds as FCN-8s had in all. It starts from random weights, so all
# of them learn at the rate of the new layers.
#
# [[05.p3]]

# %%
predict("05.p3", ...)

# %%
scratch = FCN(backbones.load("lite0", pretrained=False), len(data.classes), stride=8)
finish(train(scratch, data, seconds=5 * seconds / 3, lr=3e-3, batch_size=8), "training from scratch")
table["FCN-8s from scratch"] = evaluate(FCNSegmenter(scratch, data.classes), val)
reveal("05.p3", 100 * table["FCN-8s from scratch"].mean_iou)

# %% [markdown]
# And the other way round: keep the pre-trained weights as they are, and train only the score layers. The
# authors of FCN call it *fixed*.

# %%
fixed = FCN(lite, len(data.classes), stride=8).freeze()
finish(train(fixed, data, seconds=5 * seconds / 3, lr=3e-3, batch_size=8), "training the score layers")
table["FCN-8s, score layers only"] = evaluate(FCNSegmenter(fixed, data.classes), val)

# %% [markdown] tags=["measure"]
# ## The leaderboard
#
# The last row is the laziest answer: all background.

# %%
table["all background"] = evaluate(Constant(0), val)
leaderboard(table)

# %% [markdown]
# Notebook 08 compares the families. Three nets are kept for it, with the seconds that they took.

# %%
from seglib.course.kept import keep

nets = {
    "FCN-32s": (net, spent),
    "FCN-8s": (fine, spent + 2 * seconds / 3),
    "FCN-8s from scratch": (scratch, 5 * seconds / 3),
}
for name, (one, took) in nets.items():
    keep(lesson, FCNSegmenter(one, data.classes), data, name=name, family="fcn", seconds=took)

# %% [markdown]
# **What three seeds say.** Each net is trained for a few steps on a few images, and evaluated on the test
# splits:
#
# [[table:fcn]]
#
# Does each skip help, on every data set, and more than training as long without it? `docs/claims.md` judges
# every seed (R2 to R4b).

# %% [markdown]
# Look for two differences from the paper:
#
# * **At once or step by step?** The longer version of the paper (2017) found hardly a difference. Here a
#   stage has a third of the steps at a third of the learning rate: a skip that is added late has little
#   time. There it has many thousands.
# * **Does the boundary gain more?** Compare FCN-32s, trained as long, with FCN-8s. At stride 32 a small
#   image has few places: whole objects are missed there, not only their outlines.

# %% [markdown]
# Where does FCN-8s fail? Its four worst images, each with its truth.

# %%
segmenter = FCNSegmenter(fine, data.classes)
failures([segmenter.predict(image) for image, _ in val], val, "FCN-8s")

# %% [markdown]
# **Other libraries.** The same images, the same ImageNet weights, on two cores without a GPU. FCN-8s, at
# once, gets 60 seconds; FPN of segmentation_models.pytorch, the best of those we tried, gets 180, with the
# recipe of its own tutorial.
#
# [[table:P2]]
#
# Part of the lead is due to arithmetic: ours computes in bfloat16 where that is faster, theirs do not. On a
# processor without bfloat16 little of it is left. And our settings were chosen for a minute, their recipes
# for GPUs and hours.

# %% [markdown] tags=["concept"]
# ## Any size
#
# No layer of an FCN requires a certain size. So give it the photograph from the beginning, as it is. Or your
# own: `torchvision.io.decode_image("my.jpg", mode="RGB")[:, ::4, ::4]`; for an image from a phone every
# fourth pixel is plenty.

# %%
from seglib.draw import overlay

mask = segmenter.predict(photo)
print(tuple(photo.shape[1:]), "->", tuple(mask.shape))
show_images(
    [photo, overlay(photo, mask, data.classes)],
    titles=["an image of another size", "what FCN-8s makes of it"],
    alt="The cat's photograph, and the mask that FCN-8s predicts for it.",
)

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[05.5]]
#
# A user reports: "The same photograph gets a different mask each time I ask, and they are worse than those in
# your table." Here is the code.


# %%
def team_predict(net, image):
    with torch.no_grad():
        return net(image[None])[0].argmax(0)


# %%
loaded = copy.deepcopy(fine).cpu().train()  # as a net is when it has just been built
first, second = team_predict(loaded, photo), team_predict(loaded, photo)
print(f"{100 * (first != second).double().mean():.1f} % of the pixels have changed")

# %% [markdown]
# Rewrite the function without the bug. No line is wrong: one is missing.


# %%
def predict_mask(net, image):
    # BEGIN SOLUTION
    net.eval()
    with torch.no_grad():
        return net(image[None])[0].argmax(0)
    # END SOLUTION


# %%
check("05.5", predict_mask)
# hint("05.5")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("05")

# %% [markdown] tags=["further"]
# ## Further
#
# * J. Long, E. Shelhamer, T. Darrell: *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015.
#   Surgery: section 3.1. Skips: 4.2. On VOC, 32s, 16s and 8s had 59.4, 62.4 and 62.7 % mIoU. The longer
#   version (Shelhamer, Long and Darrell, PAMI 2017) also trains all skips at once.
# * M. Tan, Q. Le: *EfficientNet*, ICML 2019; its Lite variant has no squeeze-and-excitation.
# * O. Ronneberger, P. Fischer, T. Brox: *U-Net*, MICCAI 2015: concatenates where FCN adds.
# * S. Ioffe, C. Szegedy: *Batch Normalization*, ICML 2015: two modes, and a very common bug.
#
# **Data.** The cat is Chelsea, photographed by Stéfan van der Walt (CC0), from scikit-image. Weights:
# EfficientNet-Lite0 on ImageNet (Apache 2.0). Pets: Oxford-IIIT Pet (CC BY-SA 4.0), where found; else pools
# drawn by `seglib.scenes`. See `data/README.md`.
