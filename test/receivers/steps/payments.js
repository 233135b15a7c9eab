// payments.py, for the other receiver.

import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export async function callOut(settings, event, body) {
  const orders = JSON.parse(body);
  while (orders.wait_for && !existsSync(orders.wait_for)) {
    await sleep(20);
  }
}

export async function writeEffects(client, event, body) {
  const orders = JSON.parse(body);
  await client.query(
    `INSERT INTO payments_effects (provider, event_id, attempt)
     VALUES ($1, $2, $3)`,
    [event.provider, event.event_id, event.attempt],
  );
  if (orders.catch) {
    await client.query("SELECT 1 / 0").catch(() => {});
  }
  return orders.reply;
}
