"use strict";
// The part of solc's command line that py-solc-x, Brownie, Ape, forge and slither use, over the npm package `solc`.
// Everything becomes one standard-JSON run; --combined-json is that run's answer in the older shape.
const fs = require("node:fs");
const path = require("node:path");

const USAGE = `solc, the Solidity commandline compiler (npm build)

Usage: solc [options] [input_file...]
  --version                 print the compiler's version
  --standard-json [file]    read a standard JSON input, print a standard JSON output
  --combined-json LIST      abi,ast,bin,bin-runtime,devdoc,function-debug,function-debug-runtime,generated-sources,
                            generated-sources-runtime,hashes,metadata,opcodes,srcmap,srcmap-runtime,storage-layout,userdoc
  --base-path, --include-path, --evm-version, --optimize, --optimize-runs, --via-ir, prefix=target`;

const TAKES_VALUE = new Set([
  "--allow-paths",
  "--base-path",
  "--combined-json",
  "--evm-version",
  "--include-path",
  "--metadata-hash",
  "--model-checker-engine",
  "--optimize-runs",
  "--output-dir",
  "--revert-strings",
  "-o",
]);

const COMBINED = {
  abi: (c) => c.abi,
  bin: (c) => c.evm.bytecode.object,
  "bin-runtime": (c) => c.evm.deployedBytecode.object,
  devdoc: (c) => c.devdoc,
  "function-debug": (c) => c.evm.bytecode.functionDebugData,
  "function-debug-runtime": (c) => c.evm.deployedBytecode.functionDebugData,
  "generated-sources": (c) => c.evm.bytecode.generatedSources,
  "generated-sources-runtime": (c) => c.evm.deployedBytecode.generatedSources,
  hashes: (c) => c.evm.methodIdentifiers,
  metadata: (c) => c.metadata,
  opcodes: (c) => c.evm.bytecode.opcodes,
  srcmap: (c) => c.evm.bytecode.sourceMap,
  "srcmap-runtime": (c) => c.evm.deployedBytecode.sourceMap,
  "storage-layout": (c) => c.storageLayout,
  userdoc: (c) => c.userdoc,
};

function parse(argv) {
  const seen = { options: new Map(), includePaths: [], remappings: [], files: [], stdin: false };
  const words = [...argv];
  while (words.length > 0) {
    let word = words.shift();
    if (word === "-") {
      seen.stdin = true;
    } else if (word.startsWith("-")) {
      let value = true;
      const equals = word.indexOf("=");
      if (equals > 0) [word, value] = [word.slice(0, equals), word.slice(equals + 1)];
      else if (TAKES_VALUE.has(word)) value = words.shift();
      if (word === "--include-path") seen.includePaths.push(value);
      else seen.options.set(word, value);
    } else if (word.includes("=") && !fs.existsSync(word)) {
      seen.remappings.push(word);
    } else {
      seen.files.push(word);
    }
  }
  return seen;
}

// stdout may be a non-blocking pipe: write until all of it is gone, before the process exits.
function print(text) {
  const bytes = Buffer.from(`${text}\n`);
  let done = 0;
  while (done < bytes.length) {
    try {
      done += fs.writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

function load() {
  const compiler = require("solc");
  process.removeAllListeners("uncaughtException"); // emscripten's own would hide where an error came from
  return compiler;
}

// Callers ask for the version before each compilation, and loading the compiler costs half a second: keep the answer.
function version() {
  const manifest = require.resolve("solc/package.json");
  const kept = path.join(path.dirname(manifest), `.long-version-${require(manifest).version}`);
  try {
    return fs.readFileSync(kept, "utf8");
  } catch {
    const answer = load().version();
    try {
      fs.writeFileSync(kept, answer);
    } catch {
      // an installation that is read-only: ask again next time
    }
    return answer;
  }
}

function importsFrom(roots) {
  return (wanted) => {
    const name = wanted.replace(/^file:\/\//, "");
    const places = path.isAbsolute(name) ? [name] : roots.map((root) => path.join(root, name));
    for (const place of places) {
      try {
        return { contents: fs.readFileSync(place, "utf8") };
      } catch (error) {
        if (error.code !== "ENOENT" && error.code !== "ENOTDIR") return { error: String(error) };
      }
    }
    return { error: `File not found, looked at: ${places.join(", ")}` };
  };
}

function standardInput(seen) {
  const sources = {};
  if (seen.stdin) sources["<stdin>"] = { content: fs.readFileSync(0, "utf8") };
  for (const file of seen.files) sources[path.normalize(file)] = { content: fs.readFileSync(file, "utf8") };
  const settings = {
    remappings: seen.remappings,
    optimizer: {
      enabled: seen.options.has("--optimize"),
      runs: Number(seen.options.get("--optimize-runs") ?? 200),
    },
    outputSelection: {
      "*": {
        "": ["ast"],
        "*": [
          "abi",
          "devdoc",
          "evm.bytecode",
          "evm.deployedBytecode",
          "evm.methodIdentifiers",
          "metadata",
          "storageLayout",
          "userdoc",
        ],
      },
    },
  };
  if (seen.options.has("--evm-version")) settings.evmVersion = seen.options.get("--evm-version");
  if (seen.options.has("--via-ir")) settings.viaIR = true;
  return { language: "Solidity", sources, settings };
}

function wantedOutputs(options) {
  if (options.has("--combined-json")) return options.get("--combined-json").split(",");
  const plain = ["abi", "bin", "bin-runtime"].filter((kind) => options.has(`--${kind}`));
  return plain.length > 0 ? plain : ["abi", "bin"];
}

function combined(answer, wanted) {
  const byId = Object.entries(answer.sources).sort(([, a], [, b]) => a.id - b.id);
  const result = { contracts: {}, sourceList: byId.map(([name]) => name), sources: {}, version: version() };
  for (const [file, contracts] of Object.entries(answer.contracts ?? {})) {
    for (const [name, contract] of Object.entries(contracts)) {
      const kinds = wanted.filter((kind) => kind in COMBINED);
      result.contracts[`${file}:${name}`] = Object.fromEntries(kinds.map((kind) => [kind, COMBINED[kind](contract)]));
    }
  }
  if (wanted.includes("ast")) for (const [name, source] of byId) result.sources[name] = { AST: source.ast, id: source.id };
  return result;
}

function main() {
  const seen = parse(process.argv.slice(2));
  if (seen.options.has("--version")) {
    print(`solc, the solidity compiler commandline interface\nVersion: ${version()}`);
    return 0;
  }
  if (seen.options.has("--help")) {
    print(USAGE);
    return 0;
  }
  const imports = { import: importsFrom([seen.options.get("--base-path") ?? ".", ...seen.includePaths]) };
  if (seen.options.has("--standard-json")) {
    print(load().compile(fs.readFileSync(seen.files[0] ?? 0, "utf8"), imports));
    return 0;
  }
  if (seen.files.length === 0 && !seen.stdin) {
    process.stderr.write("solc: name a source file, or - for standard input\n");
    return 1;
  }
  const answer = JSON.parse(load().compile(JSON.stringify(standardInput(seen)), imports));
  const messages = answer.errors ?? [];
  for (const message of messages) process.stderr.write(`${message.formattedMessage}\n`);
  if (messages.some((message) => message.severity === "error")) return 1;
  print(JSON.stringify(combined(answer, wantedOutputs(seen.options))));
  return 0;
}

process.exit(main());
