// A release as a process of its own, for tests of traffic: `node target.cjs <colour> <mode>`. Prints its port.
//   good     answers 200
//   errors   answers every 50th request with 500: an error rate of 2 %
//   slow     takes 3 s for each request
//   sick     its health check answers 503
const { createServer } = require("node:http");

const [, , colour = "none", mode = "good"] = process.argv;
let requests = 0;

const server = createServer((request, response) => {
  response.setHeader("x-colour", colour);
  if (request.url === "/health/live") {
    response.writeHead(mode === "sick" ? 503 : 200).end();
    return;
  }
  requests += 1;
  const answer = () => response.writeHead(mode === "errors" && requests % 50 === 0 ? 500 : 200).end(colour);
  if (mode === "slow") setTimeout(answer, 3_000);
  else answer();
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" && address !== null ? address.port : "");
});
// Whoever started it holds the other end: without that nobody would stop it.
process.stdin.on("end", () => process.exit(0)).resume();
