"""The table of layouts: which folders can be opened, and which are recognised and what to do about them.

A layout of your own is one more row of `LAYOUTS`: its name, how it looks, a function that recognises it in a
`Tree` and returns what it found, and one that reads that. Usually both are a line, as `tree.groups` finds the
images and the masks, and `folders.open_pairs` pairs them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglib.data import shapes, trees
from seglib.data.class_lists import read_class_list
from seglib.data.dataset import Reading, SegmentationDataset, check_split
from seglib.data.files import listed
from seglib.data.folders import Request, open_pairs
from seglib.data.photographs import Pets, camvid
from seglib.data.tree import WAY_OUT, Tree, ends_of, groups, is_clutter, is_image, role


@dataclass(frozen=True)
class Layout:
    """One way in which data sets are laid out.

    Attributes:
        name: the tool or the data set that writes it.
        tree: how it looks.
        find: what is found in a folder, or something false if it has another layout; no image is opened.
        read: opens what was found; None if this layout is recognised and cannot be read.
        remedy: what to do then.
    """

    name: str
    tree: str
    find: Callable[[Tree], Any]
    read: Callable[[Request, Any], SegmentationDataset] | None = None
    remedy: str = ""


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
    tree = Tree.of(path) if path.is_dir() else Tree(path)
    for layout in LAYOUTS:
        if found := layout.find(tree):
            if layout.read is None:
                raise ValueError(
                    f"{path}: this is {layout.name} ({layout.tree}), which is not read. {layout.remedy}"
                )
            return layout.read(Request(tree, split, page, crowds), found)
    known = "".join(f"\n  {layout.name}: {layout.tree}" for layout in LAYOUTS if layout.read)
    raise ValueError(
        f"{path}: {_content(tree)}. Name the files alike, or {WAY_OUT}. Layouts that are opened:{known}"
    )


def _content(tree: Tree) -> str:
    """What a folder holds, in a few words."""
    if tree.path.is_file():
        return "this is neither a folder nor a .json file that is known"
    names = sorted(e.name + "/" * e.is_dir() for e in tree.path.iterdir() if not is_clutter(e.name))
    return f"found {listed(names, 8)}" if names else "the folder is empty"


# The rows that need a line or two.


def _pets(tree: Tree) -> Path | None:
    return tree.folder("annotations", "trimaps")


def _read_pets(request: Request, _: Path) -> SegmentationDataset:
    data = Pets(request.tree.path, request.split)
    data.reading = Reading("Oxford-IIIT Pet", "the pets'", "the border, 3", "as the publisher's lists say")
    return data


def _camvid(tree: Tree) -> bool:
    """The SegNet tutorial's CamVid; with a class list, folders of these names are someone else's."""
    return bool(tree.folder("trainannot")) and read_class_list(tree.path).classes is None


def _read_camvid(request: Request, _: bool) -> SegmentationDataset:
    data = camvid(request.tree.path, request.split)
    data.reading = Reading("CamVid of the SegNet tutorial", "CamVid's 11", "11, 255", "of the same name")
    return data


def _ends(*suffixes: str) -> Callable[[Tree], bool]:
    """Recognises a folder, or a file, by its files' ends."""

    def find(tree: Tree) -> bool:
        return (
            tree.path.name.lower().endswith(suffixes) if tree.path.is_file() else any(tree.files(*suffixes))
        )

    return find


def _says(*words: bytes, suffix: str = ".json") -> Callable[[Tree], bool]:
    """Recognises text files by words near their beginning or end."""

    def find(tree: Tree) -> bool:
        files = [tree.path] if tree.path.is_file() else [*tree.files(suffix)][:20]
        return any(all(word in ends_of(file) for word in words) for file in files if file.suffix == suffix)

    return find


def _supervisely(tree: Tree) -> bool:
    return any(
        "ann" in parts and {"img"} & {p[-1] for p in tree.folders if p} for parts in tree.folders
    ) and any(tree.files("meta.json", ".jpg.json", ".png.json"))


def _yolo_without_names(tree: Tree) -> bool:
    texts = [file for file in tree.files(".txt") if "labels" in file.relative_to(tree.path).parts]
    return any(re.match(rb"\d+( [\d.]+){4,}\s*", ends_of(file)) for file in texts[:5])


def _read_pairs(request: Request, found: Any) -> SegmentationDataset:
    return open_pairs(request, found, layout="pairs of images and masks")


def _has_masks(tree: Tree) -> bool:
    """Whether a folder's name says that it holds masks."""
    return any(
        role(parts)[1] == "mask" and any(map(is_image, names)) for parts, names in tree.folders.items()
    )


def _pairs_of_folders(tree: Tree) -> Any:
    ignored = [part.lower() for parts in tree.folders for part in parts if "panoptic" in part.lower()]
    return groups(tree, ignored=ignored) if _has_masks(tree) else None


def _pairs_of_one_folder(tree: Tree) -> Any:
    return None if _has_masks(tree) else groups(tree)


def _only_images(tree: Tree) -> bool:
    return tree.path.is_dir() and any(tree.files(".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"))


# The first row that finds something decides; a layout comes before those that it looks like.
LAYOUTS = (
    Layout("Oxford-IIIT Pet", "images/, annotations/trimaps/, annotations/trainval.txt", _pets, _read_pets),
    Layout("CamVid of the SegNet tutorial", "train/, trainannot/, val/, valannot/, ...",
           _camvid, _read_camvid),
    Layout("PASCAL VOC, CVAT's and labelme's VOC export", "JPEGImages/, SegmentationClass/, and ImageSets/"
           " or labelmap.txt or class_names.txt", trees.voc_tree, trees.voc),
    Layout("Cityscapes", "leftImg8bit/train/CITY/, gtFine/train/CITY/*_labelIds.png",
           trees.cityscapes_tree, trees.cityscapes),
    Layout("ADE20K", "images/training/, annotations/training/, objectInfo150.txt",
           trees.ade_tree, trees.ade20k),
    Layout("LoveDA", "Train/Rural/images_png/, Train/Rural/masks_png/", trees.loveda_tree, trees.loveda),
    Layout("DRIVE", "training/images/, training/1st_manual/",
           trees.drive_tree, trees.two_classes("DRIVE", "vessel")),
    Layout("ISIC", "ISIC_*.jpg, ISIC_*_segmentation.png",
           trees.isic_tree, trees.two_classes("ISIC", "lesion")),
    Layout("Carvana", "train/*.jpg, train_masks/*_mask.gif",
           trees.carvana_tree, trees.two_classes("Carvana", "car")),
    Layout("Roboflow's semantic masks", "train/a.jpg, train/a_mask.png, train/_classes.csv",
           trees.roboflow_tree, trees.roboflow),
    Layout("one mask file for each object", "ID/images/ID.png, ID/masks/*.png; or images/a.png,"
           " masks/a/*.png", trees.objects_tree, trees.objects),
    Layout("pairs in two folders", "images/a.jpg, masks/a.png; also with a common prefix or suffix"
           " (a_mask.png), in subfolders, with train/, val/, test/", _pairs_of_folders, _read_pairs),
    Layout("YOLO-seg", "images/, labels/ with .txt files, data.yaml with the names",
           shapes.yolo_tree, shapes.yolo),
    Layout("labelme", "images and .json files, whole or in train/, val/, test/",
           shapes.labelme_tree, shapes.labelme),
    Layout("COCO", "annotations/instances_train*.json, train*/; or a .json file and its images",
           shapes.coco_tree, shapes.open_coco),
    Layout("pairs in one folder", "a.jpg, a_mask.png; or a.jpg, a.png", _pairs_of_one_folder, _read_pairs),
    # Recognised, and not read.
    Layout("a COCO panoptic file", 'annotations with "segments_info"', _says(b'"segments_info"'), remedy="Use"
           " the instances' file of the same data set, or turn it into masks with panopticapi's"
           " panoptic2semantic_segmentation.py and open these"),
    Layout("a Supervisely project", "meta.json, DATASET/img/, DATASET/ann/", _supervisely, remedy="In"
           " Supervisely, run the app 'Export to COCO' or 'Export as masks' and open its result"),
    Layout("one file of labelme", '"shapes"', _says(b'"shapes"'), remedy="Open the folder that holds the"
           " images and their .json files"),
    Layout("a project of the VGG Image Annotator", '"regions" with "shape_attributes"',
           _says(b'"regions"', b'"shape_attributes"'), remedy="In VIA, choose Annotation > Export"
           " Annotations (COCO format) and open that file"),
    Layout("a Label Studio export", '"annotations" with "result"', _says(b'"result"', b'"from_name"'),
           remedy="In Label Studio, export as COCO (polygons) or as PNG masks (brush)"),
    Layout("Cityscapes' polygons", "gtFine/*_polygons.json without labelIds", _ends("_polygons.json"),
           remedy="Make the masks with cityscapesscripts: csCreateTrainIdLabelImgs"),
    Layout("CVAT's own XML", "annotations.xml", _says(b"<annotations>", b"<image ", suffix=".xml"),
           remedy="In CVAT, export the task as 'Segmentation mask 1.1' or 'COCO 1.0', with its images"),
    Layout("boxes of PASCAL VOC", ".xml files with bndbox",
           _says(b"<annotation", b"<bndbox", suffix=".xml"), remedy="Boxes are no masks: draw the"
           " outlines with seglib's Annotator, or get masks from boxes as in notebook 07"),
    Layout("YOLO text files without names", "labels/ with .txt files, no data.yaml", _yolo_without_names,
           remedy='Write a data.yaml next to the folders: names: ["first class", "second class"]'),
    Layout("run lengths in a table", "a .csv file with EncodedPixels",
           _says(b"EncodedPixels", suffix=".csv"), remedy="Write each mask as a PNG file; a script is in"
           " docs/bring-your-data.md under 'Run lengths in a table'"),
    Layout("MATLAB files", ".mat", _ends(".mat"), remedy="Read them with scipy.io.loadmat and write each mask"
           " as a PNG file; a script is in docs/bring-your-data.md under 'Arrays'"),
    Layout("arrays", ".npy, .npz, .h5, .pkl, .pt", _ends(".npy", ".npz", ".h5", ".hdf5", ".pkl", ".pt"),
           remedy="Write each image and each mask as a PNG file; a script is in docs/bring-your-data.md under"
           " 'Arrays'"),
    Layout("medical images", ".dcm, .nii, .nrrd, .mha",
           _ends(".dcm", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"), remedy="Choose"
           " slices and a window of grey values, and write them as PNG files, images and masks"
           " alike; see docs/bring-your-data.md under 'Medical images'"),
    Layout("a data set of records", ".tfrecord, .parquet, .arrow, .mdb",
           _ends(".tfrecord", ".tfrecords", ".parquet", ".arrow", ".mdb"), remedy="Open it with the library"
           " that wrote it (tensorflow_datasets, datasets, lmdb) and write images and masks as files"),
    Layout("an archive", ".zip, .tar, .rar", _ends(".zip", ".tar", ".tar.gz", ".tgz", ".rar", ".7z"),
           remedy="Unpack it and open the folder"),
    Layout("images without masks", "image files only", _only_images, remedy="If there are masks, "
           f"{WAY_OUT}. If there are none yet, draw them with seglib.widgets.annotator.Annotator"),
)  # fmt: skip
