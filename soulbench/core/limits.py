"""Limits of what enters from outside. What is beyond one of them is damaged, or made to do damage.

Each is far above what photographs and annotations of any real data set need, and low enough that a file beyond it
ends in a message and not in a full memory or disk.
"""

#: Characters of a name, an alias or a field of a CSV. Real ones have some ten, careless ones some hundred.
LONGEST_NAME = 1000
#: Characters of an image's url. Signed ones have some hundred.
LONGEST_URL = 2000
#: Bytes of a photograph's folder and of its file name, each: what file systems allow. The names become a column whose
#: rows all take the room of the longest one.
LONGEST_FILE_NAME = 255
#: Bytes of an annotation file: ten times Visual Genome's largest. Below that, numbers of rows fit in int32 columns.
LARGEST_ANNOTATIONS = 8_000_000_000
#: Bytes up to which an annotation file is searched for doubled keys, at 60 MB/s. Larger ones are written by programs.
SEARCHED_FOR_DOUBLED_KEYS = 100_000_000
#: Bytes of a split file or an alias file, which are read as a whole. Visual Genome's have 1 MB.
LARGEST_LIST = 50_000_000
#: Bytes of a CSV that people write; a line for each person of a hundred thousand images.
LARGEST_CSV = 50_000_000
#: Formats of photographs. Pillow opens dozens; some run programs (EPS) or are hardly ever tested.
PHOTOGRAPH_FORMATS = ("JPEG", "PNG", "WEBP")
#: Pixels of a photograph: more than the largest cameras record (102 million). Decoded it takes at most 0.5 GB.
MOST_PIXELS = 120_000_000
#: Bytes of a photograph's file, which is read as a whole.
LARGEST_PHOTOGRAPH = 200_000_000
#: Bytes of a download whose size nobody published: several times the largest of them.
LARGEST_DOWNLOAD = 1_000_000_000
#: How many times what is listed an archive may hold: the listed numbers are rounded.
UNPACKED_MARGIN = 2
#: Entries of an archive: three times those of Visual Genome's largest. Even empty ones take room on a disk.
MOST_ENTRIES = 200_000
#: Bytes of a file of results in an archive: of a table or a record, which are read as a whole, and of images. Those of
#: the largest preset have a thousandth of that.
LARGEST_RESULT, LARGEST_IMAGES = 50_000_000, 2_000_000_000
#: Bytes of a published table, unpacked: four times what all tables of the largest preset may take.
LARGEST_TABLE = 200_000_000
#: Redirects that a download follows, all of them to https.
MOST_REDIRECTS = 5
