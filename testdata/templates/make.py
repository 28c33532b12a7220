"""The files of this folder: the meshes are those of nilearn as they are, the T1 template is averaged to 3 mm.

python make.py; nilearn 0.14.1, nibabel, numpy
"""
import pathlib
import shutil

import nibabel as nib
import nilearn.datasets
import numpy as np
from nilearn.image import resample_img

here = pathlib.Path(__file__).parent
data = pathlib.Path(nilearn.datasets.__file__).parent / "data"
for side, hemi in [("left", "L"), ("right", "R")]:
    for name, ours in [("infl", "inflated"), ("pial", "pial")]:
        shutil.copy(data / "fsaverage5" / f"{name}_{side}.gii.gz", here / f"tpl-fsaverage_den-10k_hemi-{hemi}_{ours}.surf.gii.gz")
t1 = nib.load(data / "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
low = resample_img(t1, np.diag([3.0, 3, 3]), interpolation="continuous", copy_header=True, force_resample=True)
out = nib.Nifti1Image(np.clip(np.rint(low.get_fdata()), 0, 255).astype(np.uint8), low.affine)
out.header["sform_code"] = out.header["qform_code"] = 4  # MNI 152
out.header["descrip"] = b"ICBM 152 2009a, (C) 1993-2009 L. Collins, MNI"
nib.save(out, here / "tpl-MNI152NLin2009aSym_res-3_T1w.nii.gz")
