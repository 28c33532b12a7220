"""Makes the TextGrids of package brain with Praat, in the folder of this script.

Written with praat-parselmouth 0.4.7 (Praat 6.1.38). The layout is that of the stories of
ds003020 (Huth lab): a tier of phones, then one of words in which {LG}, sp and others mark
where no word is spoken. The text is made up.
"""

import pathlib

import parselmouth
from parselmouth.praat import call

HERE = pathlib.Path(__file__).parent
WORDS = [
    (0.0, 0.21, "sp"), (0.21, 0.5, "so"), (0.5, 0.55, ""), (0.55, 0.913, "I"), (0.913, 1.25, "{LG}"), (1.25, 2.0, 'said "no"'),
    (2.0, 2.5, "{BR}"), (2.5, 3.125, "brave"), (3.125, 4.0, "sp"), (4.0, 4.25, "don't"), (4.25, 4.5, "sil"), (4.5, 5.0, "go!"),
]


def grid(words):
    tg = call("Create TextGrid", 0, 5, "phone word click", "click")
    call(tg, "Insert boundary", 1, 2.5)
    call(tg, "Set interval text", 1, 1, "S OW1")
    for start, _, _ in words[1:]:
        call(tg, "Insert boundary", 2, start)
    for i, (_, _, text) in enumerate(words):
        call(tg, "Set interval text", 2, i + 1, text)
    call(tg, "Insert point", 3, 1.5, "a")
    return tg


def save(tg, name, how, encoding):
    call("Text writing preferences", encoding)
    call(tg, how, str(HERE / name))


if __name__ == "__main__":
    tg = grid(WORDS)
    save(tg, "long.TextGrid", "Save as text file", "UTF-8")
    save(tg, "short.TextGrid", "Save as short text file", "UTF-8")
    save(tg, "utf16.TextGrid", "Save as text file", "UTF-16")
    save(tg, "utf16_short.TextGrid", "Save as short text file", "UTF-16")
    save(tg, "binary.TextGrid", "Save as binary file", "UTF-8")
    save(tg, "chronological.TextGrid", "Save as chronological text file", "UTF-8")
    accents = grid([(0.0, 1.0, "été"), (1.0, 2.0, "日本語"), (2.0, 5.0, "🎵 la")])
    save(accents, "accents_utf8.TextGrid", "Save as text file", "UTF-8")
    save(accents, "accents_utf16.TextGrid", "Save as short text file", "try ASCII, then UTF-16")
