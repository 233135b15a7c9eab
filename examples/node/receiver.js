// Example receiver: node's http module and pg.  The contract is that of
// ../fastapi, whose README.md explains settings, modes and answers.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer, STATUS_CODES } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

// Settings

const env = process.env;

const RULES_NAME = /^[A-Za-z0-9_.-]{1,63}$/;
const SCOPED_NAME = /^[A-Za-z0-9_.-]{1,63}\/[A-Za-z0-9_.-]{1,64}$/;

const settings = {
  host: env.HOST || "127.0.0.1",
  port: number("PORT", 8000),
  mode: mode("WEBHOOK_MODE", "lease"),
  scopes: scopes("WEBHOOK_SCOPES"),
  leaseSeconds: number("WEBHOOK_LEASE_SECONDS", null),
  lockTimeoutMs: number("WEBHOOK_LOCK_TIMEOUT_MS", 5000),
  busyAsDone: env.WEBHOOK_BUSY_AS_DONE === "1",
  maxBodyBytes: number("WEBHOOK_MAX_BODY_BYTES", 1024 * 1024),
  poolSize: number("WEBHOOK_POOL_SIZE", 10),
  poolTimeoutSeconds: number("WEBHOOK_POOL_TIMEOUT_SECONDS", 5),
  exampleStepSeconds: number("EXAMPLE_STEP_SECONDS", 0),
  exampleFailFile: env.EXAMPLE_FAIL_FILE || "",
};
const providerModes = {
  paypal: mode("WEBHOOK_MODE_PAYPAL", settings.mode),
  toss: mode("WEBHOOK_MODE_TOSS", settings.mode),
};

function mode(name, otherwise) {
  const value = env[name] || otherwise;
  if (value !== "lease" && value !== "transaction") {
    throw new Error(`${name} must be "lease" or "transaction"`);
  }
  return value;
}

function scopes(name) {
  const values = (env[name] ?? "").split(",").map((value) => value.trim());
  const listed = values.filter((value) => value);
  if (!listed.every((scope) => SCOPED_NAME.test(scope))) {
    throw new Error(`${name} must be like paypal/eu-shop,paypal/us-shop`);
  }
  return new Set(listed);
}

function number(name, otherwise) {
  if (!env[name]) {
    return otherwise;
  }
  const value = Number(env[name]);
  if (!(value >= 0 && value < 2 ** 31)) {
    throw new Error(`${name} must be a number between 0 and ${2 ** 31 - 1}`);
  }
  return value;
}

// Log: one JSON object a line.  Never a body, a header, a key, or the text of
// an error, which may quote them.

function logEvent(event, fields) {
  const record = { time: new Date().toISOString(), event, ...fields };
  process.stdout.write(JSON.stringify(record) + "\n");
}

function errorCode(error) {
  return String(error?.code ?? error?.constructor?.name ?? "unknown");
}

// Answers

const BUSY_RETRY_AFTER = "10";
const ERROR_RETRY_AFTER = "60";
// Tells every provider to come again; used where wd_receive gave no answer.
const BUSY_STATUS = 503;

const settled = (httpStatus, status) => ({ httpStatus, body: { status } });

function busy(httpStatus) {
  if (settings.busyAsDone) {
    return settled(200, "already_processed");
  }
  return {
    httpStatus,
    body: { status: "in_progress" },
    headers: { "Retry-After": BUSY_RETRY_AFTER },
  };
}

function problem(httpStatus, code, detail) {
  const headers = { "Content-Type": "application/problem+json" };
  if (httpStatus >= 500) {
    headers["Retry-After"] = ERROR_RETRY_AFTER;
  }
  const title = STATUS_CODES[httpStatus];
  return {
    httpStatus,
    body: { type: "about:blank", title, status: httpStatus, detail, code },
    headers,
  };
}

const UNKNOWN_PROVIDER = "WD005";
const LOCK_NOT_AVAILABLE = "55P03";
const NOT_OWNER = "WD004";

const unknownProvider = problem(
  404,
  "unknown_provider",
  "There is no such provider.",
);

// What wd_receive refuses, by SQLSTATE
const REFUSALS = {
  "22P02": problem(400, "invalid_json", "The body is not valid JSON."),
  54000: problem(400, "over_limit", "The body exceeds a limit."),
  WD001: problem(
    400,
    "no_key",
    "Neither body nor headers identify the event.",
  ),
  WD002: problem(
    401,
    "invalid_signature",
    "The signature is missing or wrong.",
  ),
  WD003: problem(
    401,
    "stale_signature",
    "The timestamp is outside the tolerance.",
  ),
  [UNKNOWN_PROVIDER]: unknownProvider,
  // a name that no provider can have
  22023: unknownProvider,
};

// Database; pg reads PGHOST, PGDATABASE, PGUSER and so on.

const pool = new pg.Pool({
  max: settings.poolSize,
  connectionTimeoutMillis: settings.poolTimeoutSeconds * 1000,
  lock_timeout: settings.lockTimeoutMs,
});
// Without a listener, a lost connection ends the process.
pool.on("error", logLostConnection);

function logLostConnection(error) {
  logEvent("DATABASE_CONNECTION_LOST", { error: errorCode(error) });
}

async function withClient(work) {
  const client = await pool.connect();
  let lost;
  const onError = (error) => {
    lost = error;
    logLostConnection(error);
  };
  client.on("error", onError);
  try {
    return await work(client);
  } finally {
    client.off("error", onError);
    client.release(lost);
  }
}

async function inTransaction(client, work) {
  await client.query("BEGIN");
  let result;
  try {
    result = await work();
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
  await client.query("COMMIT");
  return result;
}

// The business step: put yours in place of this one.  callOut is what happens
// elsewhere, writeEffects what happens in the transaction that completes the
// event.

async function callOut(body) {
  // For rehearsals only: a step that takes its time, or does not succeed.
  await sleep(settings.exampleStepSeconds * 1000);
  if (settings.exampleFailFile && existsSync(settings.exampleFailFile)) {
    throw new Error(`cannot process ${body}`);
  }
}

const EFFECT = `
  INSERT INTO payments_effects (provider, event_id, attempt)
  VALUES ($1, $2, $3)`;

async function writeEffects(client, event) {
  await client.query(EFFECT, [event.provider, event.event_id, event.attempt]);
}

// One delivery

const RECEIVE = `
  SELECT acquired, outcome::text, event_id, provider, dedup_key, attempt,
         hash_matches, http_status
  FROM wd_receive($1::text, $2::bytea, $3::jsonb, make_interval(secs => $4))`;
const ASSERT_OWNER = "SELECT wd_assert_owner($1, $2, $3)";
const MARK_DONE = "SELECT wd_mark_done($1, $2, $3)";
const MARK_FAILED = "SELECT wd_mark_failed($1, $2, $3, $4)";

const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"];

class Refused extends Error {
  constructor(sqlstate) {
    super(sqlstate);
    this.code = sqlstate;
  }
}

async function receive(provider, body, headers) {
  const accepted = accepts(provider);
  const delivery = {
    provider: accepted ? provider : "",
    body,
    headers: headersJson(headers),
    payloadHash: createHash("sha256").update(body).digest("hex"),
  };
  log(delivery, "WEBHOOK_RECEIVED");
  try {
    if (!accepted) {
      throw new Refused(UNKNOWN_PROVIDER);
    }
    return modeOf(provider) === "transaction"
      ? await inOneTransaction(delivery)
      : await underLease(delivery);
  } catch (error) {
    return answerError(delivery, error);
  }
}

// Whether the name may go on to the extension, which knows the rules.  Each
// scope is a ledger of its own: if a sender could invent one, it could have an
// event that it captured processed once more.
function accepts(provider) {
  return settings.scopes.has(provider) || RULES_NAME.test(provider);
}

function modeOf(provider) {
  return providerModes[provider.split("/", 1)[0]] ?? settings.mode;
}

// Lease mode: acquire, work anywhere, complete.
async function underLease(delivery) {
  const event = await withClient((client) => acquire(client, delivery));
  if (!event.acquired) {
    return answerDuplicate(delivery, event);
  }
  const owner = [event.provider, event.dedup_key, event.attempt];
  try {
    await callOut(delivery.body);
    // The fence: if the lease ended and another delivery took the event over,
    // nothing of this transaction is committed.
    await withClient((client) =>
      inTransaction(client, async () => {
        await client.query(ASSERT_OWNER, owner);
        await writeEffects(client, event);
        await client.query(MARK_DONE, owner);
      }),
    );
  } catch (error) {
    if (error.code !== NOT_OWNER) {
      await giveBack(delivery, event, error);
    }
    throw error;
  }
  return answerProcessed(delivery, event);
}

// Transaction mode: event and effects are committed together.  A concurrent
// duplicate waits in wd_receive.  What fails is rolled back, the acquisition
// with it.
async function inOneTransaction(delivery) {
  const event = await withClient((client) =>
    inTransaction(client, async () => {
      const acquired = await acquire(client, delivery);
      if (acquired.acquired) {
        await callOut(delivery.body);
        await writeEffects(client, acquired);
        await client.query(MARK_DONE, [
          acquired.provider,
          acquired.dedup_key,
          acquired.attempt,
        ]);
      }
      return acquired;
    }),
  );
  return event.acquired
    ? answerProcessed(delivery, event)
    : answerDuplicate(delivery, event);
}

async function acquire(client, delivery) {
  let result;
  try {
    result = await client.query(RECEIVE, [
      delivery.provider,
      delivery.body,
      delivery.headers,
      settings.leaseSeconds,
    ]);
  } catch (error) {
    // Only here: the same SQLSTATE from a business step is no refusal.
    throw error.code in REFUSALS ? new Refused(error.code) : error;
  }
  const event = result.rows[0];
  if (event.acquired) {
    log(delivery, "WEBHOOK_ACQUIRED", event);
  }
  return event;
}

// Let the next delivery have the event without waiting.
async function giveBack(delivery, event, error) {
  try {
    await pool.query(MARK_FAILED, [
      event.provider,
      event.dedup_key,
      event.attempt,
      errorCode(error),
    ]);
  } catch (second) {
    // The lease ends by itself.
    log(delivery, "WEBHOOK_NOT_GIVEN_BACK", event, {
      error: errorCode(second),
    });
  }
}

function answerProcessed(delivery, event) {
  log(delivery, "WEBHOOK_PROCESSED", event, { http_status: 200 });
  return settled(200, "processed");
}

function answerDuplicate(delivery, event) {
  let answer;
  let name;
  if (event.outcome === "in_progress") {
    answer = busy(event.http_status);
    name = "WEBHOOK_IN_PROGRESS";
  } else if (event.outcome === "done") {
    answer = settled(event.http_status, "already_processed");
    name = "WEBHOOK_DUPLICATE";
  } else {
    answer = settled(event.http_status, event.outcome);
    name = "WEBHOOK_EXHAUSTED";
  }
  log(delivery, name, event, { http_status: answer.httpStatus });
  return answer;
}

function answerError(delivery, error) {
  const code = errorCode(error);
  let answer;
  let name;
  let outcome;
  if (error instanceof Refused) {
    answer = REFUSALS[code];
    [name, outcome] = ["WEBHOOK_REJECTED", "rejected"];
  } else if (code === LOCK_NOT_AVAILABLE || code === NOT_OWNER) {
    answer = busy(BUSY_STATUS);
    [name, outcome] = ["WEBHOOK_IN_PROGRESS", "in_progress"];
  } else {
    answer = problem(
      500,
      "internal_error",
      "The event could not be processed.",
    );
    [name, outcome] = ["WEBHOOK_FAILED", "failed"];
  }
  log(delivery, name, null, {
    outcome,
    error: code,
    http_status: answer.httpStatus,
  });
  return answer;
}

function log(delivery, name, event, fields) {
  logEvent(name, {
    provider: delivery.provider,
    payload_hash: delivery.payloadHash,
    payload_size: delivery.body.length,
    ...(event && {
      outcome: event.outcome,
      event_id: Number(event.event_id),
      attempt: event.attempt,
      hash_matches: event.hash_matches,
    }),
    ...fields,
  });
}

// No provider's event is identified by credentials: they need not travel on.
function headersJson(headers) {
  const wanted = Object.entries(headers).filter(
    ([name]) => !CREDENTIALS.includes(name),
  );
  return JSON.stringify(Object.fromEntries(wanted));
}

// HTTP

// The body as it came, null if it is too long: read to its end even so, since
// a sender that is cut off does not see the answer.
async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= settings.maxBodyBytes) {
      chunks.push(chunk);
    }
  }
  return size <= settings.maxBodyBytes ? Buffer.concat(chunks) : null;
}

async function healthz() {
  try {
    await pool.query("SELECT 1");
    return settled(200, "ok");
  } catch {
    return problem(503, "no_database", "The database does not answer.");
  }
}

async function route(request) {
  const path = request.url.split("?", 1)[0];
  const webhook = path.match(/^\/webhooks\/(.+)$/);
  if (path !== "/healthz" && !webhook) {
    return problem(404, "http_error", "Not Found");
  }
  const method = webhook ? "POST" : "GET";
  if (request.method !== method) {
    const answer = problem(405, "http_error", "Method Not Allowed");
    return { ...answer, headers: { ...answer.headers, Allow: method } };
  }
  if (!webhook) {
    return healthz();
  }
  const body = await readBody(request);
  if (body === null) {
    return problem(413, "too_large", "The body is longer than allowed.");
  }
  return receive(webhook[1], body, request.headersDistinct);
}

const server = createServer(async (request, response) => {
  let answer;
  try {
    answer = await route(request);
  } catch (error) {
    // The client went away while it sent.
    logEvent("REQUEST_FAILED", { error: errorCode(error) });
    response.destroy();
    return;
  }
  response.writeHead(answer.httpStatus, {
    "Content-Type": "application/json",
    ...answer.headers,
  });
  response.end(JSON.stringify(answer.body));
});

server.listen(settings.port, settings.host, () => {
  logEvent("LISTENING", { host: settings.host, port: server.address().port });
});

process.on("SIGTERM", () => {
  server.close(() => pool.end());
});
