# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool; its true mask with a shell, kelp and two seahorses; the mask of a net trained without class
# weights, which misses most of them; and of the same net trained with weights, which claims far too
# much.](images/06_question.png)
#
# Two copies of one net, trained on the same images for the same number of steps. For one of them, the pixels
# of rare classes had more weight in the loss.
#
# **Which of the two masks would you rather have?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>What does a class-balanced sampler not balance?</summary>
#
# The pixels inside an image. An image with a seahorse is still mostly sand (notebook 03a).
# </details>
#
# <details><summary>A net paints seahorses twice as wide as they are. What happens to recall and to
# IoU?</summary>
#
# Recall can only rise. IoU falls: the extra pixels are in the union (notebook 02).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.results import league, measures
from seglib.data import in_memory
from seglib.data.balance import count, median_frequency
from seglib.evaluate import evaluate
from seglib.losses import cross_entropy, focal_loss, lovasz_softmax
from seglib.segmenters import NetSegmenter
from seglib.train import finish, train
from seglib.widgets.monitor import Monitor, Seen

lesson = start("06_imbalance")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Tide pools again. The **rarity dial** says how often a seahorse is drawn, compared with any other animal:
# here a fifth as often.

# %%
size = (96, 96)
number, judged = {"tiny": (24, 24), "laptop": (160, 100), "gpu": (400, 200)}[lesson.profile.name]


def pools_at(frequency):
    """Training and validation pools at one stop of the dial."""
    parts = {"train": number, "val": judged}
    return [in_memory(lesson.scenes(part, n, size, frequency=frequency)) for part, n in parts.items()]


pools, val = pools_at(0.2)
counts, classes = count(pools), pools.classes
counts

# %% [markdown]
# A class is **rare** here if it has fewer pixels than the median class.

# %%
rare = counts.shares() < counts.shares().median()
print([name for name, few in zip(classes, rare) if few])

# %% [markdown] tags=["train"]
# ## Doing nothing
#
# Everything is compared with this run: plain cross-entropy, each image once per epoch. Where nothing else is
# said, the runs below have the same images, number of steps and seed.
#
# Only the score layers learn; ImageNet's layers stay as they are (*score layers only* in notebook 05b). So a
# run takes seconds, and we can afford many. (In the tiny profile a run has four steps: everything works, but
# its numbers mean nothing.)

# %%
from seglib import backbones
from seglib.fcn import FCN

steps, batch = {"tiny": (4, 4), "laptop": (60, 8), "gpu": (200, 16)}[lesson.profile.name]
options = {"steps": steps, "batch_size": batch, "lr": 3e-3, "precision": "float32"}
lite = backbones.load("lite0")


def new_net(num_classes, seed=lesson.seed):
    torch.manual_seed(seed)
    return FCN(lite, num_classes, stride=8).freeze()


# %% [markdown]
# Four measures, in %. **Class accuracy** is the mean over the classes of the share of their pixels that was
# found. The last line is the laziest answer.

# %%
net = new_net(len(classes))
finish(train(net, pools, **options), "nothing")
table = {"nothing": [evaluate(NetSegmenter(net, classes), val, boundary=False)]}
league(table, rare)

# %% [markdown] tags=["concept"]
# ## Weights
#
# Now the same run, with median-frequency weights (notebook 03a) in the loss.
#
# [[06.p1]]

# %%
predict("06.p1", ...)

# %% [markdown]
# `Seen` wraps the loss and counts the classes of every batch. While the net is trained, compare the share of
# each class in the **batches**, its **true share** of the validation images and its **predicted share**.
# Which classes are predicted more often than they occur? Which way do the background and the seahorse go?

# %%
from functools import partial

weights = median_frequency(counts)
weighted, seen = new_net(len(classes)), Seen(partial(cross_entropy, weights=weights))
run = train(weighted, pools, val=val, val_every=max(steps // 6, 1), loss=seen, **options)
monitor = Monitor(run, seen=seen)
monitor

# %%
await monitor.finished()
table["weights"] = [evaluate(NetSegmenter(weighted, classes), val, boundary=False)]
before, after = (measures(table[name][0], rare) for name in ("nothing", "weights"))
reveal("06.p1", min(before, key=lambda name: after[name] - before[name]))
league(table, rare)

# %% [markdown]
# Compare class accuracy with the IoU of the rare classes. The first counts what was found; the second also
# counts what was claimed wrongly. A report of the first alone can make weights look better than they are.
#
# Median frequency looks at how large a class is in the images that have it. That few images have a seahorse
# does not count.

# %% [markdown] tags=["concept"]
# ## Weights without training
#
# What have the weights taught the net? Take the net that was trained without them, and multiply its
# probability of each class by the weight of the class; the largest product wins. Adding the logarithm of the
# weight to the score is the same: *logit adjustment* (Menon et al. 2021).


# %%
class Shifted(NetSegmenter):
    def predict(self, image):
        return (self.probabilities(image) * weights[:, None, None]).argmax(0)


table["nothing, shifted"] = [evaluate(Shifted(net, classes), val, boundary=False)]
league(table, rare)

# %% [markdown]
# Compare the three rows. How much of the effect of the weights is there without training? That part is no new
# knowledge about the animals. It is the **threshold** above which a pixel is called an animal. You can move
# it after training, at no cost, to where your application needs it.

# %% [markdown] tags=["instructor"]
# **12 minutes until here.** The shift is the point of this notebook: let pairs explain in one sentence why
# weights in the loss and weights on the probabilities have nearly the same effect. Misconception: "weights
# make the net look harder at seahorses".

# %% [markdown] tags=["exercise"]
# ## Open task: how far to shift
#
# [[06.1]]
#
# `probabilities` (K, H, W) are those of a finished net, `shares` (K,) the classes' shares of the training
# pixels. Return the prediction (H, W), int64. `check` takes the linear layer of notebook 03a, trained with
# plain cross-entropy, and measures the mIoU on single pixels of other images. It must be 2.5 points higher
# than both without a shift and with the full one, each probability divided by the share of its class. There
# is no single right answer.


# %%
def my_shift(probabilities, shares):
    # BEGIN SOLUTION
    return (probabilities / shares[:, None, None] ** 0.4).argmax(0)
    # END SOLUTION


# %%
check("06.1", my_shift)
# hint("06.1")

# %%
my_shift = checkpoint("06.1", my_shift)


class ShiftedByYou(NetSegmenter):
    def predict(self, image):
        return my_shift(self.probabilities(image), counts.shares())


table["nothing, your shift"] = [evaluate(ShiftedByYou(net, classes), val, boundary=False)]
league(table, rare)

# %% [markdown]
# You have chosen your shift by the pixels that judge it. Which pixels could judge it now?

# %% [markdown] tags=["concept"]
# ## Sampling
#
# Or show rare classes more often, and leave the loss as it is. LVIS repeats images (Gupta et al. 2019): a
# class that is in a share f of the images has the factor max(1, sqrt(threshold / f)), and an image has the
# largest factor of its classes. `reweight` (notebook 03a) brings the classes as near to equal shares of the
# pixels as it can without drawing only a few images.
#
# A **recipe** says what to change in `train`, given the counts of the images.

# %%
from seglib.data.sampling import repeat_factor, reweight

recipes = {
    "nothing": lambda counts: {},
    "weights": lambda counts: {"loss": partial(cross_entropy, weights=median_frequency(counts))},
    "sampling": lambda counts: {"weights": repeat_factor(counts, threshold=0.5)},
    "reweighting": lambda counts: {"weights": reweight(counts).weights},
}
factors = repeat_factor(counts, threshold=0.5)
print(f"sampling: an image counts {factors.min():.1f} to {factors.max():.1f} times")


# %%
def trial(name, data=pools, judge=val, seed=lesson.seed, **more):
    """Train a new net by a recipe; the scores."""
    net = new_net(len(data.classes), seed)
    changes = recipes[name](count(data)) | more
    finish(train(net, data, **options | {"seed": seed} | changes), name)
    return evaluate(NetSegmenter(net, data.classes), judge, boundary=False)


# %% [markdown]
# [[06.p2]]

# %%
predict("06.p2", ...)

# %%
for name in ("sampling", "reweighting"):
    table[name] = [trial(name)]
better = [measures(table[name][0], rare)["rare IoU"] for name in ("weights", "sampling")]
close = abs(better[0] - better[1]) < 1
reveal("06.p2", "about the same" if close else "weights" if better[0] > better[1] else "sampling")
league(table, rare)

# %% [markdown] tags=["exercise"]
# ## Losses
#
# [[06.2]]
#
# A loss can count classes instead of pixels. **Dice** of a class: 2 sum(p t) / (sum p + sum t), with p the
# probability and t the truth, 0 or 1, summed over the pixels of the batch. The loss is 1 minus the mean Dice
# of the classes that occur. The first lines make p and t, a row for each class, and leave void out.


# %%
def soft_dice(logits, masks):
    known = masks != 255
    p = logits.softmax(1).movedim(1, 0)[:, known]  # (K, pixels)
    t = (masks[known] == torch.arange(len(p), device=p.device)[:, None]).float()  # (K, pixels)
    # BEGIN SOLUTION
    dice = 2 * (p * t).sum(1) / (p.sum(1) + t.sum(1))
    return 1 - dice[t.any(1)].mean()
    # END SOLUTION


# %%
check("06.2", soft_dice)
# hint("06.2")

# %% [markdown]
# Two more: the **focal** loss counts a pixel less, the surer the net is of its true class (Lin et al. 2017);
# **Lovász** is a surrogate for IoU itself that has a gradient (Berman et al. 2018).

# %%
soft_dice = checkpoint("06.2", soft_dice)
recipes["your Dice"] = lambda counts: {"loss": soft_dice}
recipes["focal"] = lambda counts: {"loss": focal_loss}
recipes["Lovász"] = lambda counts: {"loss": lovasz_softmax}
for name in ("your Dice", "focal", "Lovász"):
    table[name] = [trial(name)]
league(table, rare)

# %% [markdown] tags=["concept"]
# ## Or train longer
#
# The authors of FCN balanced the loss on VOC and found it unnecessary. There, three quarters of the pixels
# are background: mildly unbalanced, as they put it. Most objects are large, and training takes many epochs.
#
# Three times as many steps, and nothing else:
#
# [[06.p3]]

# %%
predict("06.p3", ...)

# %%
table["nothing, 3 x as long"] = [trial("nothing", steps=3 * steps)]
longer = measures(table["nothing, 3 x as long"][0], rare)["rare IoU"] - max(better)
reveal("06.p3", "about the same" if abs(longer) < 1 else "higher" if longer > 0 else "lower")

# %% [markdown]
# A class that is seldom seen is learned late. If longer training alone brings what balancing brought, then
# balancing bought *time*, and a comparison at few steps, like ours, flatters it. So keep this line next to
# the others.
#
# Now turn the dial: seahorses as common as any other animal. What do weights bring there?

# %%
common, common_val = pools_at(1.0)
seahorse = classes.index("seahorse")
for name in ("nothing", "weights"):
    ious = [trial(name, common, common_val).iou[seahorse], table[name][0].iou[seahorse]]
    print(f"{name:8} IoU of the seahorse, %: dial at 1: {100 * ious[0]:4.1f}, at 0.2: {100 * ious[1]:4.1f}")

# %% [markdown] tags=["concept"]
# ## Remove blurred images?
#
# You will hear this advice: blurred images confuse a network, so remove them. Here are the same pools, but
# every third one is out of focus. `sharpness` finds them (notebook 03b); each animal is where it was.

# %%
from seglib.data.quality import sharpness

soft = in_memory(lesson.scenes("train", number, size, frequency=0.2, blur=3.0))
mixed = (pools + soft).subset([number + i if i % 3 == 0 else i for i in range(number)])
blurred = sharpness(mixed).blurred(1 / 3)
print(f"{sum(i % 3 == 0 for i in blurred)} of the {len(blurred)} removed images are out of focus")

# %% [markdown]
# [[06.p4]]

# %%
predict("06.p4", ...)

# %%
kept = mixed.subset(sorted(set(range(number)) - set(blurred)))
sharp = {"all of them": trial("nothing", mixed), "without the blurred": trial("nothing", kept)}
change = 100 * (sharp["without the blurred"].mean_iou - sharp["all of them"].mean_iou)
reveal("06.p4", "about the same" if abs(change) < 1 else "better" if change > 0 else "worse")
league({name: [scores] for name, scores in sharp.items()}, rare)

# %% [markdown]
# The steps are the same, so each image of the smaller set is seen more often. A blurred image still says
# where the animal is, and what it looks like when blurred. Nets of which all layers learn, on the test
# splits:
#
# [[table:R13]]

# %% [markdown] tags=["measure"]
# ## Luck, or real?
#
# One run is one throw of the dice. So run each recipe again, with other seeds: the images are the same, their
# order and augmentation are not.

# %%
seeds = [1] if lesson.profile.name == "tiny" else [1, 2]
for name in recipes:
    table[name] = [table[name][0], *(trial(name, seed=seed) for seed in seeds)]
league(table, rare)

# %% [markdown] tags=["exercise"]
# [[06.3]]
#
# `ours` and `theirs` are lists of scores of two recipes, seed by seed. Runs of the same seed have much in
# common, so compare **in pairs**. Return "better" or "worse" (ours against theirs) if *every* pair agrees
# *and* the mean difference is larger than the standard deviation of the differences (that of a sample: divide
# by n - 1). Else, or with a single pair, return "undecided".


# %%
def verdict(ours, theirs):
    # BEGIN SOLUTION
    difference = torch.tensor(ours, dtype=torch.float64) - torch.tensor(theirs, dtype=torch.float64)
    if len(difference) < 2 or difference.mean().abs() <= difference.std():
        return "undecided"
    return "better" if (difference > 0).all() else "worse" if (difference < 0).all() else "undecided"
    # END SOLUTION


# %%
check("06.3", verdict)
# hint("06.3")

# %%
verdict = checkpoint("06.3", verdict)
values = {name: [measures(scores, rare) for scores in table[name]] for name in recipes}
for name in list(recipes)[1:]:
    pairs = {
        key: verdict([run[key] for run in values[name]], [run[key] for run in values["nothing"]])
        for key in values[name][0]
    }
    print(f"{name:12}", *(f"{key}: {word:10}" for key, word in pairs.items()))

# %% [markdown]
# "Undecided" is a result. It says that the difference, if there is one, is too small for this many runs.
# Decide which measure your application needs before you look at the table, and choose the recipe by it.
#
# The same questions for nets of which all layers learn, on the test splits. Do the answers agree with yours?
#
# [[table:R11]]
#
# [[table:A3]]

# %% [markdown]
# **On street images.** CamVid's rare classes are signs, poles and cyclists: thin and small, and in most
# frames. The first five recipes, unchanged, if this machine has the images.

# %%
streets = lesson.photographs("train", "camvid")
if streets:
    data = in_memory(streets.spread(number), size=(96, 128))
    judge = in_memory(lesson.photographs("val", "camvid").spread(judged), size=(96, 128))
    few = count(data).shares() < count(data).shares().median()
    league({name: [trial(name, data, judge)] for name in list(recipes)[:5]}, few)
else:
    print("There is no CamVid on this machine; data/README.md says where it comes from.")

# %% [markdown] tags=["instructor"]
# **10 minutes.** Let each pair name the measure that their application needs *before* the table: a survey of
# seahorses (class accuracy), a map (pixel accuracy), a paper (mIoU). Then ask who changed their mind.
# Misconception: "undecided" means "no difference". Why does VOC need no balancing? Every class is in hundreds
# of images there and large where it is, and training is long.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[06.4]]
#
# Since last week a team's net has found rare animals everywhere. Each part of their code is right by itself.
# They draw images with `class_balanced`. All pixels of a class together should have one tenth of the weight
# in the loss. Here are their class weights, and what each class gets:

# %%
from seglib.data.sampling import class_balanced

draw = class_balanced(counts)
pixels = counts.pixels[:, : len(classes)].double()  # (images, classes), without void


def team_weights(pixels, draw):
    return pixels.sum() / pixels.sum(0)


batches = counts.subset(torch.multinomial(draw, 5000, replacement=True))
part = batches.shares() * team_weights(pixels, draw)
for name, value in zip(classes, (part / part.sum()).tolist()):
    print(f"{name:10} {100 * value:5.1f} %")

# %% [markdown]
# Find the bug and rewrite the function. `pixels` is (N, K); `draw` (N,) says how often each image is drawn,
# relative to the others. Every class occurs. Only the ratios of the weights count.


# %%
def weights_of_drawn(pixels, draw):
    # BEGIN SOLUTION
    seen = (draw[:, None] * pixels).sum(0)
    return seen.sum() / seen
    # END SOLUTION


# %%
check("06.4", weights_of_drawn)
# hint("06.4")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("06")

# %% [markdown] tags=["further"]
# ## Further
#
# * J. Long, E. Shelhamer, T. Darrell: *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015,
#   section 4.3: class balancing was unnecessary.
# * V. Badrinarayanan, A. Kendall, R. Cipolla: *SegNet*, PAMI 2017, table 1: CamVid with and without
#   median-frequency weights, class accuracy against pixel accuracy.
# * A. Menon et al.: *Long-tail learning via logit adjustment*, ICLR 2021.
# * A. Gupta, P. Dollár, R. Girshick: *LVIS*, CVPR 2019: repeat factors.
# * F. Milletari, N. Navab, S.-A. Ahmadi: *V-Net*, 3DV 2016: Dice. T.-Y. Lin et al.: *Focal Loss*, ICCV 2017.
#   M. Berman, A. Rannen Triki, M. Blaschko: *The Lovász-Softmax loss*, CVPR 2018.
#
# **Data.** The pools are drawn by `seglib.scenes` from a seed. Street images, where found: CamVid. See
# `data/README.md`.
