// Example receiver: node's http module and pg.  The contract is that of
// ../fastapi, whose README.md explains settings, modes and answers.

import { createHash } from "node:crypto";
import { createServer, STATUS_CODES } from "node:http";
import pg from "pg";
import { callOut, writeEffects } from "./payments.js";

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
// Every provider comes again after this one.  It is the answer where the
// extension gave none.
const BUSY_STATUS = 503;

const JSON_TYPE = "application/json";

function answer(httpStatus, body, headers = {}) {
  return { httpStatus, body: JSON.stringify(body), headers };
}

const settled = (httpStatus, status) => answer(httpStatus, { status });

// What a business step answers to a provider that reads the body.  It is
// stored with the event, and duplicates get the same.
function replied({ body, type }) {
  return { httpStatus: 200, body, headers: { "Content-Type": type } };
}

function busy(httpStatus) {
  if (settings.busyAsDone) {
    return settled(200, "already_processed");
  }
  const headers = { "Retry-After": BUSY_RETRY_AFTER };
  return answer(httpStatus, { status: "in_progress" }, headers);
}

function problem(httpStatus, code, detail) {
  const headers = { "Content-Type": "application/problem+json" };
  if (httpStatus >= 500) {
    headers["Retry-After"] = ERROR_RETRY_AFTER;
  }
  const title = STATUS_CODES[httpStatus];
  const members = { type: "about:blank", title, status: httpStatus };
  return answer(httpStatus, { ...members, detail, code }, headers);
}

const UNKNOWN_PROVIDER = "WD005";
const LOCK_NOT_AVAILABLE = "55P03";
const NOT_OWNER = "WD004";
const IN_FAILED_TRANSACTION = "25P02";

const unknownProvider = problem(
  404,
  "unknown_provider",
  "There is no such provider.",
);

const internalError = problem(
  500,
  "internal_error",
  "The event could not be processed.",
);

const noConnection = problem(
  503,
  "no_connection",
  "No connection to the database was free in time.",
);

// What the extension refuses, by SQLSTATE
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

class NoConnection extends Error {
  constructor(cause) {
    super("no connection", { cause });
    this.code = cause.code;
  }
}

async function withClient(work) {
  const client = await pool.connect().catch((error) => {
    throw new NoConnection(error);
  });
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

function inTransaction(work) {
  return withClient(async (client) => {
    await client.query("BEGIN");
    let result;
    try {
      result = await work(client);
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    }
    // COMMIT rolls a failed transaction back without an error.  Work that
    // caught the failure would therefore be taken for a success.
    const { command } = await client.query("COMMIT");
    if (command !== "COMMIT") {
      throw Object.assign(new Error(command), { code: IN_FAILED_TRANSACTION });
    }
    return result;
  });
}

// One delivery

const EVENT = `
  SELECT acquired, outcome::text, event_id, provider, dedup_key, attempt,
         hash_matches, http_status, response
  FROM `;
// The body is a Buffer, and so travels as binary: as text, its backslashes
// would be escapes.
const RECEIVE =
  EVENT +
  "wd_receive($1::text, $2::bytea, $3::jsonb, make_interval(secs => $4))";
const RECEIVE_ONCE =
  EVENT + "wd_receive_once($1::text, $2::bytea, $3::jsonb)";
const ASSERT_OWNER = "SELECT wd_assert_owner($1, $2, $3)";
const MARK_DONE = "SELECT wd_mark_done($1, $2, $3, $4::jsonb)";
const MARK_FAILED = "SELECT wd_mark_failed($1, $2, $3, $4)";
const SET_RESPONSE = "SELECT wd_set_response($1, $2, $3::jsonb)";

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

// Transaction mode: event and effects are committed together.  A concurrent
// duplicate waits in wd_receive_once for the outcome.  What fails is rolled
// back, the acquisition with it: nothing to give back.
async function inOneTransaction(delivery) {
  const [event, reply] = await inTransaction(async (client) => {
    const acquired = await acquire(client, delivery, RECEIVE_ONCE);
    if (!acquired.acquired) {
      return [acquired];
    }
    await callOut(settings, acquired, delivery.body);
    const written = await writeEffects(client, acquired, delivery.body);
    if (written) {
      const { provider, dedup_key: key } = acquired;
      await client.query(SET_RESPONSE, [provider, key, stored(written)]);
    }
    return [acquired, written];
  });
  return event.acquired
    ? answerProcessed(delivery, event, reply)
    : answerDuplicate(delivery, event);
}

// Lease mode: acquire, work anywhere, complete.
async function underLease(delivery) {
  const event = await withClient((client) =>
    acquire(client, delivery, RECEIVE, settings.leaseSeconds),
  );
  if (!event.acquired) {
    return answerDuplicate(delivery, event);
  }
  const owner = [event.provider, event.dedup_key, event.attempt];
  let reply;
  try {
    await callOut(settings, event, delivery.body);
    // The fence: if the lease ended and another delivery took the event over,
    // nothing of this transaction is committed.
    await inTransaction(async (client) => {
      await client.query(ASSERT_OWNER, owner);
      reply = await writeEffects(client, event, delivery.body);
      await client.query(MARK_DONE, [...owner, stored(reply)]);
    });
  } catch (error) {
    if (error.code !== NOT_OWNER) {
      await giveBack(delivery, event, error);
    }
    throw error;
  }
  return answerProcessed(delivery, event, reply);
}

async function acquire(client, delivery, statement, ...more) {
  const { provider, body, headers } = delivery;
  let result;
  try {
    result = await client.query(statement, [provider, body, headers, ...more]);
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

function answerProcessed(delivery, event, reply) {
  log(delivery, "WEBHOOK_PROCESSED", event, { http_status: 200 });
  return reply ? replied(complete(reply)) : settled(200, "processed");
}

const complete = (reply) => ({ type: JSON_TYPE, ...reply });

function stored(reply) {
  return reply ? JSON.stringify(complete(reply)) : null;
}

function answerDuplicate(delivery, event) {
  let result;
  let name;
  if (event.outcome === "in_progress") {
    result = busy(event.http_status);
    name = "WEBHOOK_IN_PROGRESS";
  } else if (event.outcome === "done") {
    result = event.response
      ? replied(event.response)
      : settled(event.http_status, "already_processed");
    name = "WEBHOOK_DUPLICATE";
  } else {
    result = settled(event.http_status, event.outcome);
    name = "WEBHOOK_EXHAUSTED";
  }
  log(delivery, name, event, { http_status: result.httpStatus });
  return result;
}

function answerError(delivery, error) {
  const code = errorCode(error);
  let result;
  let name;
  let outcome;
  if (error instanceof Refused) {
    result = REFUSALS[code];
    [name, outcome] = ["WEBHOOK_REJECTED", "rejected"];
  } else if (code === LOCK_NOT_AVAILABLE || code === NOT_OWNER) {
    result = busy(BUSY_STATUS);
    [name, outcome] = ["WEBHOOK_IN_PROGRESS", "in_progress"];
  } else {
    result = error instanceof NoConnection ? noConnection : internalError;
    [name, outcome] = ["WEBHOOK_FAILED", "failed"];
  }
  log(delivery, name, null, {
    outcome,
    error: code,
    http_status: result.httpStatus,
  });
  return result;
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
    const refused = problem(405, "http_error", "Method Not Allowed");
    return { ...refused, headers: { ...refused.headers, Allow: method } };
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
  try {
    const { httpStatus, body, headers } = await route(request);
    response.writeHead(httpStatus, { "Content-Type": JSON_TYPE, ...headers });
    response.end(body);
  } catch (error) {
    // The client went away while it sent.
    logEvent("REQUEST_FAILED", { error: errorCode(error) });
    response.destroy();
  }
});

server.listen(settings.port, settings.host, () => {
  logEvent("LISTENING", { host: settings.host, port: server.address().port });
});

process.on("SIGTERM", () => {
  server.close(() => pool.end());
});
