"""What tests do with an object store, whichever protocol it speaks."""

from pathlib import Path

from pyarrow import fs

BUCKET = "events"
OTHER_BUCKET = "private"


class Buckets:
    """A store that runs; `files` has all rights."""

    __slots__ = ()
    files: fs.FileSystem

    def put(self, path: str, data: bytes) -> None:
        """Write an object; `path` begins with its bucket."""
        with self.files.open_output_stream(path) as stream:
            stream.write(data)

    def put_folder(self, folder: Path, path: str) -> None:
        """Write every file of a folder as an object below `path`."""
        for file in folder.rglob("*"):
            if file.is_file():
                self.put(f"{path}/{file.relative_to(folder).as_posix()}", file.read_bytes())
