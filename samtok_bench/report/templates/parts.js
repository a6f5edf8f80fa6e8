// Parts: some samples with their pictures, in the file or in a script beside it.

const PARTS_OF_SAMPLES = JSON.parse(byId("parts").textContent);
const loadedParts = new Map();
const waiting = new Map();
const images = new Map();

function receivePart(number, part) {
  loadedParts.set(number, part);
  (waiting.get(number) || []).forEach((resolve) => resolve(part));
  waiting.delete(number);
}

function partOf(sample) {
  const { starts } = PARTS_OF_SAMPLES;
  let number = starts.length - 1;
  while (starts[number] > sample) number--;
  return number;
}

function loadPart(number) {
  if (loadedParts.has(number)) return Promise.resolve(loadedParts.get(number));
  const found = new Promise((resolve, reject) => {
    waiting.set(number, [...(waiting.get(number) || []), resolve]);
    const name = `samples-${String(PARTS_OF_SAMPLES.first + number).padStart(4, "0")}.js`;
    const script = element("script", { src: `${encodeURIComponent(PARTS_OF_SAMPLES.folder)}/${name}` });
    const missing = new Error(`${PARTS_OF_SAMPLES.folder}/${name} is missing`);
    script.addEventListener("error", () => reject(missing));
    document.head.append(script);
  });
  return found;
}

async function loadDetail(sample) {
  const number = partOf(sample);
  const part = await loadPart(number);
  return [part.samples[sample - PARTS_OF_SAMPLES.starts[number]], part.pictures];
}

function loadImage(uri) {
  if (!images.has(uri)) {
    if (images.size > 50) images.clear();
    const image = new Image();
    images.set(uri, new Promise((resolve) => {
      image.addEventListener("load", () => resolve(image));
      image.addEventListener("error", () => resolve(null));
      image.src = uri;
    }));
  }
  return images.get(uri);
}
