// The scales of the figures, and the background dimmed below their colours. A number
// has its colour whatever the slider hides.
const scales = nv => {
  for (const [name, table] of Object.entries(colourTables)) nv.addColormap(name, table);
  nv.addColormap("dim", {R: [0, 107], G: [0, 107], B: [0, 107], A: [0, 255], I: [0, 255]});
};
const coloured = (v, low) => ({colormap: v.diverging ? "above" : "sequential", colormapNegative: v.diverging ? "below" : "",
  colormapType: 1, cal_min: low, cal_max: v.limit});

const shortest = x => String(Number(x.toPrecision(2))).replace("-", "\u2212");

// bar draws the scale of a map below the viewer: in grey what the slider hides.
function bar(one, map, low) {
  one(".bar").hidden = Boolean(map.labels) || !map.limit;
  if (one(".bar").hidden) return;
  const part = low / map.limit;
  const stops = (table, at) => { // from 0 outwards
    const t = colourTables[table], list = [];
    for (let i = 0; i < t.I.length; i++) {
      const x = t.I[i] / 255;
      if (x >= part) list.push([at(x), `rgb(${t.R[i]}, ${t.G[i]}, ${t.B[i]})`]);
    }
    if (part > 0) list.unshift([at(0), "rgb(107, 107, 107)"], [at(part), "rgb(107, 107, 107)"], [at(part), list.length ? list[0][1] : "rgb(107, 107, 107)"]);
    return list;
  };
  const list = map.diverging ? [...stops("below", x => 50 - 50 * x).reverse(), ...stops("above", x => 50 + 50 * x)] : stops("sequential", x => 100 * x);
  one(".colours").style.background = `linear-gradient(to right, ${list.map(([at, colour]) => `${colour} ${at.toFixed(2)}%`).join(", ")})`;
  const [from, mid] = map.diverging ? [-map.limit, 0] : [0, map.limit / 2];
  [from, mid, map.limit].forEach((x, i) => { one(".ends").children[i].textContent = shortest(x); });
}

// unpack reads little-endian numbers that were gzipped and put in base64.
async function unpack(text, kind) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new kind(await new Response(stream).arrayBuffer());
}

// engine starts niivue, which lies packed in the page.
async function engine() {
  const code = await unpack(JSON.parse(document.getElementById("niivue").textContent), Uint8Array);
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(code);
  document.head.append(script);
}

function unavailable(figure, err) {
  for (const part of [".canvas", ".controls"]) figure.querySelector(part).hidden = true;
  figure.querySelector(".unavailable").hidden = false;
  if (err) console.error(err);
}

// lut gives niivue's table of labels.
function lut(labels) {
  const top = Math.max(...labels.map(l => l.index));
  const table = {R: [], G: [], B: [], A: [], I: [], labels: []};
  for (let i = 0; i <= top; i++) {
    const l = labels.find(l => l.index === i);
    table.I.push(i); table.labels.push(l ? l.name : "");
    for (const [k, c] of [["R", 0], ["G", 1], ["B", 2]]) table[k].push(l ? l.color[c] : 0);
    table.A.push(l && i ? 255 : 0);
  }
  return table;
}

// legend lists the labels of a map below the viewer, and hides the bounds of numbers.
function legend(one, map) {
  one(".bounds").hidden = Boolean(map.labels);
  one(".key").hidden = !map.labels;
  one(".key").replaceChildren(...(map.labels || []).filter(l => l.index).map(l => {
    const entry = document.createElement("span"), swatch = document.createElement("i");
    swatch.style.background = `rgb(${l.color.join(",")})`;
    entry.append(swatch, l.name);
    return entry;
  }));
  one(".solids").hidden = !map.solidname;
  one(".solid").checked = Boolean(map.solidname);
  one(".rule").textContent = map.solidname || "";
}

// showVolumes is niivue over the volumes that stand beside a viewer.
async function showVolumes(figure) {
  const one = selector => figure.querySelector(selector);
  const {background, volumes} = JSON.parse(one("script.volumes").textContent);
  const nv = new niivue.Niivue({
    backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.55], crosshairWidth: 1, crosshairWidthUnit: "mm", crosshairGap: 6,
    isColorbar: false, fontMinPx: 16, fontSizeScaling: 0.6, multiplanarLayout: 2,
    isOrientationTextVisible: true, scrollRequiresFocus: true, dragAndDropEnabled: false, loadingText: "", logLevel: "silent",
    onLocationChange: p => one(".place").textContent = describe(p),
  });
  scales(nv);
  let current = volumes[0], whole = null, solid = null;
  const bounded = low => { one(".lowvalue").textContent = shortest(low); bar(one, current, low); };

  // significant hides what is not, where that is asked for.
  function significant() {
    if (!solid) return;
    top().img = one(".solid").checked ? whole.map((x, i) => solid[i % solid.length] ? x : 0) : whole;
  }

  // describe says where the crosshair is and what the map has there.
  function describe(p) {
    const at = p.mm.slice ? Array.from(p.mm).slice(0, 3).map(x => x.toFixed(0)).join(", ") : "";
    const v = p.values && p.values.length ? p.values[p.values.length - 1].value : NaN;
    const label = (current.labels || []).find(l => l.index === Math.round(v));
    const text = current.labels ? (label ? label.name : "no label") : Number(v).toPrecision(3);
    return `(${at}) mm: ${text}`;
  }

  const load = (v, more) => niivue.NVImage.loadFromBase64({base64: v.data, name: v.name + ".nii.gz", ...more});

  // show loads a volume and puts it in the place of the one before; of several
  // chosen in a hurry the last stays.
  let turn = 0;
  async function show(v) {
    const mine = ++turn, low = v.threshold || 0;
    figure.dataset.shown = "";
    const images = [];
    if (background) images.push(await load(background, {colormap: "dim"}));
    if (v.labels) {
      images.push(await load(v, {opacity: background ? 0.8 : 1}));
      images[images.length - 1].setColormapLabel(lut(v.labels));
    } else {
      images.push(await load(v, coloured(v, low)));
    }
    if (mine !== turn) return;
    current = v;
    while (nv.volumes.length) nv.removeVolume(nv.volumes[nv.volumes.length - 1]);
    for (const image of images) nv.addVolume(image);
    legend(one, v);
    whole = images[images.length - 1].img;
    solid = v.solidname ? await unpack(v.solid, Uint8Array) : null;
    if (mine !== turn) return;
    significant();
    one(".low").value = v.limit ? Math.round(100 * low / v.limit) : 0;
    bounded(low);
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
    bounded(low);
    nv.updateGLVolume();
  });
  one(".solid").addEventListener("change", () => { significant(); nv.updateGLVolume(); });
  await nv.attachToCanvas(one("canvas"));
  nv.opts.multiplanarShowRender = 1; // always
  nv.setSliceType(nv.sliceTypeMultiplanar);
  await show(volumes[0]);
}

// showSurfaces is niivue over the maps of surfaces: the meshes stay, their layer changes.
async function showSurfaces(figure) {
  const one = selector => figure.querySelector(selector);
  const {meshes, maps} = JSON.parse(one("script.volumes").textContent);
  const nv = new niivue.Niivue({
    backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.55], show3Dcrosshair: false, isColorbar: false,
    isOrientationTextVisible: false, scrollRequiresFocus: true, dragAndDropEnabled: false, loadingText: "", logLevel: "silent",
  });
  scales(nv);
  const angles = {left: [90, 0], right: [270, 0], above: [0, 90], below: [0, -90], front: [180, 0], back: [0, 0]};
  const cortex = []; // a mesh of niivue or nothing, left and right
  let current = maps[0], values = [], solid = [];

  async function load() {
    let triangles;
    for (const m of meshes) {
      if (!m) { cortex.push(null); continue; }
      const points = Float32Array.from(await unpack(m.points, Int16Array), x => x * m.scale);
      if (m.triangles) triangles = await unpack(m.triangles, Uint32Array);
      const mesh = new niivue.NVMesh(points, triangles.slice(), m.name, new Uint8Array([128, 128, 128, 255]), 1, true, nv.gl);
      cortex.push(mesh);
      nv.addMesh(mesh);
    }
    one(".hemispheres").hidden = cortex.some(m => !m);
  }

  // paint puts one of the current maps on the meshes.
  function paint(low) {
    const frame = Math.max(0, one(".frame").selectedIndex);
    cortex.forEach((mesh, side) => {
      if (!mesh) return;
      const n = mesh.pts.length / 3;
      let own = values[side] ? values[side].subarray(frame * n, (frame + 1) * n) : new Float32Array(n);
      if (!current.labels) { // what is not to be shown is below the scale, which begins at 0
        const on = one(".solid").checked && solid[side], out = current.diverging ? 0 : -current.limit;
        own = own.map((x, i) => x && (!on || on[i]) ? x : out);
      }
      mesh.layers = [{values: own, name: current.name, opacity: 1, ...coloured(current, low), useNegativeCmap: Boolean(current.diverging),
        cal_minNeg: NaN, cal_maxNeg: NaN, global_min: -current.limit, global_max: current.limit, nFrame4D: 1, frame4D: 0, outlineBorder: 0, colormapInvert: false,
        isTransparentBelowCalMin: true, isAdditiveBlend: false, colorbarVisible: false, showLegend: false,
        colormapLabel: current.labels ? niivue.cmapper.makeLabelLut(lut(current.labels), 0) : null}];
      mesh.updateMesh(nv.gl);
    });
    one(".lowvalue").textContent = shortest(low);
    bar(one, current, low);
    nv.updateGLVolume();
  }

  let turn = 0;
  async function show(map) {
    const mine = ++turn, low = map.threshold || 0;
    figure.dataset.shown = "";
    const data = await Promise.all(map.data.map(async d => d ? Float32Array.from(await unpack(d, Int16Array), x => x * map.scale) : null));
    const on = await Promise.all((map.solid || []).map(async d => d ? unpack(d, Uint8Array) : null));
    if (mine !== turn) return;
    current = map; values = data; solid = on;
    legend(one, map);
    one(".low").value = map.limit ? Math.round(100 * low / map.limit) : 0;
    one(".frames").hidden = !map.frames || map.frames.length < 2;
    one(".frame").replaceChildren(...(map.frames || []).map(name => new Option(name)));
    paint(low);
    figure.dataset.shown = map.name;
  }

  const low = () => current.limit * one(".low").value / 100;
  one(".volume").addEventListener("change", e => show(maps[e.target.selectedIndex]));
  one(".frame").addEventListener("change", () => paint(low()));
  one(".low").addEventListener("input", () => paint(low()));
  one(".solid").addEventListener("change", () => paint(low()));
  one(".view").addEventListener("change", e => nv.setRenderAzimuthElevation(...angles[e.target.value]));
  one(".side").addEventListener("change", e => {
    cortex.forEach((m, side) => { if (m) m.visible = e.target.value === "both" || e.target.value === m.name; });
    nv.updateGLVolume();
  });
  await nv.attachToCanvas(one("canvas"));
  nv.setSliceType(nv.sliceTypeRender);
  await load();
  nv.setRenderAzimuthElevation(...angles.left);
  await show(maps[0]);
}

const viewers = [...document.querySelectorAll("figure.viewer")];
if (document.createElement("canvas").getContext("webgl2")) {
  const started = engine();
  for (const figure of viewers) {
    started.then(() => figure.classList.contains("surfaces") ? showSurfaces(figure) : showVolumes(figure)).catch(err => unavailable(figure, err));
  }
} else {
  viewers.forEach(figure => unavailable(figure));
}
