// Stands where the Pulumi engine stands to a provider: accepts connections, starts it, and holds the other ends of its
// pipes. `node engine.cjs <provider's file>`; prints the provider's pid, and passes stdin on to it.
const { spawn } = require("node:child_process");
const { createServer } = require("node:net");

const [, , provider = ""] = process.argv;
const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const child = spawn(process.execPath, ["--import", "tsx", provider, `127.0.0.1:${port}`], {
    stdio: ["pipe", "pipe", "pipe"],
    // As the engine starts its plugins: a Ctrl-C in its terminal doesn't reach them.
    detached: true,
  });
  console.log(child.pid);
  process.stdin.pipe(child.stdin);
  child.stdout.resume();
  child.stderr.resume();
});
