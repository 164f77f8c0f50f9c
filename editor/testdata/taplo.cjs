// The language server that editors run, for the tests: messages of JSON-RPC as
// lines on stdin and stdout. It needs @taplo/lsp where NODE_PATH says.
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { TaploLsp } = require("@taplo/lsp");

const environment = {
  cwd: () => process.cwd(),
  envVar: (name) => (name === "RUST_LOG" ? "error" : undefined),
  envVars: () => [],
  findConfigFile: () => undefined,
  glob: () => [],
  isAbsolute: path.isAbsolute,
  now: () => new Date(),
  readFile: (name) => fs.promises.readFile(name),
  writeFile: (name, bytes) => fs.promises.writeFile(name, bytes),
  stdin: process.stdin,
  stdout: process.stderr, // stdout is for messages
  stderr: process.stderr,
  stdErrAtty: () => false,
  urlToFilePath: (url) => decodeURIComponent(new URL(url).pathname),
  fetch: {
    fetch: () => Promise.reject(new Error("nothing is fetched")),
    Headers, Request, Response,
  },
};

async function serve() {
  const onMessage = (message) => process.stdout.write(JSON.stringify(message) + "\n");
  const server = await TaploLsp.initialize(environment, { onMessage });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    server.send(JSON.parse(line));
  }
  process.exit(0);
}

serve();
