"""The table of layouts: which folders can be opened, and which are recognised and what to do about them.

A layout of your own is one more row of `LAYOUTS`: its name, how it looks, and a function that opens a folder
which has it. Usually that is a line or two, as `pairing.groups` finds the images and the masks, and
`folders.open_pairs` pairs them.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from seglib.data import shapes
from seglib.data.class_lists import class_list, read_class_list
from seglib.data.dataset import Reading, SegmentationDataset, check_split
from seglib.data.files import AS_JPEG, HEIC
from seglib.data.folders import Request, open_objects, open_pairs, understood
from seglib.data.pairing import WAY_OUT, Group, Tree, groups, is_clutter, is_image, role
from seglib.data.photographs import Pets, Voc, camvid
from seglib.data.shapes import ends_of
from seglib.files import check_names, listed
from seglib.labels import VOID


class Layout(NamedTuple):
    """A way in which data sets are laid out.

    Attributes:
        name: the tool or the data set that writes it.
        tree: how it looks.
        open: the data set; None if the folder has another layout. No image is opened to find out.
    """

    name: str
    tree: str
    open: Callable[[Request], SegmentationDataset | None]


class Named(NamedTuple):
    """A layout that is recognised and not read.

    Attributes:
        name: the tool or the data set that writes it.
        tree: how it looks.
        has: whether a folder, or a file, has this layout.
        remedy: what to do then.
    """

    name: str
    tree: str
    has: Callable[[Tree], bool]
    remedy: str


def open_folder(
    path: Path, split: str = "train", *, page: int | None = None, crowds: str = "void"
) -> SegmentationDataset:
    """The data set in a folder (or in a COCO file), whichever of the known layouts it has.

    A folder without splits is divided as the publisher's lists say, or by the hash of the images' names, 70 :
    15 : 15. Classes come from a class list (see `class_lists.read_class_list`); without one they are
    numbered. No image is opened; of YOLO's images the sizes are read. `print` of the data set shows how it
    was understood.

    Args:
        path: the folder, or a COCO file.
        split: "train", "val" or "test".
        page: which image of files that hold several (a stack, an animation), from 0.
        crowds: what objects that a COCO file calls crowds are: "void", or "objects".

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it has none of the known layouts, or one that is recognised and cannot be read; images and
            masks do not match; a file is broken; or there is no such split.
    """
    check_split(split)
    if crowds not in ("void", "objects"):
        raise ValueError(f"crowds must be 'void' or 'objects', got {crowds!r}")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such folder")
    path = _innermost(path)
    tree = Tree.of(path) if path.is_dir() else Tree(path)
    check_names(name for parts, names in tree.folders.items() for name in (*parts, *names))
    request = Request(tree, split, page, crowds)
    for layout in LAYOUTS:
        if (data := layout.open(request)) is not None:
            return data
    for named in NAMED:
        if named.has(tree):
            raise ValueError(
                f"{path}: this is {named.name} ({named.tree}), which is not read. {named.remedy}"
            )
    known = "".join(f"\n  {layout.name}: {layout.tree}" for layout in LAYOUTS)
    raise ValueError(
        f"{path}: {_content(tree)}. Name the files alike, or {WAY_OUT}. Layouts that are opened:{known}"
    )


def _innermost(path: Path) -> Path:
    """The folder itself or, where it holds nothing but one folder, that: archives unpack so."""
    there = [one for one in path.iterdir() if not is_clutter(one.name)] if path.is_dir() else []
    there = [one for one in there if not one.name.lower().startswith(("readme", "license"))]
    alone = len(there) == 1 and there[0].is_dir() and not any(role([there[0].name])[:2])
    return _innermost(there[0]) if alone else path


def _content(tree: Tree) -> str:
    """What a folder holds, in a few words."""
    if tree.path.is_file():
        return "this is neither a folder nor a .json file that is known; open the folder that holds it"
    names = sorted(e.name + "/" * e.is_dir() for e in tree.path.iterdir() if not is_clutter(e.name))
    return f"found {listed(names, 8)}" if names else "the folder is empty"


# Data sets whose classes are published.

CITYSCAPES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation",
    "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)  # of these 19 classes
LOVEDA = ("background", "building", "road", "water", "barren", "forest", "agriculture")  # 1..7; 0 is void
Opened = SegmentationDataset | None


def _pets(request: Request) -> Opened:
    if not request.tree.folder("annotations", "trimaps"):
        return None
    reading = Reading("Oxford-IIIT Pet", "the pets'", "the border, 3", "as the publisher's lists say")
    return understood(Pets(request.tree.path, request.split), reading)


def _camvid(request: Request) -> Opened:
    """The SegNet tutorial's CamVid; with a class list, folders of these names are someone else's."""
    if not request.tree.folder("trainannot") or request.classes.classes is not None:
        return None
    reading = Reading("CamVid of the SegNet tutorial", "CamVid's 11", "11, 255", "of the same name")
    return understood(camvid(request.tree.path, request.split), reading)


def _voc(request: Request) -> Opened:
    """VOC itself where the names of the images show that it is, else a tree of its own classes."""
    tree = request.tree
    others = ("segmentationobject", "segmentationclassvisualization", "segmentationclassaug")
    found = groups(tree, ignored=others) if tree.folder("SegmentationClass") else {}
    if not found:
        return None
    first = min(min(group.images) for group in found.values())[1]
    lists = tree.folder("ImageSets", "Segmentation")
    if request.classes.classes is not None or not lists or not re.fullmatch(r"20\d\d_\d{6}", first):
        return open_pairs(request, found, "a tree as of PASCAL VOC")
    reading = Reading("PASCAL VOC", "VOC's: the images are called as in VOC", pairs="as VOC lists them")
    return understood(Voc(tree.path, request.split), reading)


def _cityscapes(request: Request) -> Opened:
    """The masks of `labelTrainIds`, or else of `labelIds`; what is in none of the 19 classes is void."""
    tree = request.tree
    kinds = [kind for kind in ("labelTrainIds", "labelIds") if tree.has(rf".*_{kind}\.png")]
    fine = "gtfine" in tree.names
    if not kinds or "leftimg8bit" not in tree.names or not (fine or "gtcoarse" in tree.names):
        return None
    ends = (f"_{kinds[0].lower()}.png", "_leftimg8bit.png", "_leftimg8bit.jpg")
    found = groups(
        tree, lambda name: is_image(name) and name.lower().endswith(ends), ("gtcoarse",) if fine else ()
    )
    train_ids = dict(enumerate(CITYSCAPES))
    label_ids = dict.fromkeys(range(34)) | dict(zip(LABEL_IDS, CITYSCAPES))
    fields = train_ids if kinds[0] == "labelTrainIds" else label_ids
    classes = class_list(fields, f"Cityscapes' 19, by {kinds[0]}")
    return open_pairs(request, found, "Cityscapes", request.classes_or(classes))


def _ade20k(request: Request) -> Opened:
    """ADE20K of the 2016 challenge: value k is the k-th name of objectInfo150.txt; 0 is void."""
    tree = request.tree
    if not (tree.path / "objectInfo150.txt").is_file() and not tree.has(r"ADE_(train|val)_.*"):
        return None
    source = request.classes.source or "the values in the masks; 0 is void in ADE20K"
    values = {0: VOID} | dict(request.classes.values)
    classes = request.classes._replace(values=values, source=source)
    return open_pairs(request, groups(tree, ignored=("annotations_instance",)), "ADE20K", classes)


def _loveda(request: Request) -> Opened:
    there = request.tree.names
    if not {"images_png", "masks_png"} <= there or not there & {"rural", "urban"}:
        return None
    classes = class_list({0: None} | dict(enumerate(LOVEDA, 1)), "LoveDA's 7; 0 is void")
    return open_pairs(request, groups(request.tree), "LoveDA", request.classes_or(classes))


def _drive(request: Request) -> Opened:
    """Vessels are in 1st_manual/; mask/ is the field of view, not the truth."""
    if "1st_manual" not in request.tree.names:
        return None
    request.tree.left_out.append("mask/, the field of view: what is outside of it counts as background")
    return _two_classes(request, groups(request.tree, ignored=("mask", "2nd_manual")), "DRIVE", "vessel")


def _isic(request: Request) -> Opened:
    tree = request.tree
    if not tree.has(r"ISIC_.*_segmentation\.png"):
        return None
    superpixels = [name for name in tree.names if "superpixels" in name]
    found = groups(tree, lambda name: is_image(name) and "superpixels" not in name, superpixels)
    return _two_classes(request, found, "ISIC", "lesion")


def _carvana(request: Request) -> Opened:
    if not request.tree.has(r"[0-9a-f]{12}_\d\d_mask\.gif"):
        return None
    return _two_classes(request, groups(request.tree), "Carvana", "car")


def _two_classes(request: Request, found: Mapping[str, Group], layout: str, thing: str) -> Opened:
    """Masks that hold 0 and 255 (or 1), 255 being `thing`."""
    fields = {"names": ["background", thing], "values": [0, [1, 255]]}
    classes = class_list(fields, f"{layout}'s: 0, and 255 or 1")
    return open_pairs(request, found, layout, request.classes_or(classes))


def _roboflow(request: Request) -> Opened:
    """Roboflow's masks: the classes are in _classes.csv, which each split has."""
    lists = [*request.tree.files("_classes.csv")]
    if not lists:
        return None
    classes = request.classes_or(read_class_list(min(lists)))
    return open_pairs(request, groups(request.tree), "Roboflow's semantic masks", classes)


# Folders of no known tool.


def _pairs_in_folders(request: Request) -> Opened:
    panoptic = [name for name in request.tree.names if "panoptic" in name]
    return _pairs(request, groups(request.tree, ignored=panoptic)) if _has_masks(request.tree) else None


def _pairs_in_one_folder(request: Request) -> Opened:
    return None if _has_masks(request.tree) else _pairs(request, groups(request.tree))


def _pairs(request: Request, found: Mapping[str, Group]) -> Opened:
    return open_pairs(request, found, "pairs of images and masks")


def _has_masks(tree: Tree) -> bool:
    """Whether a folder's name says that it holds masks."""
    return any(
        role(parts)[1] == "mask" and any(map(is_image, names)) for parts, names in tree.folders.items()
    )


# How layouts that are not read are recognised.


def _ends(*suffixes: str) -> Callable[[Tree], bool]:
    """By the ends of the files' names."""

    def has(tree: Tree) -> bool:
        return (
            tree.path.name.lower().endswith(suffixes) if tree.path.is_file() else any(tree.files(*suffixes))
        )

    return has


def _says(*marks: bytes, suffixes: tuple[str, ...] = (".json",)) -> Callable[[Tree], bool]:
    """By words (regular expressions) near the beginning or the end of text files."""

    def has(tree: Tree) -> bool:
        files = [tree.path] if tree.path.is_file() else [*tree.files(*suffixes)][:20]
        texts = (ends_of(file) for file in files if file.suffix in suffixes)
        return any(all(re.search(mark, text) for mark in marks) for text in texts)

    return has


def _supervisely(tree: Tree) -> bool:
    return {"ann", "img"} <= tree.names and tree.has(r".*meta\.json|.*\.(jpg|png)\.json")


def _yolo_without_names(tree: Tree) -> bool:
    texts = [file for file in tree.files(".txt") if "labels" in file.relative_to(tree.path).parts]
    return any(re.match(rb"\d+( [\d.]+){4,}\s*", ends_of(file)) for file in texts[:5])


def _only_images(tree: Tree) -> bool:
    return tree.has(r".*\.(jpg|jpeg|png|tif|tiff|bmp)")


# The first row that a folder has decides; a layout comes before those that it looks like.
LAYOUTS = (
    Layout("Oxford-IIIT Pet", "images/, annotations/trimaps/, annotations/trainval.txt", _pets),
    Layout("CamVid of the SegNet tutorial", "train/, trainannot/, val/, valannot/, ...", _camvid),
    Layout("PASCAL VOC, CVAT's and labelme's VOC export", "JPEGImages/, SegmentationClass/, and ImageSets/"
           " or labelmap.txt or class_names.txt", _voc),
    Layout("Cityscapes", "leftImg8bit/train/CITY/, gtFine/train/CITY/*_labelIds.png", _cityscapes),
    Layout("ADE20K", "images/training/, annotations/training/, objectInfo150.txt", _ade20k),
    Layout("LoveDA", "Train/Rural/images_png/, Train/Rural/masks_png/", _loveda),
    Layout("DRIVE", "training/images/, training/1st_manual/", _drive),
    Layout("ISIC", "ISIC_*.jpg, ISIC_*_segmentation.png", _isic),
    Layout("Carvana", "train/*.jpg, train_masks/*_mask.gif", _carvana),
    Layout("Roboflow's semantic masks", "train/a.jpg, train/a_mask.png, train/_classes.csv", _roboflow),
    Layout("one mask file for each object", "ID/images/ID.png, ID/masks/*.png; or images/a.png,"
           " masks/a/*.png", open_objects),
    Layout("pairs in two folders", "images/a.jpg, masks/a.png; also with a common prefix or suffix"
           " (a_mask.png), in subfolders, with train/, val/, test/", _pairs_in_folders),
    Layout("YOLO-seg", "images/, labels/ with .txt files, data.yaml with the names", shapes.yolo),
    Layout("labelme", "images and .json files, whole or in train/, val/, test/", shapes.labelme),
    Layout("COCO", "annotations/instances_train*.json, train*/; or a .json file and its images", shapes.coco),
    Layout("pairs in one folder", "a.jpg, a_mask.png; or a.jpg, a.png", _pairs_in_one_folder),
)  # fmt: skip
NAMED = (
    Named("a COCO panoptic file", 'annotations with "segments_info"', _says(b'"segments_info"'), "Use"
          " the instances' file of the same data set, or turn it into masks with panopticapi's"
          " panoptic2semantic_segmentation.py and open these"),
    Named("a Supervisely project", "meta.json, DATASET/img/, DATASET/ann/", _supervisely, "In"
          " Supervisely, run the app 'Export to COCO' or 'Export as masks' and open its result"),
    Named("one file of labelme", '"shapes"', _says(b'"shapes"'), "Open the folder that holds the"
          " images and their .json files"),
    Named("a project of the VGG Image Annotator", '"regions" with "shape_attributes"',
          _says(b"region", b"shape_attributes", suffixes=(".json", ".csv")), "In VIA, choose Annotation >"
          " Export Annotations (COCO format) and open that file"),
    Named("a Label Studio export", '"annotations" with "result"', _says(b'"result"', b'"from_name"'),
          "In Label Studio, export as COCO (polygons) or as PNG masks (brush: one file for each class)"),
    Named("Cityscapes' polygons", "gtFine/*_polygons.json without labelIds", _ends("_polygons.json"),
          "Make the masks with cityscapesscripts: csCreateTrainIdLabelImgs"),
    Named("CVAT's own XML", "annotations.xml", _says(b"<annotations>", b"<image ", suffixes=(".xml",)),
          "In CVAT, export the task as 'Segmentation mask 1.1' or 'COCO 1.0', with its images"),
    Named("boxes of PASCAL VOC", ".xml files with bndbox",
          _says(b"<annotation", b"<bndbox", suffixes=(".xml",)), "Boxes are no masks: draw the"
          " outlines with seglib's Annotator, or get masks from boxes as in notebook 07a"),
    Named("YOLO text files without names", "labels/ with .txt files, no data.yaml", _yolo_without_names,
          'Write a data.yaml next to the folders: names: ["first class", "second class"]'),
    Named("run lengths in a table", "a .csv file with EncodedPixels",
          _says(rb'EncodedPixels|[,"](\d+ ){3}', suffixes=(".csv",)), "Write each mask as a PNG file; a"
          " script is in docs/bring-your-data.md under 'Run lengths in a table'"),
    Named("MATLAB files", ".mat", _ends(".mat"), "Read them with scipy.io.loadmat and write each mask"
          " as a PNG file; a script is in docs/bring-your-data.md under 'Arrays'"),
    Named("arrays", ".npy, .npz, .h5, .pkl, .pt", _ends(".npy", ".npz", ".h5", ".hdf5", ".pkl", ".pt"),
          "Write each image and each mask as a PNG file; a script is in docs/bring-your-data.md under"
          " 'Arrays'"),
    Named("medical images", ".dcm, .nii, .nrrd, .mha",
          _ends(".dcm", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"), "Choose"
          " slices and a window of grey values, and write them as PNG files, images and masks"
          " alike; see docs/bring-your-data.md under 'Medical images'"),
    Named("a data set of records", ".tfrecord, .parquet, .arrow, .mdb",
          _ends(".tfrecord", ".tfrecords", ".parquet", ".arrow", ".mdb"), "Open it with the library"
          " that wrote it (tensorflow_datasets, datasets, lmdb) and write images and masks as files"),
    Named("an archive", ".zip, .tar, .7z", _ends(".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z"),
          "Unpack it and open the folder"),
    Named("photographs in HEIC", ", ".join(HEIC), _ends(*HEIC), AS_JPEG),
    Named("images without masks", "no mask, and no annotations of a tool that is known", _only_images, "If"
          f" there are masks, {WAY_OUT}. If a tool wrote annotations, export them from it as COCO or as PNG"
          " masks. If there are none yet, draw them with seglib.widgets.annotator.Annotator"),
)  # fmt: skip
