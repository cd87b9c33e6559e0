"""Cuts the characters of a connection into frames, wherever TCP may have cut them.  EMI-UCP 4.x §2.

It must never know what a frame says.
"""

from typing import Final

#: The longest that a peer may send between STX and ETX; an operation 51 with every field full has under 3,000.
MAX_FRAME_CHARACTERS: Final = 8_000

_STX: Final = 0x02
_ETX: Final = 0x03


class Framer:
    """Collects characters and gives out what stood between STX and ETX; what stands between frames is skipped.

    It never holds more than one frame and one piece of characters.
    """

    def __init__(self, max_characters: int = MAX_FRAME_CHARACTERS) -> None:
        self._max_characters = max_characters
        self._held = b""
        #: Frames that were given up: a new one began within them, or they were too long.
        self.lost = 0

    def feed(self, characters: bytes) -> list[bytes]:
        """The frames that `characters` complete, in order."""
        if self._held:
            characters = self._held + characters
            self._held = b""
        frames = []
        at = 0
        while (begin := characters.find(_STX, at)) >= 0:
            end = characters.find(_ETX, begin)
            if end < 0:
                self._keep(characters[characters.rfind(_STX) :], characters.count(_STX, begin) - 1)
                break
            # A frame that never ended is given up for the one that began within it.
            begin, broken = characters.rfind(_STX, begin, end), characters.count(_STX, begin, end) - 1
            self.lost += broken
            if end - begin - 1 > self._max_characters:
                self.lost += 1
            else:
                frames.append(characters[begin + 1 : end])
            at = end + 1
        return frames

    def _keep(self, rest: bytes, broken: int) -> None:
        """Hold the beginning of a frame until its end comes, unless it is already too long."""
        self.lost += broken
        if len(rest) - 1 > self._max_characters:
            self.lost += 1
            return
        self._held = rest
