"""What the makers of files say no to."""

from dataclasses import dataclass

from commerce.kernel.refusals import Busy


@dataclass(eq=False)
class TooManyFiles(Busy):
    """This process makes, or sends, as many large files as it may at once."""

    code = "too_many_files"
    retry_after_s = 5
    most: int

    def __str__(self) -> str:
        return f"{self.most} large files are under way already. Ask again in a moment."


class NoRoomForFile(Busy):
    """The folder for temporary files is full, or cannot be written. Nothing was sent."""

    code = "no_room_for_file"
    retry_after_s = 60

    def __str__(self) -> str:
        return "There is no room to make the file in. Ask for less, or again later."
