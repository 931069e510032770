# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool three times: with its boxes filled with colour; with the labels that follow when neighbours
# and pixels of similar colour must agree; and with the true masks.](images/07b_question.png)
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
# <details><summary>In BoxSup, what is the candidate of a box, as long as there is no net?</summary>
#
# One region proposal, drawn from the five whose own boxes fit best (notebook 07a).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import torch

from seglib.boxes import iou
from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.results import failures, leaderboard
from seglib.draw import overlay, show_images
from seglib.evaluate import Constant, evaluate
from seglib.regions import cached_proposals
from seglib.weak.boxes import NOT, OBJECT, load_boxes, paint
from seglib.weak.labels import compare, quality
from seglib.weak.schemes import pseudo_labels, region_loss

lesson = start("07b_rounds")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# The images of notebook 07a, pets or tide pools, and the labels that its schemes make from their boxes. No
# net in this notebook is trained on true masks: they only measure.

# %%
many, few = {"tiny": (6, 4), "laptop": (60, 30), "gpu": (400, 100)}[lesson.profile.name]
parts = [lesson.photographs(split, "pets") or lesson.scenes(split) for split in ("train", "val", "test")]
data, val, test = [part.spread(number) for part, number in zip(parts, (many, few, few))]
annotations = load_boxes(data)
pseudo = {scheme: pseudo_labels(data, scheme) for scheme in ("rectangles", "box-i", "grabcut+")}
for scheme in ("m-and-g+", "boxsup"):
    pseudo[scheme] = pseudo_labels(data, scheme, propose=cached_proposals)
shown = [*(one.mask(0) for one in pseudo.values()), data[0][1]]
show_images(
    [overlay(data[0][0], mask, data.classes) for mask in shown],
    titles=[*pseudo, "the truth"],
    columns=3,
    alt="An image with the labels of five schemes, pale where a pixel is ignored, and with the truth.",
)

# %% [markdown]
# [[07b.p1]]

# %%
predict("07b.p1", ...)

# %% [markdown] tags=["train"]
# ## A net for each scheme
#
# All nets below have the same layers, first weights and number of steps; only the labels differ. Box-i and
# M-and-G+ come first. Filled boxes, BoxSup and GrabCut+ follow, in rounds. (In the tiny profile a run has six
# steps: everything works, but its numbers mean nothing.)

# %%
from seglib import backbones
from seglib.fcn import FCN

steps, batch = {"tiny": (6, 3), "laptop": (80, 8), "gpu": (400, 16)}[lesson.profile.name]
recipe = {"steps": steps, "size": (128, 128), "batch_size": batch, "lr": 1e-3, "seed": lesson.seed}


def new_net():
    return FCN(backbones.load("lite0"), len(data.classes), stride=8)


# %%
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train

trained, train_seconds = {}, {}
for scheme in ("box-i", "m-and-g+"):
    torch.manual_seed(lesson.seed)
    net = new_net()
    train_seconds[scheme] = finish(train(net, pseudo[scheme], **recipe), scheme).seconds
    trained[scheme] = NetSegmenter(net, data.classes, size=recipe["size"])

# %% [markdown] tags=["concept"]
# ## The net helps to choose
#
# BoxSup works in rounds. After each, the net helps to choose the candidates anew: each box takes the region
# that costs least, E_o + 3 E_r. **E_o** is 1 - IoU of the given box and the region's own. **E_r** is the
# net's mean loss in the box, if the region is the object and the rest of the box is background. (In the
# paper, this happens in every epoch of one training run.)

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
# Take a net that is 99 % sure of background everywhere. If a box has no candidate, E_r is -ln .99 = .01, and
# the cost is .03; every candidate costs more. A net that finds nothing would agree with such labels. So
# BoxSup has a rule: **exactly one candidate per box**. (The authors draw it at random from the five cheapest,
# so that a poor choice can be replaced later.)
#
# Now your function drives the rounds. `rounds` trains a net and calls `by_cheapest` for each image; this
# calls yours for each box, with the 200 regions that fit the box best. The next net is trained on the new
# labels.


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
from seglib.weak.rounds import rounds

for one in rounds(new_net, pseudo["boxsup"], relabel=by_cheapest, max_rounds=2, min_change=0, **recipe):
    print(one)
trained["boxsup, round 1"] = one.segmenter

# %% [markdown]
# Are the second labels better? A net that has hardly learned is sure of background and of little else. Then
# E_r is smallest for small regions, and the second labels can be worse than the first.

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
#    smaller copy of the image.)
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
# Fill rates need shapes, and boxes have none. We take those of GrabCut+: they need not be exact. A class with
# one box or none keeps 100 %, the paper's rule.

# %%
from seglib.weak.cleaning import fill_rates

rates = fill_rates(pseudo["grabcut+"], few=2).tolist()
for name, rate in list(zip(data.classes, rates))[1:]:
    print(f"{name:10} usually fills {100 * rate:.0f} % of its box")

# %% [markdown]
# Your reset comes between rules 1 and 3. The CRF takes each label as 90 % sure, so that it may still change
# it; where a pixel is ignored, all classes are equally likely.

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
# Try the rules one after the other, on the predictions of the first net: the labels from which the second net
# *would* learn. Where two rows are equal, the reset made no difference. `docs/weak_tables.md` says how the
# library's rules differ from yours.

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
qualities = {"the filled boxes": quality(some)}
for name, cleaner in cleaners.items():
    qualities[name] = quality(next_labels(some, naive_rounds[0].segmenter, cleaner, name))
compare(qualities)

# %% [markdown] tags=["instructor"]
# **15 minutes.** Ask which rule helped, and whether more in mIoU or at the outlines. Ask: what does the reset
# do to an object that is half hidden behind another? (It fires, although nothing is wrong.) Misconception:
# "smoothing always helps". It cannot bring back what the net has missed.

# %% [markdown] tags=["exercise"]
# ## Open task: a rule of your own
#
# [[07b.3]]
#
# `image` is (3, H, W) uint8; `mask` (H, W) uint8 is what a net predicts in it, `initial` (H, W) uint8 the
# filled boxes; `boxes` (M, 4), `classes` (M,). Return a cleaned mask (H, W) uint8. Pixels of 255 are ignored
# and take the nearest label. `check` tries your rule on twelve pools, predicted by the linear layer of
# notebook 03a. The mIoU of the labels must be five points above that after rules 1 and 2, reset at half.
# There is no single right answer. Use the arguments only: your images and those of `check` may have other
# classes.


# %%
def my_rule(image, mask, initial, boxes, classes):
    # BEGIN SOLUTION
    result = torch.zeros_like(mask)
    for (x1, y1, x2, y2), index in zip(boxes.tolist(), classes.tolist()):
        result[y1:y2, x1:x2][mask[y1:y2, x1:x2] > 0] = index
    return result
    # END SOLUTION


# %%
check("07b.3", my_rule)
# hint("07b.3")

# %% [markdown]
# And on the predictions of the first net, next to the others:

# %%
my_rule = checkpoint("07b.3", my_rule)


def by_my_rule(image, probabilities, given, number, initial):
    return my_rule(image, probabilities.cpu().argmax(0).to(torch.uint8), initial, *given)


own = next_labels(some, naive_rounds[0].segmenter, by_my_rule, "your own rule")
compare(qualities | {"your own rule": quality(own)})

# %% [markdown] tags=["train"]
# ## Rounds with rules

# %%
cleaned_rounds = list(
    rounds(new_net, pseudo["rectangles"], relabel=clean, max_rounds=3, min_change=0, **recipe)
)
print(*cleaned_rounds, sep="\n")
trained["rectangles, round 2"] = cleaned_rounds[-1].segmenter

# %% [markdown]
# And if the first labels are good already? Here are GrabCut+'s, cleaned as before. `val` decides when to
# stop: after each round, the net and the rules make labels of a few validation images, whose true masks are
# known. If these are no better than before, the rounds end.

# %%
for one in rounds(new_net, pseudo["grabcut+"], relabel=clean, max_rounds=2, min_change=0, val=val, **recipe):
    print(one)
    trained[f"grabcut+, round {one.number}"] = one.segmenter

# %% [markdown]
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
# ## Which net is the best?
#
# All nets are evaluated on the test split. The best one is chosen on the validation split.

# %%
table = {name: evaluate(segmenter, test) for name, segmenter in trained.items()}
leaderboard(table | {"all background": evaluate(Constant(0), test)})
val_mean_iou = {name: evaluate(one, val, boundary=False).mean_iou for name, one in trained.items()}
best = max(trained, key=val_mean_iou.get)
print(f"chosen on the validation split: {best}")
reveal("07b.p1", best.partition(",")[0])

# %% [markdown]
# Where does it fail? These are its four worst images, each with its truth. Of the nets of Box-i and M-and-G+,
# the better one is kept for notebook 08, which compares the families.

# %%
from seglib.course.kept import keep

failures([trained[best].predict(image) for image, _ in test], test, best)
once = max(train_seconds, key=val_mean_iou.get)
seconds = train_seconds[once]
keep(lesson, trained[once], data, name="FCN-8s from boxes", family="weak", seconds=seconds, labels="box")

# %% [markdown]
# One run is one throw of the dice. **What three seeds say**, on pets. Label mIoU: ignored pixels take the
# nearest label.
#
# [[table:boxes-pets]]
#
# Do the nets have the order of their labels? Are ignored pixels better than wrong ones (Box-i against filled
# boxes)? Is Boundary IoU as close to that of full supervision, a net from true masks, as mIoU is?
#
# `docs/weak_tables.md` has the same table for streets and pools, and labels and nets before and after one
# round. A round replaces labels by cleaned predictions. It helps where these are better than the labels, and
# harms where they are worse.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[07b.4]]
#
# A team has written rule 1 and tried it on images with one class of animal, where it is right. In images with
# several classes, the labels become worse from round to round. `mask` is (H, W) uint8, `boxes` (M, 4),
# `classes` (M,).


# %% tags=["nbval-check-output"]
def team_inside(mask, boxes, classes):
    kept = torch.zeros_like(mask)
    for x1, y1, x2, y2 in boxes.tolist():
        kept[y1:y2, x1:x2] = mask[y1:y2, x1:x2]
    return kept


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
check("07b.4", inside)
# hint("07b.4")

# %%
inside = checkpoint("07b.4", inside)
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
