# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool with its true mask, and three masks with different errors: pasted from regions, on a coarse
# grid, and made from boxes.](images/08_question.png)
#
# Three families, three kinds of errors. They also differ in seconds of computing and in minutes of labelling.
#
# **Which of them would you choose, and for what?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>One net has an mIoU of 73 %, another 71 %. What must be the same before you call the first
# one better?</summary>
#
# The images, the size at which masks are scored, the classes in the mean, and what void does (notebook 02).
# </details>
#
# <details><summary>Boxes for all images or masks for a few: what makes that a fair question?</summary>
#
# The same minutes of human work for both (notebook 07c).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import math
import time

import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.board import COSTS, Board, chart
from seglib.course.budget import budget
from seglib.course.kept import cold_seconds, count_objects, kept
from seglib.draw import overlay, show_images
from seglib.evaluate import Constant
from seglib.metrics import confusion_matrix, mean_iou

lesson = start("08_compare")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Pets if they are on this machine, otherwise drawn tide pools.

# %%
many, few = {"tiny": (6, 5), "laptop": (60, 30), "gpu": (400, 100)}[lesson.profile.name]
parts = [lesson.photographs(split, "pets") or lesson.scenes(split) for split in ("train", "val", "test")]
data, val, test = [part.spread(number) for part, number in zip(parts, (many, few, few))]
classes = data.classes
show_images([overlay(*test[i], classes) for i in range(4)], alt="Four test images under their true masks.")

# %% [markdown]
# A `Board` judges all rows on the same test images. Nets see them at one size; masks are scored at the size
# of the image. Its columns:
#
# * **boundary**: Boundary IoU of the objects. The next column is the IoU of the rarest class.
# * **M weights**: millions of learned numbers. **MB at work**: the most memory that tensors took at once
#   while one image was predicted.
# * **min to label**: the number of objects times your own seconds (notebook 03b), or published ones.

# %%
price = budget()
print(price)
mask_minutes = count_objects(data) * price.mask / 60  # for all training images
board = Board(test, size=lesson.profile.size, profile=lesson.profile.name, device=lesson.profile.device)
board.add(Constant(0), family="baseline", name="all background")
board

# %% [markdown] tags=["train"]
# ## The rows
#
# What you trained in notebooks 04, 05b, 07b and 07c was kept, and comes back. What is missing is trained
# here. The last column says which is which.
#
# [[08.p1]]

# %%
predict("08.p1", ...)

# %%
for one in kept(lesson, data):
    board.add(one.segmenter, **one.row(price))
print(f"rows that come back: {len(board.rows) - 1}")

# %% [markdown]
# **Regions** (notebook 04): proposals, features of the box and of the foreground, linear SVMs, paste.

# %%
from seglib.regions import RegionFeatures, RegionSegmenter

number, side = {"tiny": (25, 64), "laptop": (120, 96), "gpu": (500, 128)}[lesson.profile.name]
if "regions, joined" not in board.rows:
    regions = RegionSegmenter(classes, features=RegionFeatures(size=side), number=number, seed=lesson.seed)
    started = time.perf_counter()
    regions.fit(data, val)
    seconds = cold_seconds(regions, data, time.perf_counter() - started)
    board.add(regions, family="regions", train_seconds=seconds, minutes=mask_minutes, origin="trained here")

# %% [markdown]
# **Nets** (notebooks 05b, 07b and 07c): those trained here have the same steps and seed. The stride or the
# labels differ: true masks, labels from boxes by GrabCut+, and, for about the same minutes, true masks of a
# few images.

# %%
from seglib import backbones
from seglib.fcn import FCN
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train
from seglib.weak.schemes import pseudo_labels

steps, batch = {"tiny": (10, 2), "laptop": (80, 8), "gpu": (400, 16)}[lesson.profile.name]
recipe = {"steps": steps, "batch_size": batch, "size": (128, 128), "lr": 1e-3, "seed": lesson.seed}
print(", ".join(f"{what} {value}" for what, value in recipe.items()))


# %%
def teach(name, family, labels, minutes, stride=8):
    if name not in board.rows:
        torch.manual_seed(lesson.seed)
        net = FCN(backbones.load("lite0"), len(classes), stride=stride)
        seconds = finish(train(net, labels, **recipe), name).seconds
        costs = {"train_seconds": seconds, "minutes": minutes, "origin": "trained here"}
        board.add(NetSegmenter(net, classes, name=name), family=family, **costs)


teach("FCN-32s", "fcn", data, mask_minutes, stride=32)
teach("FCN-8s", "fcn", data, mask_minutes)
teach("FCN-8s from boxes", "weak", pseudo_labels(data, "grabcut+"), mask_minutes * price.box / price.mask)
some = data.spread(max(1, round(len(data) / price.boxes_per_mask)))
teach(f"FCN-8s, masks of {len(some)}", "fcn", some, count_objects(some) * price.mask / 60)

# %%
words = {"regions": "regions", "fcn": "a net taught by masks", "weak": "a net taught by boxes"}
first = max((row for row in board.rows.values() if row.family in words), key=lambda row: row.mean_iou)
reveal("08.p1", words[first.family])
board

# %% [markdown]
# By which column would the order be reversed? (In the tiny profile training lasts ten steps, and the numbers
# mean nothing.)

# %% [markdown] tags=["concept"]
# ## The best row for a budget
#
# A ranking by mIoU puts the best row first, whatever it costs. You have a budget. If one row is better *and*
# cheaper than another, nobody needs the other: it is **dominated**. The rows that are left are the **Pareto
# front**.

# %% [markdown] tags=["exercise"]
# [[08.1]]
#
# `costs` and `quality` are lists with one number for each row. Row `i` is dominated if another row costs no
# more and is no worse, and is strictly better in at least one of the two. Return True or False.


# %%
def dominated(i, costs, quality):
    # BEGIN SOLUTION
    for cost, good in zip(costs, quality):
        if cost <= costs[i] and good >= quality[i] and (cost < costs[i] or good > quality[i]):
            return True
    return False
    # END SOLUTION


# %%
check("08.1", dominated)
# hint("08.1")

# %% [markdown]
# The line joins the rows that your function leaves. The axis is logarithmic: how much mIoU does ten times the
# time buy?

# %%
dominated = checkpoint("08.1", dominated)


def front(rows, cost):
    costs, quality = [getattr(row, cost) for row in rows], [row.mean_iou for row in rows]
    return [i for i in range(len(rows)) if not dominated(i, costs, quality)]


rows = list(board.rows.values())
chart(rows, "image_seconds", front(rows, "image_seconds"))

# %% [markdown]
# The same for people. A row that costs nobody's time is a dashed line. From row to row of the front: how many
# points for how many more minutes?

# %%
chart(rows, "minutes", front(rows, "minutes"))

# %% [markdown] tags=["instructor"]
# **10 minutes.** Draw the front on the board before 08.1, with five points, one of them dominated. Ask: can a
# row be on one chart's front and not on the other's? Misconception: "the front is the best three rows". Let
# groups read off the chart what they would get for a tenth of the minutes.

# %% [markdown]
# Four customers, each with a limit of seconds per image, on *this* machine, and of minutes to label. Read
# each answer off the charts, then run the cell. Change a limit until its answer changes.

# %%
customers = {
    "a tractor that spots weeds, ten images a second": (0.1, math.inf),
    "a museum with a volunteer for an hour": (math.inf, 60),
    "a robot, ten images a second, an hour to label": (0.1, 60),
    "a film studio, no limits": (math.inf, math.inf),
}
for customer, (seconds, minutes) in customers.items():
    within = [row for row in rows if row.image_seconds <= seconds and row.minutes <= minutes]
    print(f"{customer:48} {max(within, key=lambda row: row.mean_iou).name}")

# %% [markdown] tags=["concept"]
# ## Is it luck?
#
# Other test images would have given other numbers. How different? The **bootstrap** (Efron 1979) estimates
# it from the images that you have. Draw as many images *from them*, with replacement, so that some come twice
# and some not at all, and compute the difference of two rows again. Do so a thousand times.
#
# Both rows get the *same* draw. An image that is hard for both should not count as a difference.
#
# [[08.p2]]

# %%
predict("08.p2", ...)

# %% [markdown] tags=["exercise"]
# [[08.2]]
#
# `first` and `second` (N, K, K) are the confusion matrices of N images by two segmenters. Draw N images with
# `torch.randint(..., generator=rng)`. Return by how much the data-set mIoU of `first` over these images is
# above that of `second`. `mean_iou(counts, "truth")` takes one (K, K) matrix; the board does the same.


# %%
def one_draw(first, second, rng):
    # BEGIN SOLUTION
    drawn = torch.randint(len(first), (len(first),), generator=rng)
    return mean_iou(first[drawn].sum(0), "truth") - mean_iou(second[drawn].sum(0), "truth")
    # END SOLUTION


# %%
check("08.2", one_draw)
# hint("08.2")

# %%
one_draw = checkpoint("08.2", one_draw)
second, best = [row.name for row in sorted(rows, key=lambda row: row.mean_iou)][-2:]
counts = [board.counts(name) for name in (best, second)]
rng = torch.Generator().manual_seed(lesson.seed)
differences = 100 * torch.tensor([one_draw(*counts, rng) for _ in range(1000)])
low, high = (differences.quantile(share).item() for share in (0.025, 0.975))
print(f"{best} minus {second}: 95 % of the draws are between {low:+.1f} and {high:+.1f} points")
reveal("08.p2", high - low)

# %% [markdown]
# If 0 is within the interval, these images cannot tell the two apart. The bootstrap varies the *images*, not
# the training: with another seed, a net may move further than this interval.

# %% [markdown] tags=["measure"]
# ## Where do they fail?
#
# The images on which the best row has its lowest mIoU, and the two best rows on the image on which they
# differ most.

# %%
from seglib.course.results import failures
from seglib.widgets import MaskViewer
from seglib.widgets.viewer import linked

failures(board.preds[best], test, best)


def pair(index):
    image, mask = test[index]
    maps = [{"truth": mask, name: board.preds[name][index]} for name in (best, second)]
    return linked(*(MaskViewer(image, both, classes=classes, layer=list(both)[1]) for both in maps))


ious = [torch.tensor([mean_iou(one) for one in each]) for each in counts]
pair(int((ious[0] - ious[1]).abs().argmax()))

# %% [markdown]
# Both viewers move together: zoom into one, and switch it to *Difference*. Then look at one of the failures:
# `pair` takes the number above it. What is wrong: the outline, the class, or a whole object? Which error
# would cost one of the customers most?

# %% [markdown] tags=["concept"]
# ## Add your own row
#
# Anything with a `name` and `predict(image)` can have a row. This one averages the probabilities of two nets,
# and costs what both cost.
#
# **Open task.** Change it until it pushes a row off a front. What does a net cost, and lose, that sees
# smaller images, `NetSegmenter(net.net, classes, size=(80, 80))`? Each try is a choice on the test images, so
# the best of many looks better than it is: count your tries.


# %%
class Mine:
    name = "mine"
    nets = board.segmenters["FCN-8s"], board.segmenters["FCN-8s from boxes"]

    def predict(self, image):
        return sum(net.probabilities(image) for net in self.nets).argmax(0)


used = [board.rows[net.name] for net in Mine.nets]
seconds, minutes = (sum(getattr(row, cost) for row in used) for cost in ("train_seconds", "minutes"))
mine = board.add(Mine(), family="own", train_seconds=seconds, minutes=minutes, origin="mine")
board

# %%
for cost, what in COSTS.items():
    after = front([*rows, mine], cost)
    pushed = ", ".join(rows[i].name for i in front(rows, cost) if i not in after)
    print(f"{what:22} {'on' if len(rows) in after else 'not on'} the front; pushed off: {pushed or 'none'}")
chart([*rows, mine], "image_seconds", front([*rows, mine], "image_seconds"))

# %% [markdown]
# A class can merge its boards. This writes yours to a file for your teacher, who runs
# `python -m seglib board FILES...`.

# %%
print(board.write(student="my name"))

# %% [markdown] tags=["concept"]
# ## What a review says, and what you measured
#
# Guo and others reviewed the field in 2018. In short, *regions*: proposals take time, their features take
# space on the disk, and boundaries are imprecise. *FCN*: images of any size, but a coarse map gives fuzzy
# boundaries. *Weak supervision*: cheaper labels, and results near those of full supervision.
#
# Each line below is checked on this run. Which limit would you set differently?

# %%
regions, fine, coarse, boxes, lazy = (
    board.rows[name]
    for name in ("regions, joined", "FCN-8s", "FCN-32s", "FCN-8s from boxes", "all background")
)
image = data[0][0]
features = board.segmenters["regions, joined"].extractor.cached(image)[1]
odd = board.segmenters["FCN-8s"].predict(image[:, :77, :91])
gains = [one.mean_iou - lazy.mean_iou for one in (boxes, fine)]

# %%
claims = {
    "regions: 10 times as slow as FCN-8s": regions.image_seconds >= 10 * fine.image_seconds,
    "regions: features larger than the image": features.nbytes > image.nbytes,
    "regions: worse boundaries than FCN-8s": regions.boundary < fine.boundary,
    "FCN: any size in, the same size out": odd.shape == (77, 91),
    "FCN: worse boundaries without skips": coarse.boundary < fine.boundary,
    "weak: a fifth of the minutes or less": 5 * boxes.minutes <= fine.minutes,
    "weak: 90 % of the gain of full supervision": gains[0] >= 0.9 * gains[1],
}
for claim, holds in claims.items():
    print(f"{'holds here' if holds else 'does NOT hold here':20} {claim}")

# %% [markdown]
# Seconds depend on what else your machine does. With nothing else running:
#
# [[table:R5b]]
#
# And one run on few images decides little. `docs/claims.md` judges three runs each: boundaries (A1), labels
# from boxes (R8).

# %% [markdown] tags=["instructor"]
# **8 minutes.** Compare the ticks of several laptops: which claims hold everywhere? Those are worth more than
# one laptop's. Then merge the boards: `python -m seglib board FILES...` writes one page. Ask why rows that
# were judged on other images stand in another table.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[08.3]]
#
# A team's camera delivers every second pixel of every second row. "Half the resolution, and your own net is
# as good as before." Here is how they judge it, on your images.


# %%
def team_counts(segmenter, image, mask, num_classes):
    pred = segmenter.predict(image[:, ::2, ::2])
    return confusion_matrix(pred, mask[::2, ::2], num_classes)


def miou(judge):
    counts = [judge(board.segmenters["FCN-8s"], image, mask, len(classes)) for image, mask in test]
    return 100 * mean_iou(sum(counts), "truth")


print(f"your row {100 * fine.mean_iou:.1f} %, with their camera {miou(team_counts):.1f} %")

# %% [markdown]
# Judged like this, their row cannot be compared with the others. Rewrite the function so that it can. The
# camera stays as it is.


# %%
def fair_counts(segmenter, image, mask, num_classes):
    pred = segmenter.predict(image[:, ::2, ::2])
    # BEGIN SOLUTION
    height, width = mask.shape
    enlarged = pred.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)[:height, :width]
    return confusion_matrix(enlarged, mask, num_classes)
    # END SOLUTION


# %%
check("08.3", fair_counts)
# hint("08.3")

# %%
fair_counts = checkpoint("08.3", fair_counts)
print(f"their camera, judged like every other row: {miou(fair_counts):.1f} %")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Two questions, and three customers. Which would you choose, and why?

# %%
quiz("08")

# %% [markdown] tags=["further"]
# ## Further
#
# * Y. Guo, Y. Liu, T. Georgiou, M. Lew: *A review of semantic segmentation using deep neural networks*,
#   International Journal of Multimedia Information Retrieval 7, 2018. The three families of this course.
# * B. Efron: *Bootstrap Methods: Another Look at the Jackknife*, Annals of Statistics 7, 1979.
# * R. Schwartz, J. Dodge, N. Smith, O. Etzioni: *Green AI*, Communications of the ACM 63, 2020.
#
# **Data.** Pets: Oxford-IIIT Pet (CC BY-SA 4.0), where found; else pools drawn by `seglib.scenes`. Weights:
# EfficientNet-Lite0 on ImageNet (Apache 2.0). See `data/README.md`.
