"""Makes the tables of words of package brain, in the folder of this script.

mfa.TextGrid, mfa_speakers.TextGrid and mfa.json are written with praatio 6.2.2, which the Montreal Forced
Aligner writes its alignments with: tiers words and phones, of several speakers "SPEAKER - words". whisperx.json
has the layout of WhisperX 3's writer of JSON (segments with words, word_segments; no start, end and score for
what could not be aligned), whisper.json that of openai-whisper with word_timestamps, lpp.csv the columns of The
Little Prince's lppEN_word_information.csv (OpenNeuro ds003643), whose times begin anew in every section, and
events.tsv those of BIDS. The text and the times are made up.
"""

import csv
import json
import pathlib

from praatio import textgrid

HERE = pathlib.Path(__file__).parent
WORDS = [(0.25, 0.5, "the"), (0.5, 0.93, "<unk>"), (1.5, 2.125, "café")]
PHONES = [(0.25, 0.5, "DH"), (0.5, 0.93, "spn"), (1.5, 2.125, "K")]


def grid(prefix, shift):
    tiers = []
    for name, entries in (("words", WORDS), ("phones", PHONES)):
        moved = [(a + shift, b + shift, t) for a, b, t in entries]
        tiers.append(textgrid.IntervalTier(prefix + name, moved, 0, 5))
    return tiers


def save(name, tiers, form):
    tg = textgrid.Textgrid()
    for tier in tiers:
        tg.addTier(tier)
    tg.save(str(HERE / name), form, includeBlankSpaces=True)


def transcript(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


save("mfa.TextGrid", grid("", 0), "long_textgrid")
save("mfa_speakers.TextGrid", grid("ana - ", 0) + grid("ben - ", 2), "short_textgrid")
save("mfa.json", grid("", 0), "json")
aligned = [
    {"word": "In", "start": 0.031, "end": 0.171, "score": 0.911, "speaker": "SPEAKER_00"},
    {"word": "2014,"},
    {"word": "it", "start": 1.2, "end": 1.36, "score": 0.5, "speaker": "SPEAKER_01"},
]
segments = [
    {"start": 0.031, "end": 1.36, "text": " In 2014, it", "words": aligned},
    {"start": 2.0, "end": float("nan"), "text": " Ça \"NaN\"", "words": []},
]
transcript("whisperx.json", {"segments": segments, "word_segments": aligned, "language": "en"})
transcript("whisper.json", {"text": " In it", "segments": [
    {"id": 0, "start": 0.0, "end": 1.0, "text": " In it", "words": [
        {"word": " In", "start": 0.0, "end": 0.5, "probability": 0.9}, {"word": " it", "start": 0.5, "end": 1.0, "probability": 0.8}]}]})
with open(HERE / "lpp.csv", "w", newline="") as f:
    out = csv.writer(f)
    out.writerow(["", "word", "lemma", "onset", "offset", "logfreq", "pos", "section", "top_down", "bottom_up", "left_corner"])
    rows = [("once", 0.113, 0.495, 1), ("when", 0.495, 0.672, 1), ("all", 0.1, 0.4, 2), ("grown-ups", 0.4, 1.1, 2)]
    for i, (word, onset, offset, section) in enumerate(rows):
        out.writerow([i, word, word, onset, offset, 12.5, "NN", section, 1, 2, 3])
(HERE / "events.tsv").write_text(
    "onset\tduration\ttrial_type\tword\n0.5\t0.25\tword\tthe\n0.75\t0.5\tfixation\tn/a\n1.25\tn/a\tword\tcat\n"
    "n/a\tn/a\tword\t's\n")
