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
# <details><summary>One net has an mIoU of 73 %, another one of 71 %. What must be the same before you call
# the first one better?</summary>
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
from itertools import pairwise

import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.board import Board, chart
from seglib.course.budget import budget
from seglib.course.kept import cold_seconds, count_objects, kept
from seglib.draw import overlay, show_images
from seglib.evaluate import Constant
from seglib.metrics import confusion_matrix, mean_iou

lesson = start("08_compare")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Pets if they are on this machine, otherwise drawn tide pools. All rows of this notebook are judged on the
# test images, and nothing is chosen on them.

# %%
many, few = {"tiny": (6, 5), "laptop": (60, 30), "gpu": (400, 100)}[lesson.profile.name]
parts = [lesson.photographs(split, "pets") or lesson.scenes(split) for split in ("train", "val", "test")]
data, val, test = [part.spread(number) for part, number in zip(parts, (many, few, few))]
classes = data.classes
show_images([overlay(*test[i], classes) for i in range(4)], alt="Four test images under their true masks.")

# %% [markdown]
# A `Board` is one judge for all rows. Its images, and the size at which a net sees them, are fixed before any
# row is added, and every mask is scored at the size of its image. The first row costs nothing.

# %%
board = Board(test, size=lesson.profile.size, profile=lesson.profile.name, device=lesson.profile.device)
board.add(Constant(0), family="baseline", name="all background")
board

# %% [markdown]
# * **boundary**: Boundary IoU of the objects, as in earlier leaderboards. The next column is the IoU of the
#   rarest class.
# * **M weights**: millions of learned numbers. **MB at work**: the most memory that tensors took at once
#   while one image was predicted.
# * **min to label**: the number of objects times your own seconds from notebook 03b, or published ones.

# %%
price = budget()
print(price)

# %% [markdown] tags=["train"]
# ## The rows
#
# What you trained in notebooks 04, 05b, 07b and 07c was kept, and comes back. What is missing is trained
# here. The last column says which row is which.
#
# [[08.p1]]

# %%
predict("08.p1", ...)

# %%
segmenters = {}
for one in kept(lesson, data):
    segmenters[one.name] = one.segmenter
    board.add(
        one.segmenter, name=one.name, family=one.family, train_seconds=one.seconds,
        minutes=one.minutes(price), origin=one.origin,
    )  # fmt: skip
print("kept:", ", ".join(segmenters) or "nothing, so everything is trained here")

# %% [markdown]
# **Regions** (notebook 04): proposals, features of the box and of the foreground, linear SVMs, paste.

# %%
from seglib.regions import RegionFeatures, RegionSegmenter

number, side = {"tiny": (25, 64), "laptop": (120, 96), "gpu": (500, 128)}[lesson.profile.name]
if "regions, joined" not in segmenters:
    regions = RegionSegmenter(classes, features=RegionFeatures(size=side), number=number, seed=lesson.seed)
    started = time.perf_counter()
    regions.fit(data, val)
    seconds = cold_seconds(regions, data, time.perf_counter() - started)
    minutes = count_objects(data) * price.mask / 60
    board.add(regions, family="regions", train_seconds=seconds, minutes=minutes, origin="trained here")
    segmenters[regions.name] = regions

# %% [markdown]
# **Nets** (notebooks 05b, 07b and 07c): the same steps and seed. Only the stride or the labels differ.

# %%
from seglib import backbones
from seglib.fcn import FCN
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train

steps, batch = {"tiny": (10, 2), "laptop": (80, 8), "gpu": (400, 16)}[lesson.profile.name]
recipe = {"steps": steps, "batch_size": batch, "size": (128, 128), "lr": 1e-3, "seed": lesson.seed}
print(", ".join(f"{what} {value}" for what, value in recipe.items()))


# %%
def teach(name, family, labels, minutes, stride=8):
    if name not in segmenters:
        torch.manual_seed(lesson.seed)
        net = FCN(backbones.load("lite0"), len(classes), stride=stride)
        last = finish(train(net, labels, **recipe), name)
        segmenters[name] = NetSegmenter(net, classes, name=name)
        costs = {"train_seconds": last.seconds, "minutes": minutes, "origin": "trained here"}
        board.add(segmenters[name], family=family, **costs)


# %%
minutes = count_objects(data) * price.mask / 60
teach("FCN-32s", "fcn", data, minutes, stride=32)
teach("FCN-8s", "fcn", data, minutes)

# %% [markdown]
# **From boxes**: labels by GrabCut+. And, for the same minutes of labelling, true masks of a few images.

# %%
from seglib.weak.schemes import pseudo_labels

teach("FCN-8s from boxes", "weak", pseudo_labels(data, "grabcut+"), minutes * price.box / price.mask)
some = data.spread(max(1, round(len(data) / price.boxes_per_mask)))
teach(f"FCN-8s, masks of {len(some)}", "fcn", some, count_objects(some) * price.mask / 60)

# %%
words = {"regions": "regions", "fcn": "a net taught by masks", "weak": "a net taught by boxes"}
ranked = sorted(board.rows.values(), key=lambda row: row.mean_iou)
reveal("08.p1", words[[row for row in ranked if row.family in words][-1].family])
board

# %% [markdown]
# By which column would the order be reversed? (In the tiny profile training lasts ten steps: everything runs,
# and the numbers mean nothing.)

# %% [markdown] tags=["concept"]
# ## The best row for a budget
#
# A ranking by mIoU puts the best row first, whatever it costs. You have a budget. If one row is better *and*
# cheaper than another, nobody needs the other: it is **dominated**. The rows that are left are the **Pareto
# front**.

# %% [markdown] tags=["exercise"]
# [[08.1]]
#
# `costs` and `quality` are lists of n numbers, one for each row. A row is dominated if another one costs no
# more and is no worse, and is strictly better in at least one of the two. Return the indices of the rows that
# are not dominated, the cheapest first.


# %%
def pareto(costs, quality):
    # BEGIN SOLUTION
    front = []
    for i in range(len(costs)):
        no_worse = [j for j in range(len(costs)) if costs[j] <= costs[i] and quality[j] >= quality[i]]
        if all(costs[j] == costs[i] and quality[j] == quality[i] for j in no_worse):
            front.append(i)
    return sorted(front, key=lambda i: costs[i])
    # END SOLUTION


# %%
check("08.1", pareto)
# hint("08.1")

# %%
pareto = checkpoint("08.1", pareto)

# %% [markdown]
# Your function chooses the rows that the line joins. Each tick of the axis is ten times the one before. How
# much mIoU does ten times the time buy?

# %%
rows = list(board.rows.values())
quality = [row.mean_iou for row in rows]
front = pareto([row.image_seconds for row in rows], quality)
chart(rows, "image_seconds", front)

# %% [markdown]
# The same for people. A row that costs nobody's time is a dashed line.

# %%
front = pareto([row.minutes for row in rows], quality)
chart(rows, "minutes", front)

# %% [markdown]
# "Points per minute" always favours the smallest budget. Ask instead what the *next* minutes bring, from one
# row of the front to the next.

# %%
for cheap, dear in pairwise(rows[k] for k in front):
    points, more = 100 * (dear.mean_iou - cheap.mean_iou), dear.minutes - cheap.minutes
    print(f"{cheap.name} -> {dear.name}: {points:+.1f} points for {more:.1f} minutes more")

# %% [markdown] tags=["instructor"]
# **10 minutes.** Draw the front on the board before 08.1, with five points, one of them dominated. Ask: can a
# row be on one chart's front and not on the other's? Misconception: "the front is the best three rows". Let
# groups read off the chart what they would get for a tenth of the minutes.

# %% [markdown]
# Four customers, each with a limit of seconds per image and of minutes to label. Seconds are those of *this*
# machine. Find each answer in the charts, too. Then change the limits until an answer changes.


# %%
def choose(seconds, minutes):
    """The best row by mIoU within both limits."""
    within = [row for row in rows if row.image_seconds <= seconds and row.minutes <= minutes]
    return max(within, key=lambda row: row.mean_iou).name


# %%
customers = {
    "a tractor that spots weeds, ten images a second": (0.1, math.inf),
    "a museum with a volunteer for an hour": (math.inf, 60),
    "a robot, ten images a second, an hour to label": (0.1, 60),
    "a film studio, no limits": (math.inf, math.inf),
}
for customer, limits in customers.items():
    print(f"{customer:48} {choose(*limits)}")

# %% [markdown] tags=["concept"]
# ## Is it luck?
#
# Other test images would have given other numbers. How different? There are no others, but you can pretend:
# draw as many images *from the test images*, with replacement, so that some come twice and some not at all,
# and compute the difference of two rows again. Do so a thousand times. This is the **bootstrap** (Efron
# 1979).
#
# Both rows get the *same* draw. An image that is hard for both should not count as a difference.
#
# [[08.p2]]

# %%
predict("08.p2", ...)

# %% [markdown] tags=["exercise"]
# [[08.2]]
#
# `first` and `second` (N, K, K) are the confusion matrices of N images by two segmenters. Return `draws`
# differences, a tensor: the data-set mIoU of `first` minus that of `second`, each over the same N images,
# drawn with replacement. `mean_iou(counts)` takes one (K, K) matrix. Draw with
# `torch.randint(..., generator=rng)`.


# %%
def bootstrap(first, second, draws, rng):
    # BEGIN SOLUTION
    differences = []
    for _ in range(draws):
        drawn = torch.randint(len(first), (len(first),), generator=rng)
        differences.append(mean_iou(first[drawn].sum(0)) - mean_iou(second[drawn].sum(0)))
    return torch.tensor(differences)
    # END SOLUTION


# %%
check("08.2", bootstrap)
# hint("08.2")

# %%
bootstrap = checkpoint("08.2", bootstrap)

# %%
second, best = [row.name for row in sorted(rows, key=lambda row: row.mean_iou)][-2:]
rng = torch.Generator().manual_seed(lesson.seed)
differences = 100 * bootstrap(board.counts(best), board.counts(second), 1000, rng)
low, high = (differences.quantile(share).item() for share in (0.025, 0.975))
print(f"{best} minus {second}: 95 % of the draws are between {low:+.1f} and {high:+.1f} points")
reveal("08.p2", high - low)

# %% [markdown]
# If 0 is within the interval, these images cannot tell the two apart. The bootstrap varies the *images*, not
# the training: with another seed, a net may move further than this interval.

# %% [markdown] tags=["measure"]
# ## Where do they fail?
#
# The image on which the two best rows differ most, then the two that are hardest for the best. Both viewers
# of a pair move together: zoom into one.

# %%
from seglib.widgets import MaskViewer
from seglib.widgets.viewer import linked


def pair(index):
    image, mask = test[index]
    maps = [{"truth": mask, name: board.preds[name][index]} for name in (best, second)]
    return linked(*(MaskViewer(image, both, classes=classes, layer=list(both)[1]) for both in maps))


# %%
ious = [torch.tensor([mean_iou(counts) for counts in board.counts(name)]) for name in (best, second)]
pair(int((ious[0] - ious[1]).abs().argmax()))

# %%
hardest = ious[0].argsort().tolist()
pair(hardest[0])

# %%
pair(hardest[1])

# %% [markdown]
# Switch a pair to *Difference*. What is wrong: the outline, the class, or a whole object? Which error would
# cost one of the customers most?

# %% [markdown] tags=["concept"]
# ## Add your own row
#
# Anything with a `name` and `predict(image)` can have a row. This one averages the probabilities of two nets,
# and costs what both cost. Change it: beat the best row, or find a cheaper one near the front.


# %%
class Mine:
    name = "mine"
    nets = segmenters["FCN-8s"], segmenters["FCN-8s from boxes"]

    def predict(self, image):
        return sum(net.probabilities(image) for net in self.nets).argmax(0)


# %%
used = [board.rows["FCN-8s"], board.rows["FCN-8s from boxes"]]
seconds, minutes = (sum(getattr(row, cost) for row in used) for cost in ("train_seconds", "minutes"))
board.add(Mine(), family="own", train_seconds=seconds, minutes=minutes, origin="mine")
board

# %%
rows = list(board.rows.values())
chart(rows, "image_seconds", pareto([row.image_seconds for row in rows], [row.mean_iou for row in rows]))

# %% [markdown]
# A class can merge its boards. This writes yours to a file; hand it to your teacher, who runs
# `python -m seglib board FILES...`.

# %%
print(board.write(student="my name"))

# %% [markdown] tags=["concept"]
# ## What a review says, and what you measured
#
# Guo and others reviewed the field in 2018. What they say, in short. *Regions*: proposals take time, their
# features take space on the disk, and boundaries are imprecise. *FCN*: images of any size, but a coarse map
# gives fuzzy boundaries. *Weak supervision*: cheaper labels, and results near those of full supervision.
#
# Each line below compares two numbers of this run. Which limit would you set differently?

# %%
row = board.rows
regions, fine, coarse, boxes = (
    row[name] for name in ("regions, joined", "FCN-8s", "FCN-32s", "FCN-8s from boxes")
)
features = segmenters["regions, joined"].extractor.cached(data[0][0])[1]
odd = segmenters["FCN-8s"].predict(test[0][0][:, :77, :91])
lazy = row["all background"].mean_iou

# %%
claims = {
    "regions: 10 times as slow as FCN-8s": regions.image_seconds >= 10 * fine.image_seconds,
    "regions: features larger than the image": features.nbytes > data[0][0].nbytes,
    "regions: worse boundaries than FCN-8s": regions.boundary < fine.boundary,
    "FCN: any size in, the same size out": odd.shape == (77, 91),
    "FCN: worse boundaries without skips": coarse.boundary < fine.boundary,
    "weak: a fifth of the minutes or less": 5 * boxes.minutes <= fine.minutes,
    "weak: 90 % of the gain of full supervision": boxes.mean_iou - lazy >= 0.9 * (fine.mean_iou - lazy),
}
for claim, holds in claims.items():
    print(f"{'holds here' if holds else 'does NOT hold here':20} {claim}")

# %% [markdown]
# One run on few images decides little. Three of these claims, with more seeds and data sets:
#
# [[table:R5b]]
#
# [[table:A1]]
#
# [[table:A6]]

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


# %%
def miou(judge):
    counts = [judge(segmenters["FCN-8s"], image, mask, len(classes)) for image, mask in test]
    return 100 * mean_iou(sum(counts), "truth")


print(f"your row {100 * row['FCN-8s'].mean_iou:.1f} %, with their camera {miou(team_counts):.1f} %")

# %% [markdown]
# Judged like this, their row cannot be compared with the others. Rewrite the function so that it can. The
# camera stays as it is.


# %%
def fair_counts(segmenter, image, mask, num_classes):
    # BEGIN SOLUTION
    pred = segmenter.predict(image[:, ::2, ::2])
    height, width = mask.shape
    enlarged = pred.repeat_interleave(2, dim=0).repeat_interleave(2, dim=1)[:height, :width]
    return confusion_matrix(enlarged, mask, num_classes)
    # END SOLUTION


# %%
check("08.3", fair_counts)
# hint("08.3")

# %%
fair_counts = checkpoint("08.3", fair_counts)

# %%
print(f"their camera, judged like every other row: {miou(fair_counts):.1f} %")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Three questions, and three customers. Which would you choose, and why?

# %%
quiz("08")

# %% [markdown] tags=["further"]
# ## Further
#
# * Y. Guo, Y. Liu, T. Georgiou, M. Lew: *A review of semantic segmentation using deep neural networks*,
#   International Journal of Multimedia Information Retrieval 7, 2018. The three families of this course.
# * B. Efron: *Bootstrap Methods: Another Look at the Jackknife*, Annals of Statistics 7, 1979.
# * R. Schwartz, J. Dodge, N. Smith, O. Etzioni: *Green AI*, Communications of the ACM 63, 2020: report the
#   cost next to the quality.
# * J. Long and others 2015, B. Hariharan and others 2014, A. Khoreva and others 2017: the papers behind the
#   rows, in notebooks 04, 05b and 07b.
#
# **Data.** Pets: Oxford-IIIT Pet (CC BY-SA 4.0), where found; else pools drawn by `seglib.scenes`. Weights:
# EfficientNet-Lite0 on ImageNet (Apache 2.0). See `data/README.md`.
