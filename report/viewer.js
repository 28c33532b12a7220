"use strict";
// Each viewer of the page: niivue over the volumes that stand beside it.
for (const figure of document.querySelectorAll("figure.viewer")) {
  const one = selector => figure.querySelector(selector);
  const {background, volumes} = JSON.parse(one("script.volumes").textContent);
  const canvas = one("canvas");
  const unavailable = () => { one(".canvas").hidden = true; one(".controls").hidden = true; one(".unavailable").hidden = false; };
  if (!document.createElement("canvas").getContext("webgl2")) { unavailable(); continue; }

  const nv = new niivue.Niivue({
    backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.55], crosshairWidth: 1, crosshairWidthUnit: "mm", crosshairGap: 6,
    isColorbar: true, fontMinPx: 16, fontSizeScaling: 0.6, colorbarHeight: 0.03, multiplanarLayout: 2,
    isOrientationTextVisible: true, scrollRequiresFocus: true, dragAndDropEnabled: false, loadingText: "", logLevel: "silent",
    onLocationChange: p => one(".place").textContent = describe(p),
  });
  // the colours of the slices: the further from 0 the lighter, orange above and blue below
  nv.addColormap("above", {R: [160, 160, 255], G: [66, 66, 228], B: [0, 0, 196], A: [0, 255, 255], I: [0, 1, 255]});
  nv.addColormap("below", {R: [0, 0, 196], G: [98, 98, 240], B: [178, 178, 255], A: [0, 255, 255], I: [0, 1, 255]});
  let current = volumes[0];

  // describe says where the crosshair is and what the map has there.
  function describe(p) {
    const at = p.mm.slice ? Array.from(p.mm).slice(0, 3).map(x => x.toFixed(0)).join(", ") : "";
    const v = p.values && p.values.length ? p.values[p.values.length - 1].value : NaN;
    const label = (current.labels || []).find(l => l.index === Math.round(v));
    const text = current.labels ? (label ? label.name : "no label") : Number(v).toPrecision(3);
    return `(${at}) mm: ${text}`;
  }

  // lut gives niivue's table of a label volume.
  function lut(labels) {
    const top = Math.max(...labels.map(l => l.index));
    const table = {R: [], G: [], B: [], A: [], I: [], labels: []};
    for (let i = 0; i <= top; i++) {
      const l = labels.find(l => l.index === i);
      table.I.push(i); table.labels.push(l ? l.name : "");
      for (const [k, c] of [["R", 0], ["G", 1], ["B", 2]]) table[k].push(l ? l.color[c] : 0);
      table.A.push(l ? 255 : 0);
    }
    return table;
  }

  const load = (v, more) => niivue.NVImage.loadFromBase64({base64: v.data, name: v.name + ".nii.gz", ...more});

  // show loads a volume and puts it in the place of the one before; of several
  // chosen in a hurry the last stays.
  let turn = 0;
  async function show(v) {
    const mine = ++turn, low = v.threshold || v.limit / 10;
    figure.dataset.shown = "";
    const images = [];
    if (background) images.push(await load(background, {colormap: "gray", colorbarVisible: false}));
    if (v.labels) {
      images.push(await load(v, {colorbarVisible: false, opacity: background ? 0.8 : 1}));
      images[images.length - 1].setColormapLabel(lut(v.labels));
    } else {
      images.push(await load(v, {colormap: "above", colormapNegative: "below", cal_min: low, cal_max: v.limit}));
    }
    if (mine !== turn) return;
    current = v;
    while (nv.volumes.length) nv.removeVolume(nv.volumes[nv.volumes.length - 1]);
    for (const image of images) nv.addVolume(image);
    one(".bounds").hidden = Boolean(v.labels);
    one(".low").value = v.limit ? Math.round(100 * low / v.limit) : 0;
    one(".lowvalue").textContent = low.toPrecision(2);
    one(".frames").hidden = !v.frames || v.frames.length < 2;
    one(".frame").replaceChildren(...(v.frames || []).map(name => new Option(name)));
    nv.updateGLVolume();
    figure.dataset.shown = v.name;
  }

  one(".volume").addEventListener("change", e => show(volumes[e.target.selectedIndex]));
  const top = () => nv.volumes[nv.volumes.length - 1];
  one(".frame").addEventListener("change", e => top() && nv.setFrame4D(top().id, e.target.selectedIndex));
  one(".view").addEventListener("change", e => nv.setSliceType(Number(e.target.value)));
  one(".low").addEventListener("input", e => {
    const low = current.limit * e.target.value / 100;
    if (!top() || current.labels) return;
    top().cal_min = low;
    one(".lowvalue").textContent = low.toPrecision(2);
    nv.updateGLVolume();
  });
  nv.attachToCanvas(canvas).then(() => {
    nv.opts.multiplanarShowRender = 1; // always
    nv.setSliceType(nv.sliceTypeMultiplanar);
    return show(volumes[0]);
  }).catch(err => { unavailable(); console.error(err); });
}
