// A release for stacks that must not get through: started as a colour's entry, it breaks as the variable FAULT says.
//   none     answers 200
//   errors   answers every 50th request with 500: an error rate of 2 %
//   slow     takes 3 s for each request
//   dies     ends after 50 requests, without a word
//   unready  never says that it is ready
//   broken   answers 500, after 1.2 s
//   told     does what the file FAULT_FILE says; nothing is wrong while there is none
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");

const { COLOUR = "", RELEASE = "", PORT = "0", FAULT = "none", FAULT_FILE = "" } = process.env;
let requests = 0;

function faultNow() {
  if (FAULT !== "told") return FAULT;
  try {
    return readFileSync(FAULT_FILE, "utf8");
  } catch {
    return "none";
  }
}

const delays = { slow: 3_000, broken: 1_200 };

const server = createServer((request, response) => {
  response.setHeader("x-colour", COLOUR);
  response.setHeader("x-release", RELEASE);
  const fault = faultNow();
  const health = request.url?.startsWith("/health") === true;
  if (health) {
    response.writeHead(request.url === "/health/ready" && fault === "unready" ? 503 : 200).end("health");
    return;
  }
  requests += 1;
  if (fault === "dies" && requests > 50) process.exit(1);
  const fails = fault === "broken" || (fault === "errors" && requests % 50 === 0);
  const answer = () => response.writeHead(fails ? 500 : 200).end(COLOUR);
  const delay = delays[/** @type {keyof typeof delays} */ (fault)];
  if (delay) setTimeout(answer, delay);
  else answer();
});
server.listen(Number(PORT), "127.0.0.1");
// In flight requests finish; nothing else keeps it.
process.on("SIGTERM", () => server.close(() => process.exit(0)));
