# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A photograph, the same with the boxes that somebody drew on it, and the masks that GrabCut+ makes of
# them.](images/09_question.png)
#
# A few boxes, drawn in minutes, become masks. A net that learns from eight such photographs finds the same
# things in photographs that nobody has labelled, and measures them.
#
# **Would you believe the area that it measures?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>What makes a mask out of a box, before any net is trained?</summary>
#
# GrabCut+: two colour models, inside and outside, and a cut along edges (notebook 07a).
# </details>
#
# <details><summary>What does a bootstrap over images vary, and what does it leave out?</summary>
#
# Which images judge. Not which images were learned from, nor the seed of the training (notebook 08).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up
#
# Everything that you draw and train is saved in the folder `yours` next to this notebook. You can stop at any
# cell, and go on tomorrow: run the cells again, and what is there is used.

# %%
import cv2
import torch

from seglib import backbones
from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start, yours
from seglib.course.budget import budget
from seglib.course.results import failures
from seglib.draw import overlay, show_images
from seglib.metrics import confusion_matrix, mean_iou
from seglib.widgets import Annotator

lesson = start("09_yours")

# %% [markdown] tags=["look"]
# ## Bring
#
# About twenty photographs of *one* thing that you want to measure: leaves, screws, coffee stains. Vary the
# place and the light, not the subject. Name their folder here, and the classes. `None` takes built-in
# photographs, drawn to look like a phone's.

# %%
folder = None  # your own, for example "C:/Users/me/Pictures/leaves"
names = ["background", "leaf", "spot"]  # classes of your own photographs
album = yours.bring(folder, names, lesson.profile.name)
classes = album.classes
print(len(album), "photographs; the classes are", ", ".join(classes))

# %%
shown = [0, 3]
titles = [album.sample_id(index) for index in shown]
show_images([album[index][0] for index in shown], titles=titles, alt="Two of the photographs.")

# %% [markdown]
# A phone notes in the file (EXIF) how the image must be turned: here that is done. What you see are working
# copies of a few hundred pixels, which are labelled faster; the net gets no more than that anyway.
#
# **Set five test images aside first**, before anything is labelled. A hash of their names chooses them: it
# does not depend on what they show.

# %%
test_images, train_images, pool = (album.subset(part) for part in yours.parts(album))
print(len(test_images), "test images,", len(train_images), "to label first,", len(pool), "perhaps later")

# %% [markdown] tags=["concept"]
# ## Label
#
# Boxes for the images that the net learns from, because they are cheap. Outlines for the five test images,
# because a test set of guesses is worth nothing. Draw *every* object, also half hidden ones: what has no box
# is taught as background. The keyboard is enough: Tab leads from the cell past its buttons to the image, and
# on to the next cell; arrow keys move a cross, Enter sets a point.
#
# [[09.p1]]

# %%
predict("09.p1", ...)

# %%
boxes = Annotator(train_images, classes=classes, kind="boxes", path="yours/boxes.json")
boxes

# %%
outlines = Annotator(test_images, classes=classes, kind="polygons", path="yours/outlines.json")
outlines

# %% [markdown]
# Where you drew nothing, the truth of a built-in photograph is used; a photograph of your own is left out.

# %%
images, drawn = yours.labels(train_images, boxes)
judged, truth = yours.labels(test_images, outlines)
test = yours.from_outlines(judged, truth)

# %%
own, objects = (sum(len(one.annotations) for one in some) for some in (boxes.annotations, drawn))
rate, source = (boxes.seconds_per_object, "your own boxes") if own else (budget().box, budget().source)
print(f"{objects} boxes at {rate:.1f} s each: {objects * rate:.0f} s. Source of the {rate:.1f} s: {source}.")
reveal("09.p1", objects * rate)

# %% [markdown]
# **From boxes to masks**, by GrabCut+. Look at all of them; a box that was drawn carelessly shows here.

# %%
from seglib.weak.boxes import load_boxes
from seglib.weak.schemes import pseudo_labels

found = load_boxes(images, drawn)
train_masks = pseudo_labels(images, "grabcut+", boxes=found)
seen = [overlay(image, mask, classes) for image, mask in train_masks]
show_images(seen, titles=images.names(), columns=4, alt="The masks that GrabCut+ makes of the boxes.")

# %% [markdown]
# **Audit**, before a net learns from labels that are wrong.

# %%
from seglib.data.audit import audit

audit({"train": train_masks, "test": test})

# %% [markdown] tags=["train"]
# ## Train
#
# A pre-trained net, a size, a budget. If a net was trained on these very labels before, it is loaded.

# %%
from seglib.fcn import FCN, FCNSegmenter

size, budget_of = {
    "tiny": ((96, 128), {"steps": 8, "batch_size": 4}),
    "laptop": ((192, 256), {"seconds": 60, "batch_size": 8}),
    "gpu": ((384, 512), {"seconds": 60, "batch_size": 8}),
}[lesson.profile.name]


# %%
def train_on(data):
    torch.manual_seed(lesson.seed)
    net = FCN(backbones.load("lite0"), len(classes), stride=8)
    segmenter = FCNSegmenter(net, classes, size=size)
    return segmenter.fit(data, lr=1e-3, seed=lesson.seed, device=lesson.profile.device, **budget_of)


# %%
net = yours.once(f"first-{lesson.profile.name}", train_masks, train_on)

# %% [markdown] tags=["measure"]
# ## Judge honestly


# %%
def counts_of(segmenter):
    return torch.stack([confusion_matrix(segmenter.predict(i), m, len(classes)) for i, m in test])


counts = counts_of(net)
print(f"mIoU {100 * mean_iou(counts.sum(0)):.1f} % on {len(test)} images")

# %% [markdown]
# One number, from five images. Five others would have given another number. How different might it be?
#
# [[09.p2]]

# %%
predict("09.p2", ...)

# %% [markdown] tags=["exercise"]
# [[09.1]]
#
# `counts` (N, K, K) are the confusion matrices of N images. Draw N of them with replacement, `draws` times,
# and return the two ends of the interval that holds 95 % of the mIoU values. `mean_iou(matrix)` takes one
# (K, K) matrix; draw with `torch.randint(..., generator=rng)`.


# %%
def interval(counts, draws, rng):
    # BEGIN SOLUTION
    values = []
    for _ in range(draws):
        chosen = torch.randint(len(counts), (len(counts),), generator=rng)
        values.append(mean_iou(counts[chosen].sum(0)))
    values = torch.tensor(values)
    return values.quantile(0.025).item(), values.quantile(0.975).item()
    # END SOLUTION


# %%
check("09.1", interval)
# hint("09.1")

# %%
interval = checkpoint("09.1", interval)

# %%
rng = torch.Generator().manual_seed(lesson.seed)
low, high = interval(counts, 1000, rng)
print(f"mIoU {100 * mean_iou(counts.sum(0)):.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f} %")
reveal("09.p2", 100 * (high - low))

# %% [markdown]
# Where does it fail most? Write one sentence: which *kind* of image is missing from the training images?

# %%
failures([net.predict(image) for image, _ in test], test, "your net", number=1)

# %% [markdown] tags=["instructor"]
# **10 minutes.** Collect all students' intervals on the board. Ask who could halve theirs, and how: four
# times as many test images. Misconception: more draws make the interval narrower.

# %% [markdown] tags=["concept"]
# ## Which image next?
#
# You have time to label two more photographs. Any two? Or the two of which the net is least sure? The
# **entropy** of a pixel's probabilities is 0 where one class has 1, and largest where all are equal.

# %% [markdown] tags=["exercise"]
# [[09.2]]
#
# `probabilities` is a list of tensors (K, H, W), one for each unlabelled image; sizes may differ. Return the
# index of the image with the largest mean entropy.


# %%
def next_image(probabilities):
    # BEGIN SOLUTION
    entropy = [torch.special.entr(one).sum(0).mean().item() for one in probabilities]
    return max(range(len(entropy)), key=lambda index: entropy[index])
    # END SOLUTION


# %%
check("09.2", next_image)
# hint("09.2")

# %%
next_image = checkpoint("09.2", next_image)

# %%
waiting = {index: net.probabilities(pool[index][0]) for index in range(len(pool))}
uncertain = []
while len(uncertain) < 2:
    open_ones = [index for index in waiting if index not in uncertain]
    uncertain.append(open_ones[next_image([waiting[index] for index in open_ones])])
at_random = torch.randperm(len(pool), generator=torch.Generator().manual_seed(1))[:2].tolist()
for name, chosen in {"least sure": uncertain, "at random": at_random}.items():
    print(f"{name}:", ", ".join(pool.sample_id(k) for k in chosen))

# %%
asked = [pool[k][0] for k in uncertain]
answered = [overlay(image, net.predict(image), classes) for image in asked]
show_images(answered, alt="The two images that the net is least sure of, with what it finds there.")

# %% [markdown]
# Would *you* have chosen these two? Label them, and the two at random, to compare.
#
# [[09.p3]]

# %%
predict("09.p3", ...)

# %%
both = list(dict.fromkeys([*uncertain, *at_random]))
more = Annotator(pool.subset(both), classes=classes, kind="boxes", path="yours/more.json")
more


# %%
def with_more(indices):
    images, drawn = yours.labels(pool.subset(indices), more)
    return train_masks + pseudo_labels(images, "grabcut+", boxes=load_boxes(images, drawn))


data = {"and two uncertain ones": with_more(uncertain), "and two random ones": with_more(at_random)}
nets = {f"{len(train_masks)} images": net}
for name, labelled in data.items():
    nets[name] = yours.once(f"second-{lesson.profile.name}", labelled, train_on)

# %%
results = {name: counts_of(one) for name, one in nets.items()}
for name, these in results.items():
    low, high = interval(these, 1000, rng)
    print(f"{name:24} {100 * mean_iou(these.sum(0)):5.1f} %   interval {100 * low:.1f} to {100 * high:.1f} %")

# %% [markdown]
# Both nets were judged on the same images, so draw the same ones for both (notebook 08).

# %%
one, other = results["and two uncertain ones"], results["and two random ones"]
draws = torch.randint(len(one), (1000, len(one)), generator=rng)
gains = torch.tensor([mean_iou(one[k].sum(0)) - mean_iou(other[k].sum(0)) for k in draws])
low, high = gains.quantile(0.025).item(), gains.quantile(0.975).item()
print(f"uncertain minus random: {100 * low:+.1f} to {100 * high:+.1f} points")
clear = ["the uncertain two help more", "the random two help more"]
reveal("09.p3", clear[0] if low > 0 else clear[1] if high < 0 else "the difference is within the interval")

# %% [markdown]
# Two images, one seed, five test images: this says little about the plan in general, and that is the finding.
# What would you need in order to know more?

# %% [markdown] tags=["concept"]
# ## Use it
#
# `predict_files` predicts all photographs. It writes a mask and an overlay of each, at the photograph's full
# size, the outlines (COCO), and a table of areas; so does `python -m seglib predict`.

# %%
from seglib.export import predict_files

final = nets["and two uncertain ones"]
final.save("yours/final.pt")
predict_files(final, album.files, "yours/results", overwrite=True)

# %% [markdown] tags=["exercise"]
# [[09.3]]
#
# A ruler in a photograph shows that the photograph is `width_cm` wide. Return the area in cm² of the class
# `index` in its `mask` (H, W). Pixels are square.


# %%
def area(mask, index, width_cm):
    # BEGIN SOLUTION
    pixel = width_cm / mask.shape[1]
    return float((mask == index).sum()) * pixel**2
    # END SOLUTION


# %%
check("09.3", area)
# hint("09.3")

# %%
area = checkpoint("09.3", area)

# %%
from seglib.data.files import read_labels

wide = 40  # cm, the width of every photograph
for name, (_, drawn_mask) in zip(test.names(), test):
    mask = torch.from_numpy(read_labels(f"yours/results/masks/{name}.png"))
    for k in range(1, len(classes)):
        areas = f"{area(mask, k, wide):6.1f} cm² predicted, {area(drawn_mask, k, wide):6.1f} cm² drawn"
        print(f"{name}, {classes.names[k]}: {areas}")

# %% [markdown] tags=["concept"]
# ## Hand it over
#
# Others may not have PyTorch. **ONNX** is a file format for nets: OpenCV, phones and browsers run them. The
# JSON file next to it holds the rest: the classes, the size that the net was trained at, how to pad.

# %%
from seglib.files import read_json, write_text

final.export("yours/net.onnx")
about = read_json(yours.FOLDER / "net.json")
print(about["classes"], about["size"])

# %%
image = torch.randint(0, 256, (1, 3, 96 + about["odd"], 128 + about["odd"])).float()
model = cv2.dnn.readNetFromONNX("yours/net.onnx")
model.setInput(image.numpy())
with torch.inference_mode():
    expected = final.net.cpu()(image)
print(f"largest difference to PyTorch: {(torch.from_numpy(model.forward()) - expected).abs().max():.0e}")

# %% [markdown]
# `docs/use.md` has a short program that uses the file and needs only OpenCV. Never hand a net over without
# a page that says what it is. Change these lines until you would sign them.

# %%
low, high = interval(results["and two uncertain ones"], 1000, rng)
page = f"""What it finds: {", ".join(classes.names[1:])}
Learned from: {len(data["and two uncertain ones"])} photographs with boxes, by GrabCut+
Judged on: {len(test)} photographs taken together with these
mIoU: 95 % interval {100 * low:.0f} to {100 * high:.0f} %
Not tried on: other cameras, other seasons, photographs that are not taken from above
"""
write_text(yours.FOLDER / "README.txt", page)
print(page)

# %% [markdown] tags=["instructor"]
# **8 minutes.** Pairs swap their folders `yours` and read each other's page. What would they not dare to use
# the net for? Misconception: an interval of the test images holds for photographs of another place.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[09.4]]
#
# A team labels the same test images with another tool. "The outlines are perfect, but your evaluation gives
# us nearly zero." This is their first mask as they read it, and yours.


# %%
team = [torch.where(mask == 255, 0, mask + 1) for _, mask in test]
image, mask = test[0]
both_masks = [overlay(image, one, classes) for one in (team[0].clamp(max=len(classes) - 1), mask)]
show_images(both_masks, titles=["team", "yours"], alt="The team's mask, in other classes, and yours.")


# %%
pairs = zip(team, test)
matrices = [confusion_matrix(one.long(), mask, len(classes) + 1) for one, (_, mask) in pairs]
print("values in their files:", *(f"{v} ({(team[0] == v).float().mean():.0%})" for v in team[0].unique()))
print(f"a net that learned their masks without a mistake: {100 * mean_iou(sum(matrices)):.1f} %")

# %% [markdown]
# Their tool numbers the classes from 1, and 0 means that nobody has labelled the pixel. Write the function
# that gives `values` (H, W) uint8 their meaning in this course.


# %%
def repaired(values):
    # BEGIN SOLUTION
    mask = values.long() - 1
    mask[values == 0] = 255
    return mask
    # END SOLUTION


# %%
check("09.4", repaired)
# hint("09.4")

# %%
repaired = checkpoint("09.4", repaired)

# %%
judged_again = [repaired(one) for one in team]
truths = [torch.where(one == 255, one, mask) for one, (_, mask) in zip(judged_again, test)]
preds = [torch.where(one == 255, 0, one) for one in judged_again]
matrices = [confusion_matrix(pred, mask, len(classes)) for pred, mask in zip(preds, truths)]
print(f"the same masks, read right: {100 * mean_iou(sum(matrices)):.1f} %")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("09")

# %% [markdown] tags=["further"]
# ## Further
#
# * B. Settles: *Active Learning Literature Survey*, University of Wisconsin, 2009: how to choose what to
#   label.
# * S. Mittal, M. Tatarchenko, Ö. Çiçek, T. Brox: *Parting with Illusions about Deep Active Learning*, 2019:
#   in a fair comparison, random is hard to beat.
# * M. Mitchell and others: *Model Cards for Model Reporting*, FAT* 2019: the page that goes with a net.
# * T. Gebru and others: *Datasheets for Datasets*, Communications of the ACM 64, 2021: the page for the
#   images.
#
# **Data.** Your own, or photographs drawn by `seglib.scenes`. Weights: EfficientNet-Lite0 on ImageNet
# (Apache 2.0).
