"""Files of tensors: whole or not at all, and never a program."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest
import torch

from seglib import files as tensor_files
from seglib.files import DiskError, TensorFileError

CONTENT = {"weights": torch.arange(6.0).reshape(2, 3), "name": "net", "numbers": [1, 2.5, None]}


class Program:
    """A pickle that writes a file when it is opened."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.proof),)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.pt"
    tensor_files.write(path, CONTENT)
    content = tensor_files.read(path)
    assert torch.equal(content.pop("weights"), CONTENT["weights"])
    assert content == {"name": "net", "numbers": [1, 2.5, None]}
    assert [file.name for file in path.parent.iterdir()] == ["b.pt"]


def test_a_file_cut_off_anywhere_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    tensor_files.write(path, CONTENT)
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(TensorFileError, match=r"net.pt is cut off.*take a whole copy") as error:
            tensor_files.read(path)
        assert "\n" not in str(error.value)


def test_a_file_with_other_bytes_inside_gets_one_sentence_or_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    tensor_files.write(path, CONTENT)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 23):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            tensor_files.read(path)
        except TensorFileError as error:
            refused += 1
            assert "net.pt" in str(error) and "\n" not in str(error)
    assert refused > 5


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_a_program_is_not_run(save: object, tmp_path: Path) -> None:
    path, proof = tmp_path / "net.pt", tmp_path / "proof"
    save({"weights": Program(proof)}, path)  # type: ignore[operator]
    with pytest.raises(
        TensorFileError, match=r"net.pt (holds more than tensors|is cut off, damaged or no file)"
    ):
        tensor_files.read(path)
    assert not proof.exists()
    torch.load(path, weights_only=False) if save is torch.save else pickle.loads(path.read_bytes())
    assert proof.exists()  # it would have been


def test_something_else_gets_one_sentence(tmp_path: Path) -> None:
    torch.save(torch.ones(3), tmp_path / "net.pt")
    with pytest.raises(TensorFileError, match="holds a Tensor and is no file"):
        tensor_files.read(tmp_path / "net.pt")
    with pytest.raises(FileNotFoundError, match=r"none.pt: no such file"):
        tensor_files.read(tmp_path / "none.pt")
    with pytest.raises(TensorFileError, match="is a folder; give the file in it"):
        tensor_files.read(tmp_path)


def test_on_a_full_disk_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.pt"
    tensor_files.write(path, CONTENT)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="the disk is full"):
        tensor_files.write(path, {"weights": torch.zeros(100)})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["net.pt"]
