"""The commands of voxen as functions: an argument for each option.

Written by go test ./cmd/voxen -run OptionsReference -update: do not edit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ._step import Results
from ._step import run as _run

Path = str | os.PathLike[str]


def align(
    responses: Any,
    words: Any,
    tr: float,
    volumes: int,
    *,
    out: Path | None = None,
    start: float | None = None,
    hrf: str | None = None,
    within: str | None = None,
    detrend: str | None = None,
    standardize: str | None = None,
    word_rate: Path | None = None,
    columns: str | Sequence[str] | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Responses per word to responses per volume.

    As ``voxen align``.

    Parameters
    ----------
    responses : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Responses per word, (words, units) .npy, .safetensors or HDF5 (FILE:/NAME).
    words : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Word table: .tsv or .csv, Gentle's align.csv, BIDS events, a TextGrid, or JSON of WhisperX.
    tr : float
        Seconds from one volume to the next. Number, 1e-4 to 1e4.
    volumes : int
        Volumes of the recording. Whole number, 1 to 10000000.
    out : Path, optional
        Responses per volume, .npy.
    start : float, optional
        When the first volume starts, in seconds of the word table. Number.
    hrf : str, optional
        Haemodynamic response that every column is convolved with. One of none, glover, spm (default:
        glover).
    within : str, optional
        The words of a volume: mean, sum or last; lanczos resamples all words. One of mean, sum, last,
        lanczos (default: mean).
    detrend : str, optional
        Trend taken from every column after the convolution: none, linear or cosine:SECONDS. None, linear or
        cosine:SECONDS (default: none).
    standardize : str, optional
        None, or zscore: every column to mean 0 and standard deviation 1. One of none, zscore (default:
        none).
    word_rate : Path, optional
        Write the words per volume too, convolved like the responses (.npy).
    columns : str | Sequence[str], optional
        Word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier (default:
        those in common use); section=3 behind them, or alone, takes the rows whose column section is 3.
        Text; several with commas between.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "align",
        {
            "responses": responses,
            "words": words,
            "tr": tr,
            "volumes": volumes,
            "out": out,
            "start": start,
            "hrf": hrf,
            "within": within,
            "detrend": detrend,
            "standardize": standardize,
            "word-rate": word_rate,
            "columns": columns,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["responses", "words"],
        repeated=[],
    )


def couple(
    responses: Any,
    biological: Any = None,
    bold: Any = None,
    mask: Any = None,
    confounds: Any = None,
    words: Any = None,
    *,
    out: Path | None = None,
    detrend: str | None = None,
    confound_columns: str | None = None,
    censor: str | None = None,
    tr: float | None = None,
    start: float | Sequence[float] | None = None,
    atoms: int | None = None,
    lambda_: float | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
    fdr: float | None = None,
    columns: str | Sequence[str] | None = None,
    hrf: str | None = None,
    top_words: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Couple single neurons of a model with the brain's functional networks.

    As ``voxen couple``.

    Parameters
    ----------
    responses : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Aligned responses of a run, (T, N) .npy, .safetensors or HDF5 (FILE:/NAME): a neuron per column.
        Path; repeated.
    biological : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Time courses of biological neurons in a run, (T, M) .npy. Path; repeated.
    bold : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        BOLD from which they are learned, a file per subject and run: all of the first subject, then of the
        next. Path; repeated.
    mask : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Mask of BOLD images.
    confounds : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table of confounds (fMRIPrep's .tsv), regressed out of the BOLD within each run; one file per
        --bold. Path; repeated.
    words : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Word table of a run: lists the words that drive anchored pairs. Path; repeated.
    out : Path, optional
        Folder of the results.
    detrend : str, optional
        Of the BOLD, within each run: none, linear or cosine:SECONDS. None, linear or cosine:SECONDS
        (default: none).
    confound_columns : str, optional
        Columns a,b,... of the confounds; * and ? stand for any letters (default: all; none: of tables for
        --censor alone).
    censor : str, optional
        Leave out rows where a column of the confounds tables is above (>) or below (<) a value, such as
        fd>0.5, of every sum; they keep their place in time. COLUMN>VALUE.
    tr : float, optional
        Seconds between volumes, for --words and --detrend cosine. Number above 0.
    start : float | Sequence[float], optional
        When the first volume starts, in seconds of the word table: of all runs, or a,b,c of each (default
        0). Number; several with commas between.
    atoms : int, optional
        Biological neurons: atoms learned from the BOLD. Whole number, at least 1 (default: 64).
    lambda_ : float, optional
        Weight of the L1 norm of their codes. Number, 0 to 1e38 (default: 0.15).
    epochs : int, optional
        Passes over the voxels. Whole number, at least 1 (default: 4).
    batch : int, optional
        Voxels per step. Whole number, at least 1 (default: 512).
    seed : int, optional
        Of the first atoms and the order of voxels. Whole number.
    fdr : float, optional
        False discovery rate below which a pair is coupled. Number between 0 and 1 (default: 0.05).
    columns : str | Sequence[str], optional
        Word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier; section=3
        behind them, or alone, takes the rows whose column section is 3. Text; several with commas between.
    hrf : str, optional
        Response that the neurons were convolved with: none, glover or spm. One of none, glover, spm
        (default: glover).
    top_words : int, optional
        Words that drive each anchored pair. Whole number, at least 1 (default: 10).
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "couple",
        {
            "responses": responses,
            "biological": biological,
            "bold": bold,
            "mask": mask,
            "confounds": confounds,
            "words": words,
            "out": out,
            "detrend": detrend,
            "confound-columns": confound_columns,
            "censor": censor,
            "tr": tr,
            "start": start,
            "atoms": atoms,
            "lambda": lambda_,
            "epochs": epochs,
            "batch": batch,
            "seed": seed,
            "fdr": fdr,
            "columns": columns,
            "hrf": hrf,
            "top-words": top_words,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["responses", "biological", "bold", "mask", "confounds", "words"],
        repeated=[],
    )


def encode(
    features: Any,
    responses: Any,
    mask: Any = None,
    atlas: Any = None,
    confounds: Any = None,
    test_features: Any = None,
    test_responses: Any = None,
    test_confounds: Any = None,
    runs: Any = None,
    isc: Any = None,
    isc_confounds: Any = None,
    band_weights: Any = None,
    *,
    out: Path | None = None,
    cv: str | None = None,
    folds: int | None = None,
    model: str | None = None,
    alphas: str | Sequence[float] | None = None,
    alpha_per: str | None = None,
    score: str | None = None,
    trim: str | None = None,
    trim_features: str | None = None,
    censor: str | None = None,
    per_run: str | None = None,
    detrend: str | None = None,
    tr: float | None = None,
    confound_columns: str | Sequence[str] | None = None,
    standardize: str | None = None,
    intercept: bool | None = None,
    delays: str | None = None,
    nested: bool | None = None,
    metrics: str | Sequence[str] | None = None,
    null: str | None = None,
    seed: int | None = None,
    test_repeats: bool | None = None,
    zscore_repeats: bool | None = None,
    bands: str | None = None,
    band_samples: int | None = None,
    concentration: float | Sequence[float] | None = None,
    split: bool | None = None,
    partition: bool | None = None,
    baseline: str | Sequence[str] | None = None,
    by: str | None = None,
    outputs: str | Sequence[str] | None = None,
    weights_dtype: str | None = None,
    images: str | None = None,
    save_predictions: bool | None = None,
    maps: str | None = None,
    keep_scores: bool | None = None,
    form: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Fit voxel-wise encoding models by cross-validated ridge.

    As ``voxen encode``.

    Parameters
    ----------
    features : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Features, (T, K) .npy, .safetensors or HDF5 (FILE:/NAME); one file per run; or feature spaces,
        NAME=FILE,NAME=FILE per run, which are bands. Path; repeated.
    responses : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Responses, (T, V) .npy, .safetensors, HDF5 (FILE:/NAME), NIfTI, CIFTI .dtseries.nii or GIFTI
        .func.gii (both hemispheres: L.func.gii,R.func.gii); one file per run. Path; repeated.
    mask : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Mask of image responses.
    atlas : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Label image: the mean of each of its regions is a response (.nii.gz, .dlabel.nii, or .label.gii).
    confounds : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table of confounds (fMRIPrep's .tsv), regressed out of features and responses within each run; one
        file per run. Path; repeated.
    test_features : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Features of held-out runs. Path; repeated.
    test_responses : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Responses of held-out runs. Path; repeated.
    test_confounds : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Confounds of held-out runs. Path; repeated.
    runs : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        One integer label per row, or the first row of each run (.npy or HDF5).
    isc : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Responses of at least three other subjects to the rows of the held-out score, subject after subject,
        as many files of each as of this one: what this subject shares with their mean, as a ceiling of r.
        Path; repeated.
    isc_confounds : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table of confounds of each file of --isc. Path; repeated.
    band_weights : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Weights of the bands to try, (draws, bands), rows that sum to 1, instead of draws.
    out : Path, optional
        Folder of the results.
    cv : str, optional
        Kfold:N, or runs: leave one out; ,gap=M leaves M rows of the run on either side of a test fold out
        of training; kfold:N,within=runs cuts each run; loo: leave one row out, exactly; gcv: generalised
        cross-validation; chunks:LENGTH,n=N,boots=B, with ,seed=S: B times N random chunks of rows are held
        out (default: runs when there is more than one, else kfold:5). Kfold:N, runs, loo, gcv or
        chunks:LENGTH,n=N,boots=B.
    folds : int, optional
        Short for --cv kfold:N. Whole number, at least 2.
    model : str, optional
        Ridge; lasso; or enet:RATIO, an elastic net of which RATIO of the penalty is L1. Ridge, lasso or
        enet:RATIO (default: ridge).
    alphas : str | Sequence[float], optional
        LO:HI:N, evenly spaced in log10, or a,b,c (default 0.1:1e5:20; of lasso and enet 20 values from the
        smallest that leaves nothing of any voxel down to 1/1000 of it). LO:HI:N or a,b,c.
    alpha_per : str, optional
        An alpha for each voxel, or one for all. One of voxel, all (default: voxel).
    score : str, optional
        By which alphas are chosen: r2, r or mse (negative). One of r2, r, mse (default: r2).
    trim : str, optional
        Leave out the first A and the last B rows of each run, of features and responses. A:B.
    trim_features : str, optional
        The same of features alone, for responses that come trimmed. A:B.
    censor : str, optional
        Leave out rows where a column of the confounds tables is above (>) or below (<) a value, such as
        fd>0.5, of every sum; they keep their place in time. COLUMN>VALUE.
    per_run : str, optional
        Within each run, features and responses alike. One of none, center, zscore (default: none).
    detrend : str, optional
        None, linear or cosine:SECONDS, within each run. None, linear or cosine:SECONDS (default: none).
    tr : float, optional
        Seconds between rows, for --detrend cosine. Number above 0.
    confound_columns : str | Sequence[str], optional
        Columns a,b,... of the confounds; * and ? stand for any letters (default: all; none: of tables for
        --censor alone). Text; several with commas between.
    standardize : str, optional
        By the training rows of each fold. One of none, features, responses, both (default: none).
    intercept : bool, optional
        Fit an intercept.
    delays : str, optional
        Shift the features by a,b,... rows, side by side. A,b,c.
    nested : bool, optional
        Also score each fold with the alpha chosen on the others: a held-out score without held-out runs.
    metrics : str | Sequence[str], optional
        Further scores of held-out predictions: r,r2,mse. Text; several with commas between.
    null : str, optional
        P of every voxel: the fit, the choice of alpha included, is repeated with N stimuli that nobody
        heard, features shifted circularly within each run by at least L rows (default: the larger of 10
        rows and 20 s) or with a new random phase per frequency; or blocks of L rows (the same default) are
        permuted N times within each held-out run or nested fold: of held-out predictions, or with --nested
        of the features that are fitted again. Shift:N[,min=L], phase:N or blocks:N[,length=L].
    seed : int, optional
        Of the draws of --null, of the bands' weights and of the shifts of --isc. Whole number.
    test_repeats : bool, optional
        All --test-responses are repeats of one stimulus, a file of each or one array (repeats, time,
        voxels), with one --test-features: scores are of their mean.
    zscore_repeats : bool, optional
        Z-score the mean of the repeats again before it is scored.
    bands : str, optional
        Banded ridge: feature spaces by columns of the features, from A up to B (not included), before
        delays; each has a penalty of its own. NAME=A:B,NAME=A:B.
    band_samples : int, optional
        Draws of the bands' weights (default 100). Whole number, at least 1.
    concentration : float | Sequence[float], optional
        Concentrations of the Dirichlet distributions of the draws, taken in turn (default 0.1,1). Number;
        several with commas between.
    split : bool, optional
        What each band carries of the held-out score: product measure and parts of r.
    partition : bool, optional
        Variance partitioning: held-out R2 of every subset of at most four bands, each by plain ridge, and
        their unique and shared parts.
    baseline : str | Sequence[str], optional
        Bands that are a baseline: gain.npy is the held-out score of all bands less that of these alone.
        NAME,NAME; several with commas between.
    by : str, optional
        One fit for each layer, or head, of features with a table of columns beside them (FILE.columns.tsv):
        scores of all (cv_scores, test_scores, nested_scores, layers.tsv) and of the best of each voxel,
        which training rows choose (default: none; in a study without a dictionary: layer). One of none,
        layer, head.
    outputs : str | Sequence[str], optional
        What is written: all, scores (all but weights), or results by name. All, scores or NAME,NAME;
        several with commas between (default: all).
    weights_dtype : str, optional
        Element type of weights.npy (default: that of --precision). One of float16, float32, float64.
    images : str, optional
        Images beside the arrays of image responses: auto leaves out those of more than 64 MiB. One of auto,
        all, none (default: auto).
    save_predictions : bool, optional
        Write the predictions of held-out runs, else with --nested of every row by the model that did not
        see its fold.
    maps : str, optional
        Write maps.npy, a map for each column of features that is of no baseline: weights, summed over
        delays; or product, the sign of that sum times the product measure of the column's own contribution
        to held-out predictions, of columns that are alike (default: none). One of none, weights, product.
    keep_scores : bool, optional
        Write the scores of all alphas.
    form : str, optional
        How the path is evaluated (default: the cheapest for the shapes). One of gram, rows, kernel, svd.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "encode",
        {
            "features": features,
            "responses": responses,
            "mask": mask,
            "atlas": atlas,
            "confounds": confounds,
            "test-features": test_features,
            "test-responses": test_responses,
            "test-confounds": test_confounds,
            "runs": runs,
            "isc": isc,
            "isc-confounds": isc_confounds,
            "band-weights": band_weights,
            "out": out,
            "cv": cv,
            "folds": folds,
            "model": model,
            "alphas": alphas,
            "alpha-per": alpha_per,
            "score": score,
            "trim": trim,
            "trim-features": trim_features,
            "censor": censor,
            "per-run": per_run,
            "detrend": detrend,
            "tr": tr,
            "confound-columns": confound_columns,
            "standardize": standardize,
            "intercept": intercept,
            "delays": delays,
            "nested": nested,
            "metrics": metrics,
            "null": null,
            "seed": seed,
            "test-repeats": test_repeats,
            "zscore-repeats": zscore_repeats,
            "bands": bands,
            "band-samples": band_samples,
            "concentration": concentration,
            "split": split,
            "partition": partition,
            "baseline": baseline,
            "by": by,
            "outputs": outputs,
            "weights-dtype": weights_dtype,
            "images": images,
            "save-predictions": save_predictions,
            "maps": maps,
            "keep-scores": keep_scores,
            "form": form,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["features", "responses", "mask", "atlas", "confounds", "test-features", "test-responses", "test-confounds", "runs", "isc", "isc-confounds", "band-weights"],
        repeated=[],
    )


def extract(
    model: Any,
    words: Any = None,
    text: Any = None,
    ids: Any = None,
    sae: Any = None,
    zero: Any = None,
    *,
    name: str | None = None,
    out: Path | None = None,
    tap: str | None = None,
    layers: str | None = None,
    window: int | None = None,
    stride: int | None = None,
    dtype: str | None = None,
    pieces: str | None = None,
    surprisal: bool | None = None,
    context: int | Sequence[int] | None = None,
    columns: str | Sequence[str] | None = None,
    rate: float | None = None,
    zero_network: str | None = None,
    loss: bool | None = None,
    loss_draws: int | None = None,
    loss_seed: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Neuron responses of a language model to a text, a row per word.

    As ``voxen extract``.

    Parameters
    ----------
    model : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Hugging Face model folder: config.json, safetensors, tokenizer.
    words : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Word table: .tsv or .csv, Gentle's align.csv, BIDS events, a TextGrid, or JSON of WhisperX; a row of
        responses per row.
    text : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        UTF-8 text; a row of responses per word between white space.
    ids : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Token ids (.npy), all in one window; a row of responses per id.
    sae : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Sparse autoencoder (ReLU, JumpReLU or TopK: .safetensors with W_enc, b_enc, and b_dec or threshold)
        of the one tap and layer that are read: its features in the place of units.
    zero : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Neurons.tsv of organize or localize: units of this model that have a network are 0 while it runs.
    name : str, optional
        Names the model in files, tables and figures; the folder's name if empty.
    out : Path, optional
        Responses, .npy or .safetensors.
    tap : str, optional
        Where to read, one or more taps with commas between: which units are neurons (default: ffn.out).
    layers : str, optional
        All, or layers from 0 as in 0,3,5-7. All or 0,3,5-7 (default: all).
    window : int, optional
        Words that the model sees together. Whole number, at least 1 (default: 200).
    stride : int, optional
        Words from one window to the next, at most the window (default: 100, or the window if that is less).
        Whole number, at least 1.
    dtype : str, optional
        Of the file of responses per word. One of float32, float16 (default: float32).
    pieces : str, optional
        Mean or last: a word's response from its word pieces. One of mean, last (default: mean).
    surprisal : bool, optional
        Write every word's surprisal too, -log2 p given the words before it (causal models).
    context : int | Sequence[int], optional
        Read every word with so many words before it, in the place of windows: a file for each number,
        OUT.context-N.npy (causal models). Whole number; several with commas between.
    columns : str | Sequence[str], optional
        Word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier (default:
        those in common use); section=3 behind them, or alone, takes the rows whose column section is 3.
        Text; several with commas between.
    rate : float, optional
        Words per second of --text, for the times in its table of words (default: none). Number above 0.
    zero_network : str, optional
        Those of one network alone.
    loss : bool, optional
        With --zero: the loss of predicting words (the next one, or masked ones) with and without the units,
        and of random sets like them.
    loss_draws : int, optional
        Random sets of --loss (default: 200). Whole number, 1 to 100000.
    loss_seed : int, optional
        Of the random sets (default: 0). Whole number, at least 0.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "extract",
        {
            "model": model,
            "words": words,
            "text": text,
            "ids": ids,
            "sae": sae,
            "zero": zero,
            "name": name,
            "out": out,
            "tap": tap,
            "layers": layers,
            "window": window,
            "stride": stride,
            "dtype": dtype,
            "pieces": pieces,
            "surprisal": surprisal,
            "context": context,
            "columns": columns,
            "rate": rate,
            "zero-network": zero_network,
            "loss": loss,
            "loss-draws": loss_draws,
            "loss-seed": loss_seed,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["model", "words", "text", "ids", "sae", "zero"],
        repeated=[],
    )


def group(
    maps: Any = None,
    mask: Any = None,
    atlas: Any = None,
    indices: Any = None,
    participants: Any = None,
    *,
    subjects: str | Sequence[str] | None = None,
    fisher_z: bool | None = None,
    contrast: str | Sequence[str] | None = None,
    scores: str | Sequence[str] | None = None,
    covariates: str | Sequence[str] | None = None,
    permutations: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Test maps and indices over subjects, and relate brain scores to cognition.

    As ``voxen group``.

    Parameters
    ----------
    maps : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Map of a subject, such as test_score or nested_score of encode: NIfTI, CIFTI dscalar, GIFTI or .npy;
        one per subject. Path; repeated.
    mask : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Mask of the images.
    atlas : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Label image: brain scores are means over its regions: of volumes, a dlabel, or
        L.label.gii,R.label.gii.
    indices : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table with participant_id and a column per index.
    participants : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table of the subjects, participants.tsv.
    subjects : str | Sequence[str], optional
        A,b,... names of the subjects (default: sub-NAME in the paths). Text; several with commas between.
    fisher_z : bool, optional
        Maps are correlations: test atanh(r).
    contrast : str | Sequence[str], optional
        A-b: test the difference of two columns of --indices. Text; repeated.
    scores : str | Sequence[str], optional
        A,b,... its columns with cognitive scores. Text; several with commas between.
    covariates : str | Sequence[str], optional
        A,b,... its columns that are held constant. Text; several with commas between.
    permutations : int, optional
        Sign flips and permutations. Whole number, 1 to 1000000 (default: 5000).
    seed : int, optional
        Of the permutations. Whole number.
    out : Path, optional
        Folder of the results.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "group",
        {
            "maps": maps,
            "mask": mask,
            "atlas": atlas,
            "indices": indices,
            "participants": participants,
            "subjects": subjects,
            "fisher-z": fisher_z,
            "contrast": contrast,
            "scores": scores,
            "covariates": covariates,
            "permutations": permutations,
            "seed": seed,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["maps", "mask", "atlas", "indices", "participants"],
        repeated=["contrast"],
    )


def learn(
    responses: Any = None,
    shared: Any = None,
    *,
    out: Path | None = None,
    atoms: int | None = None,
    lambda_: float | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    nonnegative: bool | None = None,
    standardize: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Learn a dictionary of temporal patterns and sparse codes.

    As ``voxen learn``.

    Parameters
    ----------
    responses : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Signals, (T, N) .npy, .safetensors or HDF5 (FILE:/NAME): one per column; one file per run, rows
        below each other. Path; repeated.
    shared : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        In place of --responses, for one dictionary of several models: a file of each, MODEL=FILE with
        commas between; one value per run, with the same models. MODEL=FILE,...; repeated.
    out : Path, optional
        Folder of the results.
    atoms : int, optional
        Atoms to learn. Whole number, at least 1 (default: 64).
    lambda_ : float, optional
        Weight of the L1 norm of the codes; the default presumes standardized columns. Number, 0 to 1e38.
    epochs : int, optional
        Passes over the signals. Whole number, at least 1 (default: 4).
    batch : int, optional
        Signals per step. Whole number, at least 1 (default: 512).
    seed : int, optional
        Of the first atoms and the order of signals. Whole number.
    seeds : int, optional
        Above 1: dictionaries of so many seeds, from --seed on, and one of each half of the rows say how
        stable the atoms of --seed are (stability.tsv). Whole number, 1 to 1000 (default: 1).
    nonnegative : bool, optional
        Codes are at least 0.
    standardize : str, optional
        None, or columns: every signal to mean 0 and L2 norm 1. One of none, columns (default: columns).
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "learn",
        {
            "responses": responses,
            "shared": shared,
            "out": out,
            "atoms": atoms,
            "lambda": lambda_,
            "epochs": epochs,
            "batch": batch,
            "seed": seed,
            "seeds": seeds,
            "nonnegative": nonnegative,
            "standardize": standardize,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["responses", "shared"],
        repeated=[],
    )


def lesion(
    model: Any,
    subgroups: Any,
    words: Any = None,
    text: Any = None,
    seen: Any = None,
    network_table: Any = None,
    *,
    name: str | None = None,
    columns: str | Sequence[str] | None = None,
    seen_columns: str | Sequence[str] | None = None,
    networks: str | Sequence[str] | None = None,
    tap: str | None = None,
    window: int | None = None,
    stride: int | None = None,
    pieces: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """What a language model loses without each sub-group of its neurons.

    As ``voxen lesion``.

    Parameters
    ----------
    model : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Hugging Face model folder with the layers that predict words.
    subgroups : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Neurons.tsv of organize or localize: the units of each network are a sub-group.
    words : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Word table of a text that the dictionary did not see: another story, or words that were left out of
        it.
    text : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Such a text as UTF-8, in the place of a table.
    seen : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Word table of the dictionary, repeat for each: a text that is the same is refused. Path; repeated.
    network_table : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Networks.tsv of match: those of --networks that it has may be without a unit.
    name : str, optional
        Names the model in the table of sub-groups; the folder's name if empty.
    columns : str | Sequence[str], optional
        Names of the table's word, onset and offset columns, or of a TextGrid's tier (default: those in
        common use); section=3 behind them, or alone, takes the rows whose column section is 3. Text;
        several with commas between.
    seen_columns : str | Sequence[str], optional
        --columns of each --seen, in their order. Text; repeated.
    networks : str | Sequence[str], optional
        The sub-groups of these networks alone (default: all). Text; several with commas between.
    tap : str, optional
        Where the units are, in a table of before that does not say it (default: ffn.out).
    window : int, optional
        Words that the model sees together. Whole number, at least 1 (default: 200).
    stride : int, optional
        Words from one window to the next, at most the window (default: 100, or the window if that is less).
        Whole number, at least 1.
    pieces : str, optional
        Mean or last: a word's response, by which random sets are alike, from its word pieces. One of mean,
        last (default: mean).
    draws : int, optional
        Random sets of as many units of every layer, whose mean absolute response is within 10%, for each
        sub-group. Whole number, 1 to 100000 (default: 200).
    seed : int, optional
        Of the random sets. Whole number.
    out : Path, optional
        Folder of the results.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "lesion",
        {
            "model": model,
            "subgroups": subgroups,
            "words": words,
            "text": text,
            "seen": seen,
            "network-table": network_table,
            "name": name,
            "columns": columns,
            "seen-columns": seen_columns,
            "networks": networks,
            "tap": tap,
            "window": window,
            "stride": stride,
            "pieces": pieces,
            "draws": draws,
            "seed": seed,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["model", "subgroups", "words", "text", "seen", "network-table"],
        repeated=["seen-columns"],
    )


def localize(
    preferred: Any,
    other: Any,
    items: Any = None,
    subgroups: Any = None,
    *,
    item_column: str | None = None,
    item_rows: int | None = None,
    top: str | None = None,
    fdr: float | None = None,
    name: str | None = None,
    permutations: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Units of a language model that prefer one kind of text to another.

    As ``voxen localize``.

    Parameters
    ----------
    preferred : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Responses of extract to the texts that units are to prefer (sentences); repeat for several files.
        Path; repeated.
    other : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Responses of the same units to the other texts (lists of non-words). Path; repeated.
    items : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Tables (.tsv, .csv) with a row per row of responses, one for each --preferred, then for each
        --other, whose column --item-column says which item a row is of. Path; repeated.
    subgroups : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Neurons.tsv of organize: how many of the units are in the sub-group of each network, and how many by
        chance.
    item_column : str, optional
        Column of --items (default: item).
    item_rows : int, optional
        Rows that make one item, whose mean is one observation: the words of a sentence (default: 1). Whole
        number, at least 1.
    top : str, optional
        Units to take at most, those of the largest t: a share of all, or a number. N% or N (default: 1%).
    fdr : float, optional
        Take those whose q is below this; 1 takes them whatever their q. Number above 0, at most 1 (default:
        0.05).
    name : str, optional
        What the units are called in the column network of neurons.tsv (default: preferred).
    permutations : int, optional
        Of the units within each layer, for the chance of an overlap (default: 5000). Whole number, 2 to
        1000000.
    seed : int, optional
        Of the permutations. Whole number.
    out : Path, optional
        Folder of the results.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "localize",
        {
            "preferred": preferred,
            "other": other,
            "items": items,
            "subgroups": subgroups,
            "item-column": item_column,
            "item-rows": item_rows,
            "top": top,
            "fdr": fdr,
            "name": name,
            "permutations": permutations,
            "seed": seed,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["preferred", "other", "items", "subgroups"],
        repeated=[],
    )


def match(
    maps: Any,
    templates: Any,
    mask: Any = None,
    template_table: Any = None,
    sphere: Any = None,
    stimulus_null: Any = None,
    *,
    nulls: str | Sequence[str] | None = None,
    draws: int | None = None,
    seed: int | None = None,
    fdr: float | None = None,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Match the maps of atoms with functional brain networks.

    As ``voxen match``.

    Parameters
    ----------
    maps : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Maps of one subject, an atom each: (atoms, voxels) .npy, 4-D NIfTI, dscalar.nii, or two .func.gii
        with a comma between. Path; repeated.
    templates : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Networks: labels, or one map each; NIfTI, dlabel.nii, dscalar.nii, or two .label.gii or .shape.gii
        with a comma between.
    mask : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Voxels of the maps (default: mask.nii.gz beside them, else where a map is not 0).
    template_table : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Index, name and color of templates in a volume (default: the .tsv beside them).
    sphere : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        GIFTI sphere of a hemisphere, left then right, for maps on surfaces. Path; repeated.
    stimulus_null : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Folder of voxen null of the same atoms, subjects and templates: its null is one of those that p is
        the largest of.
    nulls : str | Sequence[str], optional
        What p is the largest of: surrogates of the maps, flips of subjects' signs, and the stimulus null
        where one is given (default: all). One of maps, subjects, stimulus.
    draws : int, optional
        Surrogates of the null. Whole number, 1 to 1000000 (default: 5000).
    seed : int, optional
        Of the surrogates. Whole number.
    fdr : float, optional
        False discovery rate over atoms: one belongs to its best match below this q. Number between 0 and 1
        (default: 0.05).
    out : Path, optional
        Folder of the results.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "match",
        {
            "maps": maps,
            "templates": templates,
            "mask": mask,
            "template-table": template_table,
            "sphere": sphere,
            "stimulus-null": stimulus_null,
            "nulls": nulls,
            "draws": draws,
            "seed": seed,
            "fdr": fdr,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["maps", "templates", "mask", "template-table", "sphere", "stimulus-null"],
        repeated=[],
    )


def null(
    features: Any,
    responses: Any,
    templates: Any,
    template_table: Any = None,
    mask: Any = None,
    confounds: Any = None,
    runs: Any = None,
    *,
    draws: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    cv: str | None = None,
    model: str | None = None,
    alphas: str | Sequence[float] | None = None,
    alpha_per: str | None = None,
    score: str | None = None,
    trim: str | None = None,
    trim_features: str | None = None,
    censor: str | None = None,
    per_run: str | None = None,
    detrend: str | None = None,
    tr: float | None = None,
    confound_columns: str | Sequence[str] | None = None,
    standardize: str | None = None,
    intercept: bool | None = None,
    delays: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Match maps with networks for stimuli that were not heard.

    As ``voxen null``.

    Parameters
    ----------
    features : path, array, image, table or results; several as a list, feature spaces and models as a dict
        The atoms that encoding models were fitted to, (T, K); one file per run. Path; repeated.
    responses : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Responses to them, as encode reads them: all runs of the first subject, in the order of --features,
        then those of the next. Path; repeated.
    templates : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Networks, as match reads them.
    template_table : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Index, name and color of templates in a volume (default: the .tsv beside them).
    mask : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Mask of image responses, or of the columns of arrays.
    confounds : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table of confounds, regressed out of features and responses within each run; one for each file of
        responses. Path; repeated.
    runs : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        One integer label per row (.npy).
    draws : int, optional
        Stimuli that were not heard; 1,500 are the least at which one true atom of 64 can pass. Whole
        number, 1 to 1000000 (default: 1500).
    seed : int, optional
        Of the draws. Whole number.
    out : Path, optional
        Folder of the results.
    cv : str, optional
        As of encode, and so are all that follow. Kfold:N or runs.
    model : str, optional
        Ridge, lasso or enet:RATIO. Ridge, lasso or enet:RATIO (default: ridge).
    alphas : str | Sequence[float], optional
        LO:HI:N, evenly spaced in log10, or a,b,c (default 0.1:1e5:20; lasso and enet want them given).
        LO:HI:N or a,b,c.
    alpha_per : str, optional
        An alpha for each voxel, or one for all. One of voxel, all (default: voxel).
    score : str, optional
        By which alphas are chosen. One of r2, r, mse (default: r2).
    trim : str, optional
        Leave out the first A and the last B rows of each run, of features and responses. A:B.
    trim_features : str, optional
        The same of features alone, for responses that come trimmed. A:B.
    censor : str, optional
        Leave out rows where a column of the confounds tables is above (>) or below (<) a value, such as
        fd>0.5, of every sum; they keep their place in time. COLUMN>VALUE.
    per_run : str, optional
        Within each run, features and responses alike. One of none, center, zscore (default: none).
    detrend : str, optional
        None, linear or cosine:SECONDS, within each run. None, linear or cosine:SECONDS (default: none).
    tr : float, optional
        Seconds between rows, for --detrend cosine. Number above 0.
    confound_columns : str | Sequence[str], optional
        Columns a,b,... of the confounds; * and ? stand for any letters (default: all; none: of tables for
        --censor alone). Text; several with commas between.
    standardize : str, optional
        By the training rows of each fold. One of none, features, responses, both (default: none).
    intercept : bool, optional
        Fit an intercept.
    delays : str, optional
        Shift the features by a,b,... rows, side by side. A,b,c.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "null",
        {
            "features": features,
            "responses": responses,
            "templates": templates,
            "template-table": template_table,
            "mask": mask,
            "confounds": confounds,
            "runs": runs,
            "draws": draws,
            "seed": seed,
            "out": out,
            "cv": cv,
            "model": model,
            "alphas": alphas,
            "alpha-per": alpha_per,
            "score": score,
            "trim": trim,
            "trim-features": trim_features,
            "censor": censor,
            "per-run": per_run,
            "detrend": detrend,
            "tr": tr,
            "confound-columns": confound_columns,
            "standardize": standardize,
            "intercept": intercept,
            "delays": delays,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["features", "responses", "templates", "template-table", "mask", "confounds", "runs"],
        repeated=[],
    )


def organize(
    codes: Any,
    matches: Any,
    responses: Any = None,
    *,
    threshold: float | None = None,
    fdr: float | None = None,
    bootstraps: int | None = None,
    draws: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Sort neurons into sub-groups of brain networks, by layer and model.

    As ``voxen organize``.

    Parameters
    ----------
    codes : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Codes.npz of learn, with columns.tsv beside it; one per model, or one of the models that share a
        dictionary. Path; repeated.
    matches : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Matches.tsv of match; one for each --codes. Path; repeated.
    responses : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Responses that were learned from, for compactness; one per model, with commas between runs. Path;
        repeated.
    threshold : float, optional
        Least share of a neuron's codes on a network's atoms to be in its sub-group. Number above 0, at most
        1 (default: 0.5).
    fdr : float, optional
        An atom belongs to its best match below this q. Number between 0 and 1 (default: 0.05).
    bootstraps : int, optional
        Resamplings of subjects for the intervals. Whole number, at least 2 (default: 1000).
    draws : int, optional
        Permutations of the networks of atoms for the chance of each index. Whole number, 2 to 1000000
        (default: 1000).
    seed : int, optional
        Of the resamplings and permutations. Whole number.
    out : Path, optional
        Folder of the results.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "organize",
        {
            "codes": codes,
            "matches": matches,
            "responses": responses,
            "threshold": threshold,
            "fdr": fdr,
            "bootstraps": bootstraps,
            "draws": draws,
            "seed": seed,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["codes", "matches", "responses"],
        repeated=[],
    )


def plot(
    map: Any,
    mask: Any = None,
    background: Any = None,
    surface: Any = None,
    q: Any = None,
    *,
    kind: str | None = None,
    number: int | None = None,
    anatomy: str | None = None,
    view: str | None = None,
    at: str | None = None,
    slices: int | None = None,
    colours: str | None = None,
    threshold: float | None = None,
    limit: float | None = None,
    label: str | None = None,
    pycortex: str | None = None,
    title: str | None = None,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Draw a map of the brain, or what its voxels have in common.

    As ``voxen plot``.

    Parameters
    ----------
    map : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Map to draw: NIfTI, CIFTI, GIFTI (both hemispheres: L.func.gii,R.func.gii), or an array with a value
        per voxel of --mask; --kind layers takes several, one per layer in their order. Path; repeated.
    mask : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Mask of an array, or of a volume.
    background : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Volume behind a map, such as the mean of the BOLD.
    surface : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        GIFTI surface (.surf.gii) for a map of its vertices, left then right; inflated ones show the most,
        flat ones are seen from above. Maps of fsaverage5 need none. Path; repeated.
    q : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Map of q on the same places, such as q.nii.gz: what is not below 0.05 is faded.
    kind : str, optional
        Map; histogram of its values; alphas, how many voxels have each value, as of alpha.npy; or layers,
        which of several maps is highest at each voxel. One of map, histogram, alphas, layers (default:
        map).
    number : int, optional
        Which map of a file that holds several, from 0. Whole number, at least 0.
    anatomy : str, optional
        Background that is shipped: the T1 template of the MNI at 3 mm, for a volume in its space. One of
        none, mni152 (default: none).
    view : str, optional
        Slices of a volume; glass: seen through the brain from three sides; inflated, pial: on the cortex of
        fsaverage5, which is shipped, of a map of its vertices or of a volume in the space of the MNI,
        averaged over the depth of the cortex. One of axial, coronal, sagittal, glass, inflated, pial
        (default: axial).
    at : str, optional
        Positions of the slices; chosen where there is most to see if left out. MM,MM,...
    slices : int, optional
        At most so many slices are chosen. Whole number, 1 to 60 (default: 12).
    colours : str, optional
        Scores: values above 0, from violet to yellow; signed: orange above 0 and blue below; labels: those
        of an atlas; auto: labels of .dlabel and .label files, signed where the lowest value is at least
        half as far from 0 as the highest, else scores. One of auto, scores, signed, labels (default: auto).
    threshold : float, optional
        Leave values without colour whose distance from 0 is at most this. Number, at least 0.
    limit : float, optional
        Value of the lightest colour; the 99.8th percentile of distances from 0, rounded up, if left out.
        Number above 0.
    label : str, optional
        What the values are, with their unit, at the colour bar; the name of the file if left out.
    pycortex : str, optional
        Subject and transform of pycortex's store to which the voxels of an .hdf file belong; of a map of
        vertices the subject alone. SUBJECT,TRANSFORM.
    title : str, optional
        Heading of the figure.
    out : Path, optional
        Figure .png, .svg or .pdf; .html for a page with an interactive viewer; .hdf for what pycortex loads
        (with --pycortex); .npy for the values alone, as pycortex takes them.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "plot",
        {
            "map": map,
            "mask": mask,
            "background": background,
            "surface": surface,
            "q": q,
            "kind": kind,
            "number": number,
            "anatomy": anatomy,
            "view": view,
            "at": at,
            "slices": slices,
            "colours": colours,
            "threshold": threshold,
            "limit": limit,
            "label": label,
            "pycortex": pycortex,
            "title": title,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["map", "mask", "background", "surface", "q"],
        repeated=[],
    )


def predict(
    fit: Any,
    features: Any,
    confounds: Any = None,
    runs: Any = None,
    *,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Predict responses to new features with fitted weights.

    As ``voxen predict``.

    Parameters
    ----------
    fit : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Folder of voxen encode: its weights, intercept, delays and per-run steps are applied.
    features : path, array, image, table or results; several as a list, feature spaces and models as a dict
        New features, (T, K) .npy, .safetensors or HDF5 (FILE:/NAME), with the columns of the fit's; one
        file per run. Path; repeated.
    confounds : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table of confounds of each run, where the fit had them. Path; repeated.
    runs : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        One integer label per row (.npy), where one file holds several runs.
    out : Path, optional
        Predictions, (T, V) .npy, rows of the runs below each other.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "predict",
        {
            "fit": fit,
            "features": features,
            "confounds": confounds,
            "runs": runs,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["fit", "features", "confounds", "runs"],
        repeated=[],
    )


def report(
    model: Any = None,
    organize: Any = None,
    runs: Any = None,
    words: Any = None,
    background: Any = None,
    templates: Any = None,
    surface: Any = None,
    *,
    title: str | None = None,
    simulated: str | None = None,
    columns: str | Sequence[str] | None = None,
    tr: float | None = None,
    start: float | None = None,
    hrf: str | None = None,
    anatomy: str | None = None,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """One HTML file with all that a study found.

    As ``voxen report``.

    Parameters
    ----------
    model : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Name=value pairs between commas: name, responses, learn, encode, match, couple, group, lesion. Path;
        repeated.
    organize : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Folder of voxen organize.
    runs : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Further folder whose run.json is listed. Path; repeated.
    words : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Word table: lists the words that drive each sub-group.
    background : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Image behind the maps.
    templates : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Labels of the networks, shown beside the maps: a volume, a dlabel, or L.label.gii,R.label.gii.
    surface : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        GIFTI surface (.surf.gii) on which maps of its vertices are drawn, left then right; inflated ones
        show the most. Path; repeated.
    title : str, optional
        Heading of the report (default: Brain-like organisation of language models).
    simulated : str, optional
        What is simulated, in a sentence: said at the top.
    columns : str | Sequence[str], optional
        Word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier; section=3
        behind them, or alone, takes the rows whose column section is 3. Text; several with commas between.
    tr : float, optional
        Seconds between volumes, for --words. Number above 0.
    start : float, optional
        When the first volume starts, in seconds of the word table. Number.
    hrf : str, optional
        Response that the neurons were convolved with: none, glover or spm. One of none, glover, spm
        (default: glover).
    anatomy : str, optional
        Background that is shipped: the T1 template of the MNI at 3 mm, for volumes in its space. One of
        none, mni152 (default: none).
    out : Path, optional
        The report, .html.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "report",
        {
            "model": model,
            "organize": organize,
            "runs": runs,
            "words": words,
            "background": background,
            "templates": templates,
            "surface": surface,
            "title": title,
            "simulated": simulated,
            "columns": columns,
            "tr": tr,
            "start": start,
            "hrf": hrf,
            "anatomy": anatomy,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["model", "organize", "runs", "words", "background", "templates", "surface"],
        repeated=[],
    )


def run(
    study: Path,
    *,
    dry_run: bool | None = None,
    status: bool | None = None,
    init: bool | None = None,
    cluster: bool | None = None,
    cancel: bool | None = None,
    step: bool | None = None,
    part: bool | None = None,
    merge: bool | None = None,
    allow_mixed: bool | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Do a whole study, from words and BOLD to the report; goes on where it stopped.

    As ``voxen run``.

    Parameters
    ----------
    study : Path
        The study's YAML file.
    dry_run : bool, optional
        Print the steps with their sizes, memory and time and the warnings to be expected, and do nothing.
    status : bool, optional
        Print how far each step is, and do nothing.
    init : bool, optional
        Write a commented example that runs, with simulated data beside it.
    cluster : bool, optional
        Slurm: submit all steps as jobs, as the section cluster of the study says, and follow them.
    cancel : bool, optional
        With --cluster: end the jobs of the study.
    step : bool, optional
        Do this step alone, by the name that --dry-run lists; those before it have to be done.
    part : bool, optional
        With --step: make part I/N of it, as voxen shard does.
    merge : bool, optional
        With --step: bring its parts together, as voxen merge does.
    allow_mixed : bool, optional
        With --merge: though different models of processor or GPU computed them.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "run",
        {
            "study": study,
            "dry-run": dry_run,
            "status": status,
            "init": init,
            "cluster": cluster,
            "cancel": cancel,
            "step": step,
            "part": part,
            "merge": merge,
            "allow-mixed": allow_mixed,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=[],
        repeated=[],
    )


def score(
    predictions: Any,
    responses: Any,
    mask: Any = None,
    atlas: Any = None,
    confounds: Any = None,
    runs: Any = None,
    *,
    out: Path | None = None,
    trim: str | None = None,
    metrics: str | Sequence[str] | None = None,
    per_run: str | None = None,
    detrend: str | None = None,
    tr: float | None = None,
    confound_columns: str | Sequence[str] | None = None,
    censor: str | None = None,
    test_repeats: bool | None = None,
    zscore_repeats: bool | None = None,
    split: bool | None = None,
    null: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """Score predictions of every voxel.

    As ``voxen score``.

    Parameters
    ----------
    predictions : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Predictions in the units of the responses after their per-run steps, (T, V) .npy, .safetensors or
        HDF5 (FILE:/NAME); a file per run, or one of all runs below each other, as voxen predict writes it;
        or those of bands, NAME=FILE,NAME=FILE, whose sum is scored. Path; repeated.
    responses : path, array, image, table or results; several as a list, feature spaces and models as a dict
        Responses, (T, V) .npy, .safetensors, HDF5 (FILE:/NAME), NIfTI, CIFTI .dtseries.nii or GIFTI
        .func.gii (both hemispheres: L.func.gii,R.func.gii); one file per run. Path; repeated.
    mask : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Mask of image responses.
    atlas : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Label image: the mean of each of its regions is a response (.nii.gz, .dlabel.nii, or .label.gii).
    confounds : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table of confounds, regressed out of the responses within each run; one file per run. Path;
        repeated.
    runs : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        One integer label per row (.npy), where one file holds several runs.
    out : Path, optional
        Folder of the results.
    trim : str, optional
        Leave out the first A and the last B rows of each run of the responses; predictions of a fit that
        did so come without them. A:B.
    metrics : str | Sequence[str], optional
        Scores, separated by commas: r2, r, mse (negative). One of r, r2, mse (default: r2).
    per_run : str, optional
        Within each run, features and responses alike. One of none, center, zscore (default: none).
    detrend : str, optional
        None, linear or cosine:SECONDS, within each run. None, linear or cosine:SECONDS (default: none).
    tr : float, optional
        Seconds between rows, for --detrend cosine. Number above 0.
    confound_columns : str | Sequence[str], optional
        Columns a,b,... of the confounds; * and ? stand for any letters (default: all; none: of tables for
        --censor alone). Text; several with commas between.
    censor : str, optional
        Leave out rows where a column of the confounds tables is above (>) or below (<) a value, such as
        fd>0.5, of every sum; they keep their place in time. COLUMN>VALUE.
    test_repeats : bool, optional
        All --test-responses are repeats of one stimulus, a file of each or one array (repeats, time,
        voxels), with one --test-features: scores are of their mean.
    zscore_repeats : bool, optional
        Z-score the mean of the repeats again before it is scored.
    split : bool, optional
        Per band of --predictions NAME=FILE,NAME=FILE: its part of r2 (product measure) and of r.
    null : str, optional
        P of every voxel for the first of --metrics: blocks of L rows of the predictions (default: the
        larger of 10 rows and 20 s) are permuted N times within each run. Blocks:N[,length=L].
    seed : int, optional
        Of the draws of --null. Whole number.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "score",
        {
            "predictions": predictions,
            "responses": responses,
            "mask": mask,
            "atlas": atlas,
            "confounds": confounds,
            "runs": runs,
            "out": out,
            "trim": trim,
            "metrics": metrics,
            "per-run": per_run,
            "detrend": detrend,
            "tr": tr,
            "confound-columns": confound_columns,
            "censor": censor,
            "test-repeats": test_repeats,
            "zscore-repeats": zscore_repeats,
            "split": split,
            "null": null,
            "seed": seed,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["predictions", "responses", "mask", "atlas", "confounds", "runs"],
        repeated=[],
    )


def speech(
    tr: float,
    volumes: int,
    words: Any = None,
    frequencies: Any = None,
    stories: Any = None,
    audio: Any = None,
    *,
    columns: str | Sequence[str] | None = None,
    stories_columns: str | Sequence[str] | None = None,
    audio_start: float | None = None,
    start: float | None = None,
    hrf: str | None = None,
    out: Path | None = None,
    device: str | None = None,
    threads: int | None = None,
    precision: str | None = None,
    memory: str | None = None,
    tf32: bool | None = None,
    force: bool | None = None,
    progress: bool = False,
) -> Results:
    """What any response to speech follows: words, their length and frequency, loudness.

    As ``voxen speech``.

    Parameters
    ----------
    tr : float
        Seconds from one volume to the next. Number, 1e-4 to 1e4.
    volumes : int
        Volumes of the recording. Whole number, 1 to 10000000.
    words : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Word table: .tsv or .csv, Gentle's align.csv, BIDS events, a TextGrid, or JSON of WhisperX.
    frequencies : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Table of words and their frequencies (.tsv or .csv): a column word, and zipf, frequency (per
        million) or count; without it words are counted in the story.
    stories : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        Word table of another run, whose words are counted too; repeat for each. Path; repeated.
    audio : path, array, image, table or results; several as a list, feature spaces and models as a dict, optional
        The recording, a WAV file.
    columns : str | Sequence[str], optional
        Word,onset,offset: names of the word table's columns, or the name of a TextGrid's tier (default:
        those in common use); section=3 behind them, or alone, takes the rows whose column section is 3.
        Text; several with commas between.
    stories_columns : str | Sequence[str], optional
        --columns of each --stories, in their order. Text; repeated.
    audio_start : float, optional
        When it begins, in seconds of the word table. Number.
    start : float, optional
        When the first volume starts, in seconds of the word table. Number.
    hrf : str, optional
        Haemodynamic response that all are convolved with. One of none, glover, spm (default: glover).
    out : Path, optional
        Folder of the features, a .npy (volumes, 1) of each.
    device : str, optional
        Where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N. Auto, cpu, cuda or cuda:N
        (default: auto).
    threads : int, optional
        Threads of the CPU backend (0: all). Whole number, 0 to 4096.
    precision : str, optional
        Of results, and of the arithmetic over voxels. One of float32, float64 (default: float32).
    memory : str, optional
        Bound of the process's resident memory, such as 512MiB (default: half of what is free). 512MiB, 4GiB
        or BYTES.
    tf32 : bool, optional
        Allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa.
    force : bool, optional
        Replace finished results that were made with other options.
    progress : bool
        Whether to show a bar, where tqdm is installed.

    Returns
    -------
    results : Results
        What the command wrote, by the names of its files.

    Raises
    ------
    ValueError
        Wrong input, in the program's words.
    """
    return _run(
        "speech",
        {
            "tr": tr,
            "volumes": volumes,
            "words": words,
            "frequencies": frequencies,
            "stories": stories,
            "audio": audio,
            "columns": columns,
            "stories-columns": stories_columns,
            "audio-start": audio_start,
            "start": start,
            "hrf": hrf,
            "out": out,
            "device": device,
            "threads": threads,
            "precision": precision,
            "memory": memory,
            "tf32": tf32,
            "force": force,
        },
        progress,
        inputs=["words", "frequencies", "stories", "audio"],
        repeated=["stories-columns"],
    )


__all__ = [
    "Results",
    "align",
    "couple",
    "encode",
    "extract",
    "group",
    "learn",
    "lesion",
    "localize",
    "match",
    "null",
    "organize",
    "plot",
    "predict",
    "report",
    "run",
    "score",
    "speech",
]
