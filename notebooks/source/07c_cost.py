# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![Twelve tide pools. Around the animals of eleven, boxes are drawn; the twelfth has a mask of each of its
# animals.](images/07c_question.png)
#
# By published measurements, a mask of an object takes 79 seconds, a box 7. So the boxes of eleven pools take
# as long as the masks of one, if all have the same number of animals.
#
# **Which would you draw?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>When is a comparison of nets fair: before or after the validation curve becomes
# flat?</summary>
#
# After. Nets that have hardly learned are all alike, so compare them when the best one has stopped improving:
# at its plateau (notebook 05b).
# </details>
#
# <details><summary>Where do your own seconds for a box and for a mask come from?</summary>
#
# From notebook 03b, where you drew both against the clock. Without it, published ones are used.
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.budget import budget
from seglib.course.demos import boxed
from seglib.course.results import leaderboard
from seglib.draw import overlay, show, show_images
from seglib.evaluate import Constant, evaluate
from seglib.weak.boxes import load_boxes
from seglib.weak.labels import quality
from seglib.weak.schemes import pseudo_labels

lesson = start("07c_cost")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Pets if they are on this machine, otherwise drawn tide pools. Each image has both boxes and a mask, so that
# any mixture can be tried.

# %%
many, few = {"tiny": (8, 5), "laptop": (60, 30), "gpu": (400, 100)}[lesson.profile.name]
parts = [lesson.photographs(split, "pets") or lesson.scenes(split) for split in ("train", "val", "test")]
data, val, test = [part.spread(number) for part, number in zip(parts, (many, few, few))]
annotations = load_boxes(data)
image, mask = data[0]
show_images(
    [boxed(image, annotations[0], data.classes), overlay(image, mask, data.classes)],
    titles=["boxes", "masks"],
    alt="The first image of the data set, with boxes around its objects, and with their masks.",
)

# %%
cost = budget()
print(cost)
objects = [len(one.boxes) for one in annotations]
print(f"{len(data)} images with {sum(objects)} objects")

# %% [markdown]
# Prices differ from task to task. The 7 seconds are for clicking on the four extreme points of an object; a
# box by two corners takes longer. A mask of a car is drawn faster than that of a tree. And somebody has to
# check all of them. Measure your own prices on your own images, as in notebook 03b.

# %% [markdown] tags=["concept"]
# ## What labels cost
#
# It need not be one or the other: some images may have masks, the others boxes.

# %% [markdown] tags=["exercise"]
# [[07c.1]]
#
# `objects` holds the number of objects of each image, `masked` the indices of the images that get masks. All
# others get boxes. Return the **minutes** for all of them.


# %%
def labelling_minutes(objects, masked, box_seconds, mask_seconds):
    # BEGIN SOLUTION
    seconds = 0
    for index, count in enumerate(objects):
        seconds += count * (mask_seconds if index in masked else box_seconds)
    return seconds / 60
    # END SOLUTION


# %%
check("07c.1", labelling_minutes)
# hint("07c.1")

# %%
labelling_minutes = checkpoint("07c.1", labelling_minutes)

# %%
everything = range(len(data))
quarter = everything[::4]
for name, masked in (("boxes", []), ("masks of a quarter, boxes", quarter), ("masks", everything)):
    print(f"{name:26} {labelling_minutes(objects, masked, cost.box, cost.mask):6.1f} min")

# %% [markdown] tags=["train"]
# ## The same minutes
#
# The net, the steps and the seed are the same each time; only the labels differ. Boxes become GrabCut+'s
# labels. (In the tiny profile a run has ten steps: everything works, but its numbers mean nothing.)

# %%
labels = pseudo_labels(data, "grabcut+")  # or "box-i": see notebook 07a
steps, batch = {"tiny": (10, 4), "laptop": (80, 8), "gpu": (400, 16)}[lesson.profile.name]
recipe = {"steps": steps, "size": (128, 128), "batch_size": batch, "lr": 1e-3, "seed": lesson.seed}
valid, tested, spent = {}, {}, {}

# %%
from seglib import backbones
from seglib.fcn import FCN
from seglib.segmenters import NetSegmenter


def new_net():
    torch.manual_seed(lesson.seed)
    return FCN(backbones.load("lite0"), len(data.classes), stride=8)


def measure(name, net, minutes):
    segmenter = NetSegmenter(net, data.classes, size=recipe["size"])
    valid[name] = evaluate(segmenter, val, boundary=False).mean_iou
    tested[name], spent[name] = evaluate(segmenter, test), minutes
    return segmenter


# %%
from seglib.train import finish, train


def teach(name, dataset, minutes):
    """Train on labels that took so many minutes; measure on the validation and the test split."""
    net = new_net()
    finish(train(net, dataset, **recipe), name)
    measure(name, net, minutes)


# %% [markdown]
# Boxes for all images; or, in about the same minutes, masks for a few of them.
#
# [[07c.p1]]

# %%
predict("07c.p1", ...)

# %%
every = max(1, round(cost.boxes_per_mask))
masked = everything[::every]
own = [objects[i] for i in masked]
teach("boxes", labels, labelling_minutes(objects, [], cost.box, cost.mask))
alone = f"masks of 1 in {every}"
teach(alone, data.subset(masked), labelling_minutes(own, range(len(own)), cost.box, cost.mask))

# %%
ahead = 100 * (tested["boxes"].mean_iou - tested[alone].mean_iou)
reveal("07c.p1", "about the same" if abs(ahead) < 1 else "boxes" if ahead > 0 else "masks")

# %% [markdown] tags=["instructor"]
# **15 minutes to here.** Let groups compare their own prices: who draws masks fast, who draws boxes badly?
# Ask what a loose box would cost. Misconception: "boxes are always the better choice". Ask what to draw if
# there are only ten images, and a day to label them.

# %% [markdown] tags=["train"]
# ## Masks among boxes
#
# And with more minutes? Masks for a quarter of the images, and boxes for the others; or nothing for the
# others.
#
# [[07c.p2]]

# %%
predict("07c.p2", ...)

# %%
mixed = labels.relabelled(
    (data[i][1] if i in quarter else labels.mask(i) for i in everything), "masks of a quarter"
)
teach("boxes, masks of 1 in 4", mixed, labelling_minutes(objects, quarter, cost.box, cost.mask))
own = [objects[i] for i in quarter]
teach("masks of 1 in 4", data.subset(quarter), labelling_minutes(own, range(len(own)), cost.box, cost.mask))

# %%
ahead = 100 * (tested["boxes, masks of 1 in 4"].mean_iou - tested["boxes"].mean_iou)
reveal("07c.p2", "about the same" if abs(ahead) < 1 else "better" if ahead > 0 else "worse")

# %% [markdown] tags=["train"]
# ## Masks for all
#
# **Full supervision**, true masks of all images, is what boxes are compared with. The comparison is fair if
# this net has reached its **plateau**. If its curve still rises, it is under-trained, and a ratio to it
# flatters all others.
#
# [[07c.p3]]

# %%
predict("07c.p3", ...)

# %%
from seglib.widgets import Monitor

net = new_net()
monitor = Monitor(train(net, data, val=val, val_every=max(1, steps // 10), **recipe))
monitor

# %%
await monitor.finished()

# %%
supervised = measure("masks", net, labelling_minutes(objects, everything, cost.box, cost.mask))
curve = [100 * scores.mean_iou for scores in monitor.step.history.scores.values()]
third = max(1, len(curve) // 3)  # single values vary, so the last third is compared with the one before it
late = (sum(curve[-third:]) - sum(curve[-2 * third : -third])) / third
print("mIoU of the validation:", *(f"{value:.0f}" for value in curve))
print(f"The last third brought {late:+.1f} points:", "a plateau" if late < 2 else "NOT at its plateau")

# %% [markdown] tags=["measure"]
# ## Quality per minute

# %%
lazy = evaluate(Constant(0), test)
leaderboard(tested | {"all background": lazy}, {name: f"{spent[name]:6.1f} min" for name in spent})

# %% [markdown]
# Each point is a net. The line begins at all background, which costs nothing, and rises only where more
# minutes gave a better net.

# %%
from matplotlib.figure import Figure

figure = Figure(figsize=(7, 3.4), layout="constrained")
axis, best = figure.subplots(), 100 * lazy.mean_iou
points = [(0, best)]
for name in sorted(spent, key=spent.get):
    score = 100 * tested[name].mean_iou
    axis.plot(spent[name], score, "o", label=name)
    if score > best:
        best = score
        points.append((spent[name], best))
axis.step(*zip(*points), where="post", color="0.6", zorder=0)
axis.set(xlabel="minutes of labelling", ylabel="mIoU of the test split, %")
axis.legend(fontsize=8)
show(figure, alt="mIoU against minutes of labelling, a point for each net; the text above has the numbers.")

# %% [markdown]
# A student, a hospital and a car maker have different budgets. Which labels are best for each?

# %% [markdown] tags=["exercise"]
# [[07c.2]]
#
# `minutes` and `quality` are dicts with the same names. Return the name of the highest quality that takes at
# most `limit` minutes; of two with the same quality, the one that takes less time; "nothing" if none is
# within the limit.


# %%
def affordable(minutes, quality, limit):
    # BEGIN SOLUTION
    within = [name for name in minutes if minutes[name] <= limit]
    return max(within, key=lambda name: (quality[name], -minutes[name]), default="nothing")
    # END SOLUTION


# %%
check("07c.2", affordable)
# hint("07c.2")

# %%
affordable = checkpoint("07c.2", affordable)

# %% [markdown]
# The choice is made on the validation split, so that the test split can still say how good it is.

# %%
for limit in (spent["boxes"] / 2, spent["boxes"], 3 * spent["boxes"], spent["masks"]):
    name = affordable(spent, valid, limit)
    worth = f"{name}, mIoU {100 * tested[name].mean_iou:.1f} % on the test split" if name in tested else name
    print(f"{limit:6.1f} min: {worth}")

# %% [markdown]
# Notebook 08 compares the families. Full supervision is kept for it.

# %%
from seglib.course.kept import keep

name, seconds = f"FCN-8s, masks of {len(data)}", monitor.step.seconds
keep(lesson, supervised, data, name=name, family="fcn", seconds=seconds)

# %% [markdown]
# One run is one throw of the dice, and nets that are close may change places. **What three seeds say**, at
# the published prices:
#
# [[table:mixed]]
#
# Which is better for the same minutes: boxes for all images, or masks for 1 in 11? And do masks *among* boxes
# help? Each image counts the same in training, so a few masks can be outvoted by many boxes. `docs/claims.md`
# has the verdicts (A6, A7).

# %% [markdown] tags=["exercise"]
# ## Open task: which images deserve masks?
#
# [[07c.3]]
#
# Every fourth image got masks above. Choose better. All boxes are drawn, and there are `minutes` for masks.
# `annotations` holds the `.boxes` (M, 4) and `.classes` (M,) of each image, `sizes` its (height, width). A
# mask of one object takes `mask_minutes`. Return a list: the indices of the images whose objects all get
# masks.
#
# `check` takes forty drawn pools, and the minutes that masks of every fourth of them take. The true masks of
# your images, with GrabCut+'s labels of all others, must have a label mIoU one point above that of every
# fourth image. There is no single right answer: where is GrabCut+ wrong, and what does a mask of it cost?


# %%
def my_choice(annotations, sizes, mask_minutes, minutes):
    # BEGIN SOLUTION
    chosen, area = [], []  # pixels of a box, on average: a mask is paid for by the object, whatever its size
    for one in annotations:
        area.append((one.boxes[:, 2:] - one.boxes[:, :2]).prod(1).sum() / max(1, len(one.boxes)))
    for index in sorted(range(len(area)), key=lambda index: area[index], reverse=True):
        price = len(annotations[index].boxes) * mask_minutes
        if price <= minutes:
            chosen.append(index)
            minutes -= price
    return chosen
    # END SOLUTION


# %%
check("07c.3", my_choice)
# hint("07c.3")

# %%
my_choice = checkpoint("07c.3", my_choice)

# %% [markdown]
# On the images of this notebook, in the minutes that a quarter of the masks took:

# %%
each = cost.mask / 60
sizes = [tuple(mask.shape) for _, mask in data]
chosen = my_choice(annotations, sizes, each, each * sum(objects[i] for i in quarter))
for name, some in (("every fourth image", quarter), ("your choice", chosen)):
    masks = (data[i][1] if i in some else labels.mask(i) for i in everything)
    score = quality(labels.relabelled(masks, name)).filled.mean_iou
    taken = each * sum(objects[i] for i in some)
    print(f"{name:18} {taken:6.1f} min of masks, label mIoU {100 * score:.1f} %")

# %% [markdown] tags=["instructor"]
# **5 minutes.** Keep a list on the board: rule, label mIoU of the check. A random choice is on average as
# good as every fourth image. Large boxes are better, and so are classes that GrabCut+ has wrong. Ask whether
# better labels teach a better net, and how one would find out. Misconception: "the images with the fewest
# objects, since they are cheap". Masks are paid for by the object.

# %% [markdown]
# **What the papers report.** VOC 2012, validation split, mIoU in %, each with its own net, VGG-16. Before you
# believe the last column, do the bug clinic.
#
# | | from boxes | full supervision | ratio |
# |---|---|---|---|
# | BoxSup (Dai et al. 2015) | 62.0 | 63.8 | 97.2 |
# | Box-i (Khoreva et al. 2017) | 62.7 | 69.1 | 90.7 |
# | M-and-G+ (Khoreva et al. 2017) | 65.7 | 69.1 | 95.1 |

# %% [markdown] tags=["concept"]
# ## Since then
#
# * **Less than a box.** An image label says that there is a cat, and not where. Notebook 05a's heat map of a
#   classifier is nearly a **class activation map** (Zhou et al. 2016): a score for each place, from a net
#   that has learned from image labels only. It is high on the face and low on the tail, so it is grown to the
#   edges of the image (Kolesnikov and Lampert 2016). **Points**, a click on each object, and **scribbles**, a
#   stroke through it, take seconds (Bearman et al. 2016; Lin et al. 2016), and label few pixels.
# * **No labels at all.** BoxInst (Tian et al. 2021) puts the boxes into the loss: a mask must touch each side
#   of its box, and neighbours of one colour must agree.
# * **Prompted nets.** The Segment Anything Model, **SAM** (Kirillov et al. 2023), has learned from 11 million
#   images with a billion masks, nearly all of which it drew itself. It takes points or boxes as a prompt and
#   answers with a mask. So GrabCut+ has a successor: prompt with each box, and give the mask the box's class.
#   The rest remains: boxes overlap, labels must be measured, and a small and fast net is still trained on
#   them.
# * **The price changes, the question does not.** If a mask is a prompt and a correction, it costs little more
#   than a box. Put your own seconds into `labelling_minutes`, and read the curve again.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[07c.4]]
#
# A report says: "Our net from boxes reaches nearly all of full supervision." The share was computed like
# this. Try it with a segmenter that has learned nothing:


# %%
def team_share(net, full):
    return net / full


# %%
full = tested["masks"].mean_iou
for name, score in (("boxes", tested["boxes"].mean_iou), ("all background", lazy.mean_iou)):
    print(f"{name:15} {100 * team_share(score, full):3.0f} % of full supervision")

# %% [markdown]
# Rewrite it as a share of the **gain**: all background, `lazy`, has 0, and full supervision has 1. If full
# supervision is no better than all background, there is no gain to have a share of: return 0.


# %%
def share_of_gain(net, full, lazy):
    # BEGIN SOLUTION
    return (net - lazy) / (full - lazy) if full > lazy else 0.0
    # END SOLUTION


# %%
check("07c.4", share_of_gain)
# hint("07c.4")

# %%
share_of_gain = checkpoint("07c.4", share_of_gain)
for name, scores in tested.items():
    share = share_of_gain(scores.mean_iou, full, lazy.mean_iou)
    print(f"{name:24} {100 * share:4.0f} % of the gain")
reveal("07c.p3", 100 * share_of_gain(tested["boxes"].mean_iou, full, lazy.mean_iou))

# %% [markdown]
# For M-and-G+ and BoxSup, the papers report 95 % and more of full supervision's mIoU. Is it 95 % of the gain,
# too? `docs/claims.md` judges both on three data sets (R8, R8b), and a round from GrabCut+ (R8c).

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("07c")

# %% [markdown] tags=["further"]
# ## Further
#
# * D. Papadopoulos, J. Uijlings, F. Keller, V. Ferrari: *Extreme clicking for efficient object annotation*,
#   ICCV 2017: a box in 7 s. T.-Y. Lin et al.: *Microsoft COCO*, ECCV 2014: a mask in 79 s.
# * B. Zhou, A. Khosla, A. Lapedriza, A. Oliva, A. Torralba: *Learning Deep Features for Discriminative
#   Localization*, CVPR 2016. A. Kolesnikov, C. Lampert: *Seed, Expand and Constrain*, ECCV 2016.
# * A. Bearman, O. Russakovsky, V. Ferrari, L. Fei-Fei: *What's the Point: Semantic Segmentation with Point
#   Supervision*, ECCV 2016: points, strokes and masks by the clock.
# * D. Lin, J. Dai, J. Jia, K. He, J. Sun: *ScribbleSup*, CVPR 2016.
# * Z. Tian, C. Shen, X. Wang, H. Chen: *BoxInst: High-Performance Instance Segmentation with Box
#   Annotations*, CVPR 2021. A. Kirillov et al.: *Segment Anything*, ICCV 2023.
#
# **Data.** Pets: Oxford-IIIT Pet (CC BY-SA 4.0), where found, boxes from its trimaps; else pools drawn by
# `seglib.scenes`. Weights: EfficientNet-Lite0 on ImageNet (Apache 2.0). See `data/README.md`.
