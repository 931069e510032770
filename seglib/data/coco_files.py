"""Where COCO's files are in a folder, which of them is meant, and where its images are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seglib.data.class_lists import LISTS
from seglib.data.coco import Coco, Content, read
from seglib.data.dataset import Reading
from seglib.data.files import listed
from seglib.data.folders import Request, part_of
from seglib.data.tree import Tree, ends_of, role


def find(tree: Tree) -> dict[str, tuple[Path, list[Path]]] | None:
    """Split -> COCO file and folders that may hold its images; the split is "" if the file is not divided.

    Known are COCO's own `annotations/instances_train2017.json` with `train2017/`, the labelling services'
    `train/_annotations.coco.json`, and .json files with the images in any folder.

    Raises:
        ValueError: there are several files for one split.
    """
    if tree.path.is_file():
        if tree.path.suffix.lower() != ".json" or _is_other(tree.path):
            return None
        near = tree.path.parent
        folders = [near, near / "images", near.parent / "images", near.parent]
        beside = [
            folder for place in (near, near.parent) for folder in sorted(place.iterdir()) if folder.is_dir()
        ]
        deeper = [folder / name for folder in folders[1:3] for name in _stems(tree.path)]
        return {"": (tree.path, _best_first(tree.path, [*folders, *beside, *deeper]))}
    files: dict[str, list[Path]] = {}
    for file in tree.files(".json"):
        parts = file.relative_to(tree.path).parts
        if file.name.lower() not in LISTS and len(parts) < 4 and looks_like_coco(file):
            files.setdefault(role((*parts[:-1], file.stem))[0], []).append(file)
    if len(files) > 1:
        files.pop("", None)
    folders = [tree.path, *(tree.path.joinpath(*parts) for parts in tree.folders if parts)]
    return {split: (file := _one(some), _best_first(file, folders)) for split, some in files.items()} or None


def _stems(file: Path) -> list[str]:
    """What the folder of a file's images may be called."""
    year = file.stem.removeprefix("instances_")
    return [year, role((year,))[0] or year]


def _best_first(file: Path, folders: Sequence[Path]) -> list[Path]:
    """Folders of the same name and split as the file first."""
    split, stems = role((file.parent.name, file.stem))[0], _stems(file)

    def order(folder: Path) -> tuple[bool, bool, bool]:
        return folder.name not in stems, role((folder.name,))[0] != split, folder != file.parent

    return sorted(dict.fromkeys(folders), key=order)


def _one(files: Sequence[Path]) -> Path:
    """The one file of a split with instances."""
    kinds = ("instances", "_annotations.coco"), ("",)
    for some in ([f for f in files if any(kind in f.name for kind in wanted)] for wanted in kinds):
        some = [f for f in some if not any(word in f.name for word in ("captions", "keypoints", "panoptic"))]
        if len(some) == 1:
            return some[0]
    names = listed([file.name for file in files])
    raise ValueError(
        f"{files[0].parent}: several COCO files ({names}); name the one to open: load({str(files[0])!r})"
    )


def looks_like_coco(file: Path) -> bool:
    """Whether a file has COCO's name or fields and is not of another kind; only its ends are read."""
    fields = sum(field in ends_of(file) for field in (b'"images"', b'"annotations"', b'"categories"'))
    return (fields >= 2 or file.name.startswith(("instances_", "_annotations.coco"))) and not _is_other(file)


def _is_other(file: Path) -> bool:
    """Whether a file is of another tool, or COCO's of another kind."""
    others = (b'"segments_info"', b'"shapes"', b'"regions"', b'"result"')
    return "panoptic" in file.name or any(word in ends_of(file) for word in others)


def cleaned(path: Path, content: Content) -> tuple[Content, tuple[str, ...]]:
    """The content with each image once and without unused root categories, and what was changed.

    A file that lists an image under two ids has half of its objects under each.
    """
    said = []
    first: dict[str, Any] = {}
    same = {
        entry["id"]: first.setdefault(entry["file_name"].replace("\\", "/"), entry["id"])
        for entry in content.images
    }
    if merged := len(same) - len(first):
        said.append(f"images that are listed under two ids, merged: {merged}")
    used = {entry["category_id"] for entry in content.annotations}
    names = Counter(entry["name"] for entry in content.categories)
    parents = {
        one.get("supercategory") for one in content.categories if one.get("supercategory") != one["name"]
    }
    roots = [
        one for one in content.categories
        if one["id"] not in used and (names[one["name"]] > 1 or one["name"] in parents)
    ]  # fmt: skip
    if roots:
        said.append(f"the category '{roots[0]['name']}' (id {roots[0]['id']}), a heading without objects")
    images = [entry for entry in content.images if same[entry["id"]] == entry["id"]]
    annotations = [entry | {"image_id": same[entry["image_id"]]} for entry in content.annotations]
    return Content(images, annotations, [one for one in content.categories if one not in roots]), tuple(said)


def open_coco(request: Request, found: Mapping[str, tuple[Path, list[Path]]]) -> Coco:
    """The images of a COCO file, whole or of one split."""
    file, folders = found[part := part_of(request.tree.path, request.split, found)]
    content, left_out = cleaned(file, read(file))
    crowds = request.crowds
    data = Coco(file, request.split, content, folders, divide=not part, crowds=crowds)
    data.page = request.page
    void = "none" if crowds == "objects" else "crowds (iscrowd: 1)"
    rule = f"{len(content.images)} images of {file.name}, {len(content.annotations)} objects"
    data.reading = Reading("COCO", f"the categories of {file.name}", void, rule, left_out)
    for text in left_out:
        data.note(text, f"{file}: left out {text}")
    return data
