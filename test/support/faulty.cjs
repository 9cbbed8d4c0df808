// A release for stacks that must not get through: started as a colour's entry, it breaks as the variable FAULT says.
//   none     answers 200
//   errors   answers every 50th request with 500: an error rate of 2 %
//   slow     takes 3 s for each request
//   dies     ends after 50 requests, without a word
//   unready  never says that it is ready
const { createServer } = require("node:http");

const { COLOUR = "", RELEASE = "", PORT = "0", FAULT = "none" } = process.env;
let requests = 0;

const server = createServer((request, response) => {
  response.setHeader("x-colour", COLOUR);
  response.setHeader("x-release", RELEASE);
  const health = request.url?.startsWith("/health") === true;
  if (health) {
    response.writeHead(request.url === "/health/ready" && FAULT === "unready" ? 503 : 200).end("health");
    return;
  }
  requests += 1;
  if (FAULT === "dies" && requests > 50) process.exit(1);
  const answer = () => response.writeHead(FAULT === "errors" && requests % 50 === 0 ? 500 : 200).end(COLOUR);
  if (FAULT === "slow") setTimeout(answer, 3_000);
  else answer();
});
server.listen(Number(PORT), "127.0.0.1");
// In flight requests finish; nothing else keeps it.
process.on("SIGTERM", () => server.close(() => process.exit(0)));
