// The business step: put yours in place of this one.
//
// callOut is what happens elsewhere, writeEffects what happens in this
// database, in the transaction that completes the event.

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export async function callOut(settings, event, body) {
  // For rehearsals only: a step that takes its time, or does not succeed.
  await sleep(settings.exampleStepSeconds * 1000);
  if (settings.exampleFailFile && existsSync(settings.exampleFailFile)) {
    throw new Error(`cannot process ${body}`);
  }
}

const EFFECT = `
  INSERT INTO payments_effects (provider, event_id, attempt)
  VALUES ($1, $2, $3)`;

// PayPal and Toss read nothing but the status.  A provider that reads the body
// gets it from here: return { body: "<Response/>", type: "text/xml" }.
export async function writeEffects(client, event, body) {
  await client.query(EFFECT, [event.provider, event.event_id, event.attempt]);
}
