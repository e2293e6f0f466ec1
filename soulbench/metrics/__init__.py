"""Further metrics of image regions, one file each, found by file name as methods are.

A metric's file defines

- `UNIT`: the unit of its values, as text.
- `LEAST`: the least difference that means anything, in that unit; smaller ones count as rounding.
- `NAME`, optional: what axes and the page call it; its id by default.
- `Parameters`, optional: a frozen dataclass, whose values the configuration may give.
- `measure(images, references, counted, parameters)`: the distances [N] between N regions and what they are compared
  with. It is a distance: 0 for equal images, and greater for less alike ones.

`images` and `references` are float32 [N, 64, 64, 3] in [0, 1]: regions resized to 64 x 64 pixels, as SSIM and LPIPS see
them; where pixels do not count, both show the reference's. `counted` is bool [N, 64, 64]: which pixels count.
"""
