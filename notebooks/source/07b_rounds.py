# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool three times: with its boxes filled with colour; with the labels that follow when a pixel must
# be as its neighbours and as pixels of its own colour are; and with the true
# masks.](images/07b_question.png)
#
# A net that is trained on filled boxes need not predict boxes. It has seen many of them, and what they have
# in common is the object. So its predictions may be better labels than those that it has learned from.
#
# **Can a net correct its own teacher?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>Box-i and M-and-G+ ignore much of each box. What for?</summary>
#
# The pixels that they label are mostly right. An ignored pixel teaches nothing, a wrong one teaches something
# wrong (notebook 07a).
# </details>
#
# <details><summary>When is a comparison of nets fair: before or after the validation curve becomes
# flat?</summary>
#
# After. Nets that have hardly learned are all alike, so compare them when the best one has stopped improving:
# at its plateau.
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import math

import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.results import failures, leaderboard
from seglib.draw import overlay, show_images
from seglib.evaluate import Constant, evaluate
from seglib.regions import cached_proposals
from seglib.weak.boxes import load_boxes
from seglib.weak.labels import compare, quality
from seglib.weak.schemes import pseudo_labels

lesson = start("07b_rounds")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# The images of notebook 07a, pets or tide pools, and the labels that its schemes make from their boxes. The
# true masks measure these labels, and one net is trained on them: all others are compared with it.

# %%
many, few = {"tiny": (6, 4), "laptop": (60, 30), "gpu": (400, 100)}[lesson.profile.name]
parts = [lesson.photographs(split, "pets") or lesson.scenes(split) for split in ("train", "val", "test")]
data, val, test = [part.spread(number) for part, number in zip(parts, (many, few, few))]
annotations = load_boxes(data)
pseudo = {scheme: pseudo_labels(data, scheme) for scheme in ("rectangles", "box-i", "grabcut+")}
for scheme in ("m-and-g+", "boxsup"):
    pseudo[scheme] = pseudo_labels(data, scheme, propose=cached_proposals)

# %%
show_images(
    [overlay(data[0][0], labels, data.classes)
     for labels in (*(one.mask(0) for one in pseudo.values()), data[0][1])],
    titles=[*pseudo, "the truth"],
    columns=3,
    alt="An image with the labels of five schemes, pale where a pixel is ignored, and with the truth.",
)  # fmt: skip

# %% [markdown]
# How far do you think boxes get? All background costs nothing, so count from there.
#
# [[07b.p1]]

# %%
predict("07b.p1", ...)

# %% [markdown] tags=["train"]
# ## Full supervision, to its plateau
#
# Everything will be compared with true masks, so these come first. All runs below have the same net, number
# of steps and seed; only the labels differ. (In the tiny profile a run has six steps: everything works, but
# its numbers mean nothing.)

# %%
from seglib import backbones
from seglib.fcn import FCN

steps, batch = {"tiny": (6, 3), "laptop": (80, 8), "gpu": (400, 16)}[lesson.profile.name]
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
# Does the curve still rise, or has it reached a **plateau**? If it rises, this net is under-trained, and a
# ratio to it flatters all others.

# %%
curve = [100 * scores.mean_iou for scores in monitor.step.history.scores.values()]
print("mIoU of the validation:", *(f"{value:.0f}" for value in curve))
third = max(1, len(curve) // 3)  # single values vary, so the last third is compared with the one before it
late = (sum(curve[-third:]) - sum(curve[-2 * third : -third])) / third
print(f"The last third brought {late:+.1f} points:", "a plateau" if late < 2 else "NOT at its plateau")

# %% [markdown] tags=["train"]
# ## The same net, trained on boxes
#
# Box-i and M-and-G+ first; each takes as long as the net above. Filled boxes, BoxSup and GrabCut+ follow in
# rounds, below.

# %%
from seglib.segmenters import NetSegmenter
from seglib.train import finish

trained = {"full supervision": NetSegmenter(net, data.classes, size=recipe["size"])}
train_seconds = {}  # seconds


def teach(name, labels):
    """The same net, steps, images and seed each time: only the labels differ."""
    torch.manual_seed(lesson.seed)
    fresh = new_net()
    train_seconds[name] = finish(train(fresh, labels, **recipe), name).seconds
    trained[name] = NetSegmenter(fresh, data.classes, size=recipe["size"])


# %%
for scheme in ("box-i", "m-and-g+"):
    teach(scheme, pseudo[scheme])

# %% [markdown] tags=["concept"]
# ## The net helps to choose
#
# BoxSup gives each box one region, its **candidate**, and works in rounds. After each round, the net helps to
# choose again: each box takes the region that costs least, E_o + 3 E_r. **E_o** is 1 - IoU of the given box
# and the region's own. **E_r** is the net's mean loss in the box, if the region is the object and the rest of
# the box is background. (In the paper, this happens in every epoch of one training run.)

# %% [markdown] tags=["exercise"]
# [[07b.1]]
#
# `fits` (R,): IoU of the given box with that of each candidate. `losses` (R,): E_r of each candidate.
# `nothing`: E_r if no candidate is taken and all of the box is background. Return three numbers: the index
# of the cheapest candidate, its cost, and the cost of taking none. E_o sums over the candidates that are
# taken.


# %%
def cheapest(fits, losses, nothing):
    # BEGIN SOLUTION
    costs = (1 - fits) + 3 * losses
    number = int(costs.argmin())
    return number, float(costs[number]), 3 * nothing
    # END SOLUTION


# %%
check("07b.1", cheapest)
# hint("07b.1")

# %%
cheapest = checkpoint("07b.1", cheapest)

# %% [markdown]
# Use it on the first image, with a lazy net: it is 99 % sure of background everywhere.

# %%
from seglib.boxes import iou
from seglib.weak.schemes import region_loss

image, box = data[0][0], annotations[0].boxes[0]
regions, (x1, y1, x2, y2) = cached_proposals(image), box.tolist()
fits = iou(regions.boxes, box[None])[:, 0]
lazy = torch.ones(y2 - y1, x2 - x1)
as_object, as_background = -math.log(0.01) * lazy, -math.log(0.99) * lazy
losses = region_loss(regions.masks()[:, y1:y2, x1:x2], as_object, as_background)
number, cost, none = cheapest(fits, losses, -math.log(0.99))
print(f"{len(regions)} candidates; the cheapest costs {cost:.2f}, none costs {none:.2f}")

# %% [markdown]
# If a box may have no candidate, "all background" is nearly free, and a net that predicts it agrees with its
# labels. So the rule is: **exactly one candidate per box**. Nothing else keeps BoxSup from learning nothing
# at all. (The authors draw it at random from the five cheapest, so that a poor choice can be replaced later.)
#
# Now your function drives the rounds. `rounds` calls `by_cheapest` for each image after each training run,
# and this calls yours for each box, with the 200 regions that fit the box best.

# %%
from seglib.weak.boxes import NOT, OBJECT, paint
from seglib.weak.rounds import rounds


# %%
def by_cheapest(image, probabilities, given, number, initial):
    regions, loss = cached_proposals(image), -probabilities.cpu().clamp_min(1e-12).log()

    def inside(box, index):
        x1, y1, x2, y2 = box
        fits = iou(regions.boxes, torch.tensor([box]))[:, 0]
        near = fits.argsort(descending=True)[:200]
        pieces, (own, none) = regions.masks(near)[:, y1:y2, x1:x2], loss[[index, 0], y1:y2, x1:x2]
        best, *_ = cheapest(fits[near], region_loss(pieces, own, none), float(none.mean()))
        return torch.where(pieces[best], OBJECT, NOT)

    return paint(image, *given, inside, 0)


# %%
for one in rounds(new_net, pseudo["boxsup"], relabel=by_cheapest, max_rounds=2, min_change=0, **recipe):
    print(one)
trained["boxsup, round 1"] = one.segmenter

# %% [markdown]
# Are the second labels better? A net that has hardly learned is sure of background and of little else. Then
# E_r is smallest for small regions, and the second labels can be worse than the first. The net must be good
# before its choice helps.

# %% [markdown] tags=["concept"]
# ## Rounds, and how they drift
#
# Candidates are tied to regions and boxes. What if the next net is simply trained on what the last one
# predicts? That is **naive recursion**: nothing ties it to the boxes any more.
#
# [[07b.p2]]

# %%
predict("07b.p2", ...)

# %%
from seglib.weak.cleaning import Rules, naive

naive_rounds = list(
    rounds(new_net, pseudo["rectangles"], relabel=naive, max_rounds=3, min_change=0, **recipe)
)
print(*naive_rounds, sep="\n")
trained["rectangles"] = naive_rounds[0].segmenter

# %%
moved = 100 * (naive_rounds[-1].quality.filled.mean_iou - naive_rounds[0].quality.filled.mean_iou)
reveal("07b.p2", "about the same" if abs(moved) < 1 else "better" if moved > 0 else "worse")

# %% [markdown]
# "Simple Does It" cleans between the rounds, by three rules:
#
# 1. **Inside.** A pixel that is in no box of its class becomes background: only the boxes are certain.
# 2. **Reset.** If too little of an object is left, the net has lost it: its box gets back its label of the
#    first round.
# 3. **Smooth.** Let the label follow the edges of the image: a **fully connected CRF**, in which every pixel
#    is influenced by every other one, and most by near ones of its own colour. (Ours compares colours on a
#    smaller copy of the image, and never leaves the boxes.)
#
# What is too little? The paper says: less than half of the box. But a star fills a third of its box even if
# its mask is *perfect*. The share of its box that a class usually fills is its **fill rate**.

# %% [markdown] tags=["exercise"]
# [[07b.2]]
#
# `mask` (H, W) uint8 is the net's prediction, `initial` (H, W) uint8 the label of the first round, `box`
# x1, y1, x2, y2, `index` its class, `fill_rate` the share of its boxes that this class usually fills. If it
# fills less than `threshold * fill_rate` of the box, the pixels of the box become those of `initial`.
# Return a new mask.


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
check("07b.2", reset)
# hint("07b.2")

# %%
reset = checkpoint("07b.2", reset)

# %% [markdown]
# Your reset copies the **whole box**: the pixels of a smaller box in front of it are overwritten, too, even
# if they were right. The library's `reset_outliers` leaves them as they are.
#
# Fill rates need shapes, and boxes have none. We take those of GrabCut+: they need not be exact. A class with
# a single box keeps 100 %, the paper's rule.

# %%
from seglib.weak.cleaning import fill_rates

rates = fill_rates(pseudo["grabcut+"], few=2).tolist()
for name, rate in list(zip(data.classes, rates))[1:]:
    print(f"{name:10} usually fills {100 * rate:.0f} % of its box")

# %% [markdown]
# Your reset comes between rules 1 and 3 of the library. The CRF takes each label as 90 % sure, so that it may
# still change it; where a pixel is ignored, all classes are equally likely.

# %%
from seglib.weak.cleaning import keep_inside, mean_field

count = len(data.classes)


def smooth(image, mask):
    sure = 0.9 * (mask == torch.arange(count)[:, None, None]) + 0.1 / count
    return mean_field(image, sure / sure.sum(0)).argmax(0)


def clean(image, probabilities, given, number, initial):
    mask = keep_inside(probabilities.cpu().argmax(0), given)
    for box, index in zip(given.boxes.tolist(), given.classes.tolist()):
        mask = reset(mask, initial, box, index, rates[index], 0.5)
    return keep_inside(smooth(image, mask), given)


# %% [markdown]
# Try the rules one after the other, on the predictions of the first net. Nothing is trained here: these are
# the labels from which the second net *would* learn. The library's rule 3 also uses the net's own
# probabilities where the rules agree with it. If two rows are equal, the reset made no difference.

# %%
from seglib.weak.rounds import next_labels

some, full = naive_rounds[0].labels.spread(10), (1.0,) * count
cleaners = {
    "as predicted": naive,
    "inside": Rules(full, threshold=0, smoothing=False),
    "inside, reset at half": Rules(full, smoothing=False),
    "inside, reset by fill": Rules(tuple(rates), smoothing=False),
    "all three, with your reset": clean,
    "all three, the library's": Rules(tuple(rates)),
}

# %%
qualities = {"the filled boxes": quality(some)}
for name, cleaner in cleaners.items():
    qualities[name] = quality(next_labels(some, naive_rounds[0].segmenter, cleaner, name))
compare(qualities)

# %% [markdown] tags=["instructor"]
# **12 minutes.** Ask which rule helped, and whether more in mIoU or at the outlines. Ask: what does the reset
# do to an object that is half hidden behind another? (It fires, although nothing is wrong.) Misconception:
# "smoothing always helps". It cannot bring back what the net has missed.

# %% [markdown] tags=["train"]
# ## Rounds with rules

# %%
cleaned_rounds = list(
    rounds(new_net, pseudo["rectangles"], relabel=clean, max_rounds=3, min_change=0, **recipe)
)
print(*cleaned_rounds, sep="\n")
trained["rectangles, round 2"] = cleaned_rounds[-1].segmenter

# %% [markdown]
# And if the first labels are good already? GrabCut+, cleaned as before. `val` decides when to stop: after
# each round, net and rules make labels of a few validation images, whose true masks are known. If these are
# no better than before, the rounds end.

# %%
for one in rounds(new_net, pseudo["grabcut+"], relabel=clean, max_rounds=2, min_change=0, val=val, **recipe):
    print(one)
    trained[f"grabcut+, round {one.number}"] = one.segmenter

# %% [markdown]
# Above, true masks showed how good the labels were. With boxes alone you do not have them, so keep a few.
#
# Look more closely at the image whose label has changed most. Which scheme would you have chosen? Which rule
# changed which pixels? At which threshold is a box reset?

# %%
from seglib.widgets import RefinementExplorer

before, after = cleaned_rounds[0].labels, cleaned_rounds[-1].labels
most = max(range(len(data)), key=lambda i: int((before.mask(i) != after.mask(i)).sum()))
image, mask = data[most]
RefinementExplorer(
    image,
    mask,
    annotations[most],
    data.classes,
    schemes={name: labels.mask(most) for name, labels in pseudo.items()},
    rounds=[one.segmenter.probabilities(image) for one in cleaned_rounds],
    fill_rates=rates,
    qualities=[one.quality for one in cleaned_rounds],
)

# %% [markdown] tags=["measure"]
# ## How far did boxes get?
#
# All nets are evaluated on the test split. The best of the box nets is chosen on the validation split.
#
# The share is that of the **gain over all background**: (net - background) / (full supervision - background).
# The ratio of the plain mIoUs would be higher and say less, since all background is part of both.

# %%
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
val_mean_iou = {name: evaluate(one, val, boundary=False).mean_iou for name, one in trained.items()}
boxes_only = [name for name in trained if name != "full supervision"]
best = max(boxes_only, key=val_mean_iou.get)
print(f"chosen on the validation split: {best}")
if whole > 0:
    reveal("07b.p1", 100 * gain(best) / whole)

# %% [markdown]
# Notebook 08 compares the families. Two nets of a single training run are kept for it.

# %%
from seglib.course.kept import keep

once = max(train_seconds, key=val_mean_iou.get)
keep(
    lesson,
    trained[once],
    data,
    name="FCN-8s from boxes",
    family="weak",
    seconds=train_seconds[once],
    labels="box",
)
name, seconds = f"FCN-8s, masks of {len(data)}", monitor.step.seconds
keep(lesson, trained["full supervision"], data, name=name, family="fcn", seconds=seconds)

# %% [markdown]
# Three questions. Do the nets have the order of their labels? Are ignored pixels better than wrong ones
# (Box-i against filled boxes, M-and-G+ against GrabCut+)? And is Boundary IoU as close to that of full
# supervision as mIoU is?
#
# Where does the best of them fail? Its four worst images, each with its truth:

# %%
failures([trained[best].predict(image) for image, _ in test], test, best)

# %% [markdown]
# One run is one throw of the dice. **What three seeds say**, on pets. Label mIoU: ignored pixels take the
# nearest label.
#
# [[table:boxes-pets]]
#
# Which scheme reaches most of the gain of full supervision? `docs/claims.md` has these shares, seed by seed
# (R8). `docs/weak_tables.md` has the same table for streets and pools, and the labels and nets before and
# after one round. Did rounds help there? A round replaces labels by cleaned predictions, so it pays where
# these are better than the labels, and does harm where they are worse.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[07b.3]]
#
# A team has written rule 1 and tried it on images with one class of animal, where it is right. In images with
# several classes, the labels become worse from round to round. `mask` is (H, W) uint8, `boxes` (M, 4),
# `classes` (M,).


# %%
def team_inside(mask, boxes, classes):
    kept = torch.zeros_like(mask)
    for x1, y1, x2, y2 in boxes.tolist():
        kept[y1:y2, x1:x2] = mask[y1:y2, x1:x2]
    return kept


# %% tags=["nbval-check-output"]
boxes, classes = torch.tensor([[0, 0, 4, 2], [3, 0, 6, 2]]), torch.tensor([1, 2])
predicted = torch.tensor([[1, 1, 2, 2, 2, 0], [1, 2, 2, 1, 1, 2]], dtype=torch.uint8)
print("predicted:", *predicted.tolist())
print("the team: ", *team_inside(predicted, boxes, classes).tolist())

# %% [markdown]
# The first box is that of a crab, class 1, and ends after four columns; the second that of a fish, class 2.
# Which pixels should have gone? Find the bug and rewrite the rule: a pixel that is in no box of its class
# becomes background.


# %%
def inside(mask, boxes, classes):
    # BEGIN SOLUTION
    kept = torch.zeros_like(mask)
    for (x1, y1, x2, y2), index in zip(boxes.tolist(), classes.tolist()):
        here = mask[y1:y2, x1:x2] == index
        kept[y1:y2, x1:x2][here] = index
    return kept
    # END SOLUTION


# %%
check("07b.3", inside)
# hint("07b.3")

# %%
inside = checkpoint("07b.3", inside)
print("yours:    ", *inside(predicted, boxes, classes).tolist())

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("07b")

# %% [markdown] tags=["further"]
# ## Further
#
# * A. Khoreva, R. Benenson, J. Hosang, M. Hein, B. Schiele: *Simple Does It: Weakly Supervised Instance and
#   Semantic Segmentation*, CVPR 2017. Rounds and their rules: section 3.1.
# * J. Dai, K. He, J. Sun: *BoxSup*, ICCV 2015. E_o, E_r and the update: section 3.
# * P. Krähenbühl, V. Koltun: *Efficient Inference in Fully Connected CRFs*, NIPS 2011.
#
# **Data.** Pets: Oxford-IIIT Pet (CC BY-SA 4.0), where found, boxes from its trimaps; else pools drawn by
# `seglib.scenes`. Weights: EfficientNet-Lite0 on ImageNet (Apache 2.0). See `data/README.md`.
