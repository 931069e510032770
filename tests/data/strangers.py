"""Folders as other tools and publishers write them, small and made here: one function for each layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MASK = np.array([[0, 1, 1, 0], [0, 2, 2, 0], [0, 0, 0, 0]], np.uint8)
BINARY = np.array([[0, 255, 255, 0], [0, 255, 255, 0], [0, 0, 0, 0]], np.uint8)
VOC_COLORS = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]


def image(path: Path, size: tuple[int, int] = (4, 3), **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 90, 200)).save(path, **options)
    return path


def mask(path: Path, values: np.ndarray = MASK, palette: list[list[int]] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = Image.fromarray(values)
    if palette:
        file.putpalette(np.array(palette, np.uint8).ravel().tolist())
    file.save(path)
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def pairs(root: Path, photo: str, label: str, values: np.ndarray = MASK, stems: str = "a b c") -> None:
    """An image and a mask for each stem, whose paths have a star in its place."""
    for stem in stems.split():
        image(root / photo.replace("*", stem))
        mask(root / label.replace("*", stem), values)


def coco(path: Path, names: list[str], **fields: Any) -> Path:
    """A COCO file with one object of category 1 on each image: the upper middle of 4 x 3 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    box = [[1, 0, 3, 0, 3, 2, 1, 2]]
    content = {
        "images": [{"id": k, "file_name": name, "height": 3, "width": 4} for k, name in enumerate(names)],
        "annotations": [
            {
                "id": k,
                "image_id": k,
                "category_id": 1,
                "iscrowd": 0,
                "segmentation": box,
                "bbox": [1, 0, 2, 2],
            }
            for k in range(len(names))
        ],
        "categories": [{"id": 1, "name": "fish", "supercategory": "animal"}],
    }
    path.write_text(json.dumps(content | fields))
    return path


# Opened.


def voc_of_cvat(root: Path) -> None:
    for stem in "ab":
        image(root / "JPEGImages" / f"{stem}.jpg")
        for folder in ("SegmentationClass", "SegmentationObject"):
            mask(root / folder / f"{stem}.png", np.array(VOC_COLORS, np.uint8)[MASK])
    text(root / "ImageSets/Segmentation/default.txt", "a\nb\n")
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::", "crab:0,128,0::", "fish:128,0,0::"]
    text(root / "labelmap.txt", "\n".join(lines))


def voc_of_labelme(root: Path) -> None:
    for stem in "ab":
        image(root / "JPEGImages" / f"{stem}.jpg")
        mask(root / "SegmentationClass" / f"{stem}.png", MASK, VOC_COLORS)
        image(root / "SegmentationClassVisualization" / f"{stem}.jpg")
    text(root / "class_names.txt", "_background_\nfish\ncrab\n")


def voc_without_a_list(root: Path) -> None:
    pairs(root, "JPEGImages/*.jpg", "SegmentationClass/*.png")
    text(root / "ImageSets/Segmentation/train.txt", "a\nb\n")
    text(root / "ImageSets/Segmentation/val.txt", "c\n")


def voc_itself(root: Path) -> None:
    pairs(root, "JPEGImages/*.jpg", "SegmentationClass/*.png", stems="2007_000032 2007_000039")
    text(root / "ImageSets/Segmentation/train.txt", "2007_000032\n2007_000039\n")


def cityscapes(root: Path, ids: str = "labelIds") -> None:
    values = {"labelIds": np.choose(MASK, [7, 26, 3]), "labelTrainIds": np.choose(MASK, [0, 13, 255])}
    for split, city in (("train", "aachen"), ("val", "lindau")):
        name = f"{city}_000000_000019"
        image(root / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png")
        for kind in dict.fromkeys(["labelIds", ids]):
            path = root / "gtFine" / split / city / f"{name}_gtFine_{kind}.png"
            mask(path, values[kind].astype(np.uint8))
        mask(root / "gtFine" / split / city / f"{name}_gtFine_color.png", np.zeros((3, 4, 3), np.uint8))
        mask(root / "gtFine" / split / city / f"{name}_gtFine_instanceIds.png", MASK)
        text(root / "gtFine" / split / city / f"{name}_gtFine_polygons.json", '{"objects": []}')


def ade20k(root: Path) -> None:
    for split, short in (("training", "train"), ("validation", "val")):
        image(root / "images" / split / f"ADE_{short}_00000001.jpg")
        mask(root / "annotations" / split / f"ADE_{short}_00000001.png")
    text(
        root / "objectInfo150.txt",
        "Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t.1\t1\t1\t1\twall\n2\t.1\t1\t1\t1\tsky\n",
    )


def loveda(root: Path) -> None:
    for split in ("Train", "Val"):
        for place in ("Rural", "Urban"):
            pairs(root / split / place, "images_png/*.png", "masks_png/*.png", stems=f"{len(split + place)}")


def drive(root: Path) -> None:
    for split, numbers in (("training", "21 22"), ("test", "01 02")):
        for number in numbers.split():
            image(root / split / "images" / f"{number}_{split}.tif")
            mask(root / split / "1st_manual" / f"{number}_manual1.gif", BINARY)
            mask(root / split / "mask" / f"{number}_{split}_mask.gif", np.full_like(BINARY, 255))
            mask(root / "test" / "2nd_manual" / f"{number}_manual2.gif", BINARY)


def isic(root: Path) -> None:
    for stem in ("ISIC_0000000", "ISIC_0000001"):
        image(root / "ISIC2018_Task1-2_Training_Input" / f"{stem}.jpg")
        mask(root / "ISIC2018_Task1_Training_GroundTruth" / f"{stem}_segmentation.png", BINARY)
    text(root / "ISIC2018_Task1-2_Training_Input" / "ATTRIBUTION.txt", "")


def carvana(root: Path) -> None:
    pairs(
        root, "train/*.jpg", "train_masks/*_mask.gif", BINARY // 255, stems="0cdf5b5d0ce1_01 0cdf5b5d0ce1_02"
    )


def kvasir_as_png(root: Path) -> None:
    pairs(
        root,
        "images/*.jpg",
        "masks/*.png",
        BINARY,
        stems="cju0qkwl35piu0993l0dewei2 cju0qoxqj9q6s0835b43399p4",
    )
    text(root / "kavsir_bboxes.json", "{}")
    text(root / "classes.json", '{"names": ["background", "polyp"], "values": [0, 255]}')


def roboflow(root: Path) -> None:
    for split in ("train", "valid"):
        for stem in ("sea_jpg.rf.0a1", "sand_jpg.rf.2b3"):
            image(root / split / f"{stem}.jpg")
            mask(root / split / f"{stem}_mask.png")
        text(root / split / "_classes.csv", "Pixel Value, Class\n0, background\n1, fish\n2, crab\n")


def yolo(root: Path) -> None:
    for split in ("train", "valid"):
        image(root / split / "images" / "a.jpg")
        text(root / split / "labels" / "a.txt", "0 0.25 0 0.75 0 0.75 0.6667 0.25 0.6667\n")
    text(root / "data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['fish', 'crab']\n")


def yolo_of_coco(root: Path) -> None:
    image(root / "images" / "train2017" / "a.jpg")
    text(root / "labels" / "train2017" / "a.txt", "0 0.25 0 0.75 0 0.75 0.6667 0.25 0.6667\n")
    text(root / "coco.yaml", "names:\n  0: fish\n  1: crab\n")


def labelme(root: Path) -> None:
    shape = {"label": "fish", "points": [[1, 0], [3, 2]], "shape_type": "rectangle"}
    ignored = {"label": "__ignore__", "points": [[0, 2], [1, 3]], "shape_type": "rectangle"}
    for stem in "ab":
        image(root / f"{stem}.jpg")
        content = {"shapes": [shape, ignored], "imagePath": f"{stem}.jpg", "imageWidth": 4, "imageHeight": 3}
        text(root / f"{stem}.json", json.dumps(content))
    text(root / ".labelmerc.json", "{")
    text(root / "settings.json", '{"window": 3}')


def coco_2017(root: Path) -> None:
    for split in ("train2017", "val2017"):
        image(root / split / "000000000009.jpg")
        coco(root / "annotations" / f"instances_{split}.json", ["000000000009.jpg"])
        coco(root / "annotations" / f"person_keypoints_{split}.json", ["000000000009.jpg"])
        text(root / "annotations" / f"captions_{split}.json", '{"images": [], "annotations": []}')


def coco_of_roboflow(root: Path) -> None:
    image(root / "train" / "a_jpg.rf.12.jpg")
    categories = [
        {"id": 0, "name": "fish", "supercategory": "none"},
        {"id": 1, "name": "fish", "supercategory": "fish"},
    ]
    coco(root / "train" / "_annotations.coco.json", ["a_jpg.rf.12.jpg"], categories=categories)


def coco_of_windows(root: Path) -> None:
    image(root / "images" / "a.jpg")
    coco(root / "result.json", ["images\\a.jpg"])
    text(root / "classes.json", '["fish"]')
    text(root / "notes.json", "{}")


def objects_one_a_file(root: Path) -> None:
    one, other = (MASK == 1) * np.uint8(255), (MASK == 2) * np.uint8(255)
    for number in range(3):
        image(root / f"0{number}ab" / "images" / f"0{number}ab.png")
        mask(root / f"0{number}ab" / "masks" / "77f.png", one)
        mask(root / f"0{number}ab" / "masks" / "c3d.png", other)


def numbers_of_objects(root: Path) -> None:
    for stem, count in (("a", 20), ("b", 30), ("c", 12)):
        ids = np.zeros((12, 64), np.uint16)
        for k in range(count):
            ids[2:5, 2 * k + 1] = k + 1
        image(root / "images" / f"{stem}.tif", (64, 12))
        mask(root / "masks" / f"{stem}.tif", ids)


def mmsegmentation(root: Path) -> None:
    for split, stems in (("train", "a b"), ("val", "c")):
        pairs(root, f"img_dir/{split}/*.jpg", f"ann_dir/{split}/*.png", stems=stems)


def deepglobe(root: Path) -> None:
    for number in ("100694", "119"):
        image(root / "train" / f"{number}_sat.jpg")
        colors = np.array([[0, 255, 255], [255, 255, 0], [0, 0, 0]], np.uint8)
        mask(root / "train" / f"{number}_mask.png", colors[MASK])
    text(
        root / "class_dict.csv",
        "name,r,g,b\nurban_land,0,255,255\nagriculture_land,255,255,0\nunknown,0,0,0\n",
    )


def kaggle_camvid(root: Path) -> None:
    for split, stems in (("train", "0001TP_1 0001TP_2"), ("val", "0016E5_1 0016E5_2")):
        for stem in stems.split():
            image(root / split / f"{stem}.png")
            mask(root / f"{split}_labels" / f"{stem}_L.png", np.array(VOC_COLORS, np.uint8)[MASK])
    text(root / "class_dict.csv", "name,r,g,b\nSky,0,0,0\nCar,128,0,0\nVoid,0,128,0\n")


def capitals_and_lists(root: Path) -> None:
    pairs(root, "Images/*.JPG", "Labels/*.PNG", stems="a b c d")
    text(root / "train.txt", "a.JPG\nb.JPG\nd.JPG\n")
    text(root / "val.txt", "c.JPG\n")


def one_folder(root: Path) -> None:
    pairs(root, "photo_*.jpg", "label_*.png", stems="1 2 10")


def twins(root: Path) -> None:
    pairs(root, "*.jpg", "*.png")


GREY, VOC21 = ("class 0", "class 1", "class 2"), "aeroplane"
THREE = ("background", "fish", "crab")
V = 255
CARS = [[0, 13, 13, 0], [0, V, V, 0], [0] * 4]
TWO = [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
# layout -> its maker, its name, the classes, and the first mask of train (None: MASK; []: not compared)
OPENED: dict[str, tuple[Callable[[Path], None], str, tuple[str, ...], list[list[int]] | None]] = {
    "CVAT, segmentation mask 1.1": (
        voc_of_cvat, "PASCAL VOC", ("background", "crab", "fish"), np.choose(MASK, [0, 2, 1]).tolist()),
    "labelme2voc": (voc_of_labelme, "PASCAL VOC", THREE, None),
    "a tree like VOC's": (voc_without_a_list, "PASCAL VOC", GREY, None),
    "PASCAL VOC": (voc_itself, "PASCAL VOC", (), None),
    "Cityscapes, labelIds": (cityscapes, "Cityscapes", (), CARS),
    "Cityscapes, trainIds": (
        lambda root: cityscapes(root, "labelTrainIds"), "Cityscapes", (), CARS),
    "ADE20K": (ade20k, "ADE20K", ("wall", "sky"), [[V, 0, 0, V], [V, 1, 1, V], [V] * 4]),
    "LoveDA": (loveda, "LoveDA", (), [[V, 0, 0, V], [V, 1, 1, V], [V] * 4]),
    "DRIVE": (drive, "DRIVE", ("background", "vessel"), TWO),
    "ISIC": (isic, "ISIC", ("background", "lesion"), TWO),
    "Carvana": (carvana, "Carvana", ("background", "car"), TWO),
    "Kvasir-SEG, masks as PNG": (kvasir_as_png, "pairs", ("background", "polyp"), TWO),
    "Roboflow, semantic masks": (roboflow, "Roboflow", THREE, None),
    "YOLO-seg": (yolo, "YOLO-seg", THREE, TWO),
    "YOLO-seg, train2017": (yolo_of_coco, "YOLO-seg", THREE, TWO),
    "labelme": (labelme, "labelme", ("background", "fish"), [[0, 1, 1, 0], [0, 1, 1, 0], [V, 0, 0, 0]]),
    "COCO 2017": (coco_2017, "COCO", ("background", "fish"), TWO),
    "COCO of Roboflow": (coco_of_roboflow, "COCO", ("background", "fish"), TWO),
    "COCO of Windows": (coco_of_windows, "COCO", ("background", "fish"), TWO),
    "one mask file for each object": (objects_one_a_file, "one mask file", ("background", "object"), TWO),
    "numbers of objects": (numbers_of_objects, "pairs", ("background", "object"), []),
    "MMSegmentation": (mmsegmentation, "pairs", GREY, None),
    "DeepGlobe": (
        deepglobe, "pairs", ("urban_land", "agriculture_land", "unknown"), None),
    "CamVid with class_dict.csv": (
        kaggle_camvid, "pairs", ("Sky", "Car"), [[0, 1, 1, 0], [0, V, V, 0], [0] * 4]),
    "Images/, Labels/, train.txt": (capitals_and_lists, "pairs", GREY, None),
    "prefixes in one folder": (one_folder, "pairs", GREY, None),
    "a.jpg and a.png": (twins, "pairs", GREY, None),
}  # fmt: skip


# Recognised, and not read: layout -> its maker, and a word of the next step.


def panoptic(root: Path) -> None:
    image(root / "train2017" / "a.jpg")
    mask(root / "annotations" / "panoptic_train2017" / "a.png", np.zeros((3, 4, 3), np.uint8))
    shape = [{"image_id": 0, "segments_info": [{"id": 1}]}]
    coco(root / "annotations" / "panoptic_train2017.json", ["a.jpg"], annotations=shape)


def supervisely(root: Path) -> None:
    image(root / "ds0" / "img" / "a.jpg")
    text(root / "ds0" / "ann" / "a.jpg.json", '{"objects": []}')
    text(root / "meta.json", "{}")


def via(root: Path) -> None:
    image(root / "a.jpg")
    text(root / "via_region_data.json", '{"a.jpg": {"regions": [{"shape_attributes": {}}]}}')


def label_studio(root: Path) -> None:
    text(root / "export.json", '[{"annotations": [{"result": [{"from_name": "tag"}]}]}]')


def only_files(*names: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        image(root / "images" / "a.jpg")
        for name in names:
            text(root / name, "0")

    return make


def boxes_of_voc(root: Path) -> None:
    image(root / "JPEGImages" / "a.jpg")
    text(root / "Annotations" / "a.xml", "<annotation><object><bndbox></bndbox></object></annotation>")


def yolo_without_names(root: Path) -> None:
    image(root / "images" / "a.jpg")
    text(root / "labels" / "a.txt", "0 0.25 0 0.75 0 0.75 0.6667 0.25 0.6667\n")


def polygons_of_cityscapes(root: Path) -> None:
    image(root / "leftImg8bit" / "train" / "ulm" / "ulm_0_0_leftImg8bit.png")
    text(root / "gtFine" / "train" / "ulm" / "ulm_0_0_gtFine_polygons.json", "{}")


def cvat_xml(root: Path) -> None:
    text(root / "annotations.xml", "<annotations><image id='0'></image></annotations>")
    image(root / "images" / "a.jpg")


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "COCO panoptic": (panoptic, "panoptic2semantic"),
    "Supervisely": (supervisely, "Export to COCO"),
    "VIA": (via, "COCO format"),
    "Label Studio": (label_studio, "export as COCO"),
    "Cityscapes' polygons": (polygons_of_cityscapes, "csCreateTrainIdLabelImgs"),
    "CVAT for images": (cvat_xml, "Segmentation mask 1.1"),
    "boxes of VOC": (boxes_of_voc, "Boxes are no masks"),
    "YOLO without names": (yolo_without_names, "data.yaml"),
    "run lengths in a table": (
        lambda root: text(root / "train.csv", "ImageId,EncodedPixels\na,1 3\n"), "Run lengths in a table"),
    "MATLAB": (only_files("groundTruth/a.mat"), "scipy.io.loadmat"),
    "arrays": (only_files("train.npz"), "Arrays"),
    "DICOM": (only_files("series/IM0001.dcm"), "window of grey values"),
    "NIfTI": (only_files("case/ct.nii.gz"), "window of grey values"),
    "records": (only_files("train-00001.tfrecord"), "with the library"),
    "an archive": (only_files("masks.zip"), "Unpack it"),
    "images alone": (only_files(), "Annotator"),
}  # fmt: skip
