"""Folders as other tools and publishers write them, small: what is in them, and what becomes of them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seglib.data.catalog import load
from seglib.labels import VOID as V

MASK = np.array([[0, 1, 1, 0], [0, 2, 2, 0], [0, 0, 0, 0]], np.uint8)
BINARY = np.array([[0, 255, 255, 0], [0, 255, 255, 0], [0, 0, 0, 0]], np.uint8)
COLORS = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]  # of VOC
PAINTED = np.array(COLORS, np.uint8)[MASK]
PHOTO = Image.new("RGB", (4, 3), (9, 90, 200))
BOX = "0 0.25 0 0.75 0 0.75 0.6667 0.25 0.6667\n"  # the upper middle, as YOLO writes it


def indexed(values: np.ndarray = MASK, colors: Sequence[Sequence[int]] = COLORS) -> Image.Image:
    """A palette image."""
    file = Image.fromarray(values)
    file.putpalette(np.array(colors, np.uint8).ravel().tolist())
    return file


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """An image file."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int) -> Image.Exif:
    """EXIF data with this orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def names(pattern: str) -> list[str]:
    """Of "{a,b}.{x,y}": a.x, a.y, b.x, b.y."""
    return ["".join(parts) for parts in product(*(part.split(",") for part in re.split(r"[{}]", pattern)))]


def write(root: Path, files: Mapping[str, Any]) -> Path:
    """Write files of given names (patterns with braces) and contents: bytes, text, images, arrays, JSON."""
    for pattern, content in files.items():
        for name in names(pattern):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif isinstance(content, str):
                path.write_text(content, "utf-8")
            elif isinstance(content, (Image.Image, np.ndarray)):
                (Image.fromarray(content) if isinstance(content, np.ndarray) else content).save(path)
            else:
                path.write_text(json.dumps(content), "utf-8")
    return root


def paired(photo: str, label: str, stems: str = "a,b,c", mask: Any = MASK) -> dict[str, Any]:
    """Images and masks, whose names have a star in place of the stem."""
    return {photo.replace("*", f"{{{stems}}}"): PHOTO, label.replace("*", f"{{{stems}}}"): mask}


def one(pixels: Any = MASK, suffix: str = "png", **classes: Any) -> dict[str, Any]:
    """One image and its mask, and a classes.json of these fields."""
    size = pixels.shape[1::-1] if isinstance(pixels, np.ndarray) else PHOTO.size
    files = {"images/a.jpg": PHOTO.resize(size), f"masks/a.{suffix}": pixels}
    return files | ({"classes.json": classes} if classes else {})


def coco(files: Sequence[str] = ("a.jpg",), **fields: Any) -> dict[str, Any]:
    """A COCO file with one object of category 1 on each image: the upper middle of 4 x 3 pixels."""
    images = [{"id": k, "file_name": name, "height": 3, "width": 4} for k, name in enumerate(files)]
    shape = {"category_id": 1, "segmentation": [[1, 0, 3, 0, 3, 2, 1, 2]]}
    annotations = [{"id": k, "image_id": k, "bbox": [1, 0, 2, 2]} | shape for k in range(len(files))]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "fish"}]} | fields


def snapshot(folder: Path) -> dict[Path, bytes | None]:
    return {path: None if path.is_dir() else path.read_bytes() for path in sorted(folder.rglob("*"))}


def refusal(folder: Path, words: str = "") -> str:
    """What opening a folder and reading everything in it says.

    It is a sentence or two in which `words` (a regular expression) are found; no file is changed.
    """
    before = snapshot(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=words) as caught:
        for _ in load(folder):
            pass
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500, message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or not caught.value.__context__
    assert snapshot(folder) == before
    return message


LABEL_IDS, TRAIN_IDS, TRIMAP = (
    np.choose(MASK, ids).astype(np.uint8) for ids in ([7, 26, 3], [0, 13, V], [2, 1, 3])
)
FIELDS = np.array([[0, 255, 255], [255, 255, 0], [0, 0, 0]], np.uint8)[MASK]
HEADED = [
    {"id": 0, "name": "fish", "supercategory": "none"},
    {"id": 1, "name": "fish", "supercategory": "fish"},
]
SHAPES = [
    {"label": "fish", "points": [[1, 0], [3, 2]], "shape_type": "rectangle"},
    {"label": "__ignore__", "points": [[0, 2], [1, 3]], "shape_type": "rectangle"},
]


def labelme(name: str) -> dict[str, Any]:
    return {"shapes": SHAPES, "imagePath": name, "imageWidth": 4, "imageHeight": 3}


def numbered(count: int) -> np.ndarray:
    """A mask of so many objects, 1, 2, ..."""
    ids = np.zeros((12, 64), np.uint16)
    ids[2:5, 1 : 2 * count : 2] = np.arange(1, count + 1)
    return ids


# Opened.
CITY_PHOTO, CITY_MASK = "leftImg8bit/*_leftImg8bit.png", "gtFine/*_gtFine_"
CITIES = "train/aachen/aachen_000000_000019,val/lindau/lindau_000000_000019"
CITYSCAPES = paired(CITY_PHOTO, f"{CITY_MASK}labelIds.png", CITIES, LABEL_IDS) | {
    f"gtFine/{{{CITIES}}}_gtFine_color.png": PAINTED,
    f"gtFine/{{{CITIES}}}_gtFine_instanceIds.png": MASK,
    f"gtFine/{{{CITIES}}}_gtFine_polygons.json": {"objects": []},
}
UNPACKED = f"gtFine_trainvaltest/{CITY_MASK}{{labelTrainIds,instanceIds}}.png"
ADE20K = paired(
    "images/*.jpg", "annotations/*.png", "training/ADE_train_00000001,validation/ADE_val_00000001"
)
VOC = "JPEGImages/*.jpg", "SegmentationClass/*.png"
ROBOFLOW = "{train,valid}/*.jpg", "{train,valid}/*_mask.png", "sea_jpg.rf.0a1,sand_jpg.rf.2b3"
BDD = "train/0000f77c-6257be58,val/7d06fefd-f7be05a6"
LAYOUTS: dict[str, dict[str, Any]] = {
    "CVAT, mask 1.1": paired("JPEGImages/*.jpg", "Segmentation{Class,Object}/*.png", "a,b", PAINTED)
    | {
        "ImageSets/Segmentation/default.txt": "a\nb\n",
        "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncrab:0,128,0::\nfish:128,0,0::",
    },
    "labelme2voc": paired(*VOC, "a,b", indexed())
    | {
        "SegmentationClassVisualization/{a,b}.jpg": PHOTO,
        "class_names.txt": "_background_\nfish\ncrab\n",
    },
    "a tree like VOC's": paired(*VOC)
    | {"ImageSets/Segmentation/train.txt": "a\nb\n", "ImageSets/Segmentation/val.txt": "c\n"},
    "PASCAL VOC": paired(*VOC, "2007_000032,2007_000039")
    | {"ImageSets/Segmentation/train.txt": "2007_000032\n2007_000039\n"},
    "PASCAL VOC, one folder above": paired(
        "VOCdevkit/VOC2012/JPEGImages/*.jpg",
        "VOCdevkit/VOC2012/Segmentation{Class,Object}/*.png",
        "2007_000032,2007_000039",
    )
    | {"VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt": "2007_000032\n"},
    "Oxford-IIIT Pet": paired("images/*.jpg", "annotations/trimaps/*.png", "cat_1,cat_2", TRIMAP)
    | {"annotations/{trainval,test}.txt": "cat_1 1 1 1\ncat_2 1 1 1\n"},
    "CamVid": paired("{train,val}/*.png", "{train,val}annot/*.png", "a"),
    "CamVid with a list": paired("{train,val}/*.png", "{train,val}annot/*.png", "a")
    | {"classes.txt": "a\nb\nc"},
    "CamVid with class_dict.csv": {
        "{train/0001TP_1,train/0001TP_2,val/0016E5_1}.png": PHOTO,
        "{train_labels/0001TP_1,train_labels/0001TP_2,val_labels/0016E5_1}_L.png": PAINTED,
        "class_dict.csv": "name,r,g,b\nSky,0,0,0\nCar,128,0,0\nVoid,0,128,0\n",
    },
    "Cityscapes, labelIds": CITYSCAPES,
    "Cityscapes, trainIds": CITYSCAPES | {f"gtFine/{{{CITIES}}}_gtFine_labelTrainIds.png": TRAIN_IDS},
    "Cityscapes, coarse": paired(CITY_PHOTO, "gtCoarse/*_gtCoarse_labelIds.png", CITIES, LABEL_IDS),
    "Cityscapes, fine and coarse": CITYSCAPES | {f"gtCoarse/{{{CITIES}}}_gtCoarse_labelIds.png": MASK},
    "Cityscapes as unpacked": paired(f"leftImg8bit_trainvaltest/{CITY_PHOTO}", UNPACKED, CITIES),
    "ADE20K": ADE20K
    | {"objectInfo150.txt": "Idx\tRatio\tTrain\tVal\tStuff\tName\n1\t.1\t1\t1\t1\twall\n2\t.1\t1\t1\t1\tsky"},
    "ADE20K without its list": ADE20K,
    "LoveDA": paired(
        "{Train,Val}/{Rural,Urban}/images_png/*.png", "{Train,Val}/{Rural,Urban}/masks_png/*.png", "8"
    ),
    "DRIVE": {
        "{training/images/21_training,training/images/22_training,test/images/01_test}.tif": PHOTO,
        "{training/1st_manual/21,training/1st_manual/22,test/1st_manual/01}_manual1.gif": BINARY,
        "{training/mask/21_training,training/mask/22_training,test/mask/01_test}_mask.gif": BINARY | 255,
        "test/2nd_manual/01_manual2.gif": BINARY,
    },
    "ISIC": paired(
        "ISIC2018_Task1-2_Training_Input/*.jpg",
        "ISIC2018_Task1_Training_GroundTruth/*_segmentation.png",
        "ISIC_0000000,ISIC_0000001",
        BINARY,
    )
    | {"ISIC2018_Task1-2_Training_Input/ATTRIBUTION.txt": ""},
    "Carvana": paired(
        "train/*.jpg", "train_masks/*_mask.gif", "0cdf5b5d0ce1_01,0cdf5b5d0ce1_02", BINARY // 255
    ),
    "Kvasir-SEG, masks as PNG": paired(
        "images/*.jpg", "masks/*.png", "cju0qkwl35piu0993l0d,cju0qoxqj9q6s0835b43", BINARY
    )
    | {"kavsir_bboxes.json": {}, "classes.json": {"names": ["background", "polyp"], "values": [0, 255]}},
    "Roboflow, semantic masks": paired(*ROBOFLOW)
    | {"{train,valid}/_classes.csv": "Pixel Value, Class\n0, background\n1, fish\n2, crab\n"},
    "YOLO-seg": {
        "{train,valid}/images/a.jpg": PHOTO,
        "{train,valid}/labels/a.txt": BOX,
        "data.yaml": "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['fish', 'crab']\n",
    },
    "YOLO-seg, train2017": {
        "images/train2017/a.jpg": PHOTO,
        "labels/train2017/a.txt": BOX,
        "coco.yaml": "names:\n  0: fish\n  1: crab\n",
    },
    "labelme": {
        "{a,b}.jpg": PHOTO,
        "a.json": labelme("a.jpg"),
        "b.json": labelme("b.jpg"),
        ".labelmerc.json": "{",
        "settings.json": {"window": 3},
    },
    "COCO 2017": {
        "{train,val}2017/000000000009.jpg": PHOTO,
        "annotations/{instances,person_keypoints}_{train,val}2017.json": coco(["000000000009.jpg"]),
        "annotations/captions_{train,val}2017.json": {"images": [], "annotations": []},
    },
    "COCO of Roboflow": {
        "train/a_jpg.rf.12.jpg": PHOTO,
        "train/_annotations.coco.json": coco(["a_jpg.rf.12.jpg"], categories=HEADED),
    },
    "COCO of Windows": {
        "images/a.jpg": PHOTO,
        "result.json": coco(["images\\a.jpg"]),
        "classes.json": ["fish"],
        "notes.json": {},
    },
    "one mask file for each object": {
        "{00/images/00,01/images/01,02/images/02}.png": PHOTO,
        "{00,01,02}/masks/77f.png": (MASK == 1) * np.uint8(255),
        "{00,01,02}/masks/c3d.png": (MASK == 2) * np.uint8(255),
    },
    "flat masks of objects": {
        "images/{a,b}.png": PHOTO,
        "masks/{a,b}_0.png": (MASK == 1) * np.uint8(1),
        "masks/{a,b}_1.png": (MASK == 2) * np.uint8(1),
    },
    "numbers of objects": {
        "images/{a,b,c}.tif": PHOTO.resize((64, 12)),
        "masks/a.tif": numbered(20),
        "masks/b.tif": numbered(30),
        "masks/c.tif": numbered(12),
    },
    "MMSegmentation": paired("img_dir/*.jpg", "ann_dir/*.png", "train/a,train/b,val/c"),
    "DeepGlobe": paired("train/*_sat.jpg", "train/*_mask.png", "100694,119", FIELDS)
    | {"class_dict.csv": "name,r,g,b\nurban_land,0,255,255\nagriculture_land,255,255,0\nunknown,0,0,0\n"},
    "nnU-Net": paired("imagesTr/*_0000.png", "labelsTr/*.png", "case_001,case_002")
    | paired("imagesTs/*_0000.png", "labelsTs/*.png", "case_003"),
    "Mapillary": paired("training/images/*.jpg", "training/{labels,instances}/*.png", "a,b", indexed()),
    "Supervisely, masks": paired("ds/img/*.jpg", "ds/masks_machine/*.png", "a,b", np.stack([MASK] * 3, -1))
    | {
        "ds/masks_human/{a,b}.png": PAINTED,
        "obj_class_to_machine_color.json": {"fish": [1, 1, 1], "crab": [2, 2, 2]},
    },
    "BDD100K": paired("images/10k/*.jpg", "labels/sem_seg/masks/*.png", BDD)
    | {f"labels/sem_seg/colormaps/{{{BDD}}}.png": PAINTED},
    "PaddleSeg's lists": paired("JPEGImages/*.jpg", "Annotations/*.png", "a,b,c,d")
    | {
        "train_list.txt": "JPEGImages/a.jpg Annotations/a.png\nJPEGImages/d.jpg Annotations/d.png\n",
        "val_list.txt": "JPEGImages/b.jpg Annotations/b.png\nJPEGImages/c.jpg Annotations/c.png\n",
    },
    "Images/, Labels/, train.txt": paired("Images/*.JPG", "Labels/*.PNG", "a,b,c,d")
    | {"train.txt": "a.JPG\nb.JPG\nd.JPG\n", "val.txt": "c.JPG\n"},
    "one folder above": paired("reef/images/train/*.jpg", "reef/masks/train/*.png")
    | {"reef/classes.csv": "id,name\n0,sea\n1,fish\n2,crab\n", "README.md": "# Reef"},
    "accents as macOS writes them": {
        "train/images/{caf\u00e9,na\u00efve}.jpg": PHOTO,
        "train/masks/{cafe\u0301,nai\u0308ve}.png": MASK,
    },
    "masks in colours next to them": paired("train/images/*.jpg", "train/masks/*_mask.png", "p1,p2")
    | {"train/masks/{p1,p2}_vis.png": PAINTED},
    "prefixes in one folder": paired("photo_*.jpg", "label_*.png", "1,2,10"),
    "a.jpg and a.png": paired("*.jpg", "*.png"),
}
GREY, THREE = ("class 0", "class 1", "class 2"), ("background", "fish", "crab")
FISH, OBJECT = ("background", "fish"), ("background", "object")
CARS = [[0, 13, 13, 0], [0, V, V, 0], [0] * 4]
FROM_ONE = [[V, 0, 0, V], [V, 1, 1, V], [V] * 4]
TWO = BINARY // 255
# layout -> the name that is shown, classes (a number of published ones), training images, the first mask
OPENED: dict[str, tuple[str, Sequence[str] | int, int, Any]] = {
    "CVAT, mask 1.1": ("PASCAL VOC", ("background", "crab", "fish"), 1, np.choose(MASK, [0, 2, 1])),
    "labelme2voc": ("PASCAL VOC", THREE, 1, MASK),
    "a tree like VOC's": ("PASCAL VOC", GREY, 2, MASK),
    "PASCAL VOC": ("PASCAL VOC", 21, 2, MASK),
    "PASCAL VOC, one folder above": ("PASCAL VOC", 21, 1, MASK),
    "Oxford-IIIT Pet": ("Oxford-IIIT Pet", 3, 1, [[0, 1, 1, 0], [0, V, V, 0], [0] * 4]),
    "CamVid": ("CamVid", 11, 1, MASK),
    "CamVid with a list": ("pairs", "abc", 1, MASK),
    "CamVid with class_dict.csv": ("pairs", ("Sky", "Car"), 2, [[0, 1, 1, 0], [0, V, V, 0], [0] * 4]),
    "Cityscapes, labelIds": ("Cityscapes", 19, 1, CARS),
    "Cityscapes, trainIds": ("Cityscapes", 19, 1, CARS),
    "Cityscapes, coarse": ("Cityscapes", 19, 1, CARS),
    "Cityscapes, fine and coarse": ("Cityscapes", 19, 1, CARS),
    "Cityscapes as unpacked": ("Cityscapes", 19, 1, MASK),
    "ADE20K": ("ADE20K", ("wall", "sky"), 1, FROM_ONE),
    "ADE20K without its list": ("ADE20K", ("class 1", "class 2"), 1, FROM_ONE),
    "LoveDA": ("LoveDA", 7, 2, FROM_ONE),
    "DRIVE": ("DRIVE", ("background", "vessel"), 2, TWO),
    "ISIC": ("ISIC", ("background", "lesion"), 2, TWO),
    "Carvana": ("Carvana", ("background", "car"), 2, TWO),
    "Kvasir-SEG, masks as PNG": ("pairs", ("background", "polyp"), 1, TWO),
    "Roboflow, semantic masks": ("Roboflow", THREE, 2, MASK),
    "YOLO-seg": ("YOLO-seg", THREE, 1, TWO),
    "YOLO-seg, train2017": ("YOLO-seg", THREE, 1, TWO),
    "labelme": ("labelme", FISH, 1, [[0, 1, 1, 0], [0, 1, 1, 0], [V, 0, 0, 0]]),
    "COCO 2017": ("COCO", FISH, 1, TWO),
    "COCO of Roboflow": ("COCO", FISH, 1, TWO),
    "COCO of Windows": ("COCO", FISH, 1, TWO),
    "one mask file for each object": ("one mask file", OBJECT, 1, TWO),
    "flat masks of objects": ("one mask file", OBJECT, 1, TWO),
    "numbers of objects": ("pairs", OBJECT, 1, None),
    "MMSegmentation": ("pairs", GREY, 2, MASK),
    "DeepGlobe": ("pairs", ("urban_land", "agriculture_land", "unknown"), 2, MASK),
    "nnU-Net": ("pairs", GREY, 2, MASK),
    "Mapillary": ("pairs", GREY, 2, MASK),
    "Supervisely, masks": ("pairs", GREY, 1, MASK),
    "BDD100K": ("pairs", GREY, 1, MASK),
    "PaddleSeg's lists": ("pairs", GREY, 2, MASK),
    "Images/, Labels/, train.txt": ("pairs", GREY, 3, MASK),
    "one folder above": ("pairs", ("sea", "fish", "crab"), 3, MASK),
    "accents as macOS writes them": ("pairs", GREY, 2, MASK),
    "masks in colours next to them": ("pairs", GREY, 2, MASK),
    "prefixes in one folder": ("pairs", GREY, 1, MASK),
    "a.jpg and a.png": ("pairs", GREY, 1, MASK),
}

# Recognised, and not read: words of the next step -> what is in the folder besides an image.
REFUSED: dict[str, dict[str, Any]] = {
    "COCO panoptic.* panoptic2semantic": {
        "train2017/a.jpg": PHOTO,
        "annotations/panoptic_train2017/a.png": PAINTED,
        "annotations/panoptic_train2017.json": coco(
            annotations=[{"image_id": 0, "segments_info": [{"id": 1}]}]
        ),
    },
    "Supervisely.*Export to COCO": {
        "ds0/img/a.jpg": PHOTO,
        "ds0/ann/a.jpg.json": {"objects": []},
        "meta.json": {},
    },
    r"VGG Image Annotator.*\(COCO format\)": {
        "via_region_data.json": {"a.jpg": {"regions": [{"shape_attributes": {}}]}}
    },
    "VGG Image Annotator": {"via.csv": 'region_count,region_shape_attributes\n1,"{}"\n'},
    "Label Studio.* export as COCO": {"export.json": [{"annotations": [{"result": [{"from_name": "tag"}]}]}]},
    "Cityscapes' polygons.* csCreateTrainIdLabelImgs": {
        "leftImg8bit/train/ulm/ulm_0_0_leftImg8bit.png": PHOTO,
        "gtFine/train/ulm/ulm_0_0_gtFine_polygons.json": {},
    },
    "CVAT.*Segmentation mask 1.1": {"annotations.xml": "<annotations><image id='0'></image></annotations>"},
    "Boxes are no masks": {
        "JPEGImages/b.jpg": PHOTO,
        "Annotations/b.xml": "<annotation><object><bndbox></bndbox></object></annotation>",
    },
    "YOLO.* data.yaml": {"images/a.jpg": PHOTO, "labels/a.txt": BOX},
    "EncodedPixels.*Run lengths in a table": {"train.csv": "ImageId,EncodedPixels\na,1 3\n"},
    "Run lengths in a table": {"train.csv": "id,class,segmentation\na,cat,28094 3 28358 7\n"},
    "scipy.io.loadmat": {"groundTruth/a.mat": "0"},
    "'Arrays'": {"train.npz": "0"},
    "medical.* window of grey values": {"series/IM0001.dcm": "0"},
    "window of grey values": {"case/ct.nii.gz": "0"},
    "records.* with the library": {"train-00001.tfrecord": "0"},
    "Unpack it": {"masks.zip": "0"},
    "an archive.* Unpack it": {"masks.tar.xz": ""},
    r"photographs in HEIC \(.heic, .heif\).* Export them as JPEG": {"IMG_1.HEIC": ""},
    "Annotator": {},
    "If a tool wrote annotations, export them": {"a.jpg.json": {"instances": [{"className": "cat"}]}},
}
