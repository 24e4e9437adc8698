// Runs an exported model in onnxruntime-node: node run.cjs MODEL.onnx FEEDS.json prints the outputs as JSON.
//
// FEEDS: {"name": {"type": "float64" | "string" | "float32", "dims": [...], "data": [...]}, ...}; a number may be null for NaN.
// Where onnxruntime-node lies is told by TOCSIN_NODE_MODULES or NODE_PATH, or it is found beside this repository.
"use strict";

const fs = require("fs");
const path = require("path");

function find(name) {
  const places = [process.env.TOCSIN_NODE_MODULES, ...(process.env.NODE_PATH || "").split(path.delimiter)].filter(Boolean);
  for (const place of places) {
    const folder = path.join(place, name);
    if (fs.existsSync(folder)) return folder;
  }
  return name;
}

const ort = require(find("onnxruntime-node"));

function tensor(told) {
  if (told.type === "string") return new ort.Tensor("string", told.data, told.dims);
  const Cells = told.type === "float32" ? Float32Array : Float64Array;
  return new ort.Tensor(told.type, Cells.from(told.data, (cell) => (cell === null ? NaN : cell)), told.dims);
}

async function main() {
  const session = await ort.InferenceSession.create(process.argv[2], { logSeverityLevel: 3 });
  const feeds = JSON.parse(fs.readFileSync(process.argv[3], "utf8"));
  const given = Object.fromEntries(Object.entries(feeds).map(([name, told]) => [name, tensor(told)]));
  const found = await session.run(given);
  const plain = Object.entries(found).map(([name, value]) => [name, { type: value.type, dims: value.dims, data: Array.from(value.data) }]);
  console.log(JSON.stringify({ inputs: session.inputNames, outputs: Object.fromEntries(plain) }));
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
