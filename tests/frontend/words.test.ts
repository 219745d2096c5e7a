import assert from "node:assert/strict";
import { test } from "node:test";
import { duration, initials, phoneNumber, toE164, when } from "../../app/frontend/lib/format.ts";
import { segments } from "../../app/frontend/lib/sms.ts";
import { laterStatus, TextsStore } from "../../app/frontend/phone/texts-store.ts";
import { backoffMs } from "../../app/frontend/softphone/phone-socket.ts";
import { expiryOf, TokenSource } from "../../app/frontend/softphone/tokens.ts";

test("durations read as clocks do and never run below zero", () => {
  assert.deepEqual([0, 7, 187, 3723, -5, 59.99].map(duration), ["0:00", "0:07", "3:07", "1:02:03", "0:00", "0:59"]);
});

test("numbers are grouped for reading and left alone when they are none", () => {
  assert.equal(phoneNumber("+15550102030"), "+1 555 010 2030");
  assert.equal(phoneNumber("+8613912345678"), "+86 139 123 456 78");
  assert.equal(phoneNumber("client:agent_7"), "client:agent_7");
  assert.equal(phoneNumber(""), "");
});

test("what people type becomes E.164 or is refused", () => {
  assert.equal(toE164("+1 (555) 010-2030"), "+15550102030");
  assert.equal(toE164("0044 20 7946 0958"), "+442079460958");
  for (const bad of ["", "555", "+0123456789", "+1555010203040506", "+1555x102030", "javascript:1"])
    assert.equal(toE164(bad), null);
});

test("times are short when near and exact when far", () => {
  const now = new Date(2026, 10, 20, 15, 0);
  assert.equal(when(new Date(2026, 10, 20, 9, 12), now, "en"), "09:12");
  assert.equal(when(new Date(2026, 10, 19, 23, 59), now, "en"), "Yesterday 23:59");
  assert.equal(when(new Date(2026, 10, 17, 9, 5), now, "en"), "Tue 09:05");
  assert.equal(when(new Date(2025, 10, 3, 9, 5), now, "en"), "Nov 3, 2025 09:05");
});

test("initials stand for names of any script", () => {
  assert.deepEqual(["Mira Chen", "Ana María da Costa", "陈美拉", "joe", "", "+1 555"].map(initials), [
    "MC",
    "AC",
    "美拉",
    "J",
    "#",
    "#",
  ]);
});

test("plain texts are counted in septets and others in characters", () => {
  assert.deepEqual(segments(""), { encoding: "GSM-7", count: 0, left: 160 });
  assert.deepEqual(segments("a".repeat(160)), { encoding: "GSM-7", count: 1, left: 0 });
  assert.deepEqual(segments("a".repeat(161)), { encoding: "GSM-7", count: 2, left: 145 });
  assert.deepEqual(segments("你".repeat(70)), { encoding: "UCS-2", count: 1, left: 0 });
  assert.deepEqual(segments("你".repeat(71)), { encoding: "UCS-2", count: 2, left: 63 });
  assert.equal(segments("[]").left, 156);
});

test("an emoji is never torn between two segments", () => {
  assert.deepEqual(segments("a".repeat(66) + "😀" + "b".repeat(10)), { encoding: "UCS-2", count: 2, left: 55 });
  assert.deepEqual(segments("a".repeat(152) + "€" + "b".repeat(10)), { encoding: "GSM-7", count: 2, left: 141 });
});

test("a text's status never moves backwards", () => {
  assert.equal(laterStatus("sending", "sent"), "sent");
  assert.equal(laterStatus("delivered", "sent"), "delivered");
  assert.equal(laterStatus("failed", "queued"), "failed");
});

test("news of an unknown text is about the oldest one that has no name yet", () => {
  const kept = new Map<string, string>();
  const store = new TextsStore("+15550102030", {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
  });
  const text = (id: string) =>
    ({ id, sid: null, direction: "out", body: id, at: 0, status: "sending", errorCode: null, media: [] }) as const;
  store.add("+15550100100", { ...text("one"), media: [] });
  store.add("+15550100100", { ...text("two"), media: [] });
  store.status("SM1", "sent", null);
  store.status("SM2", "undelivered", 30003);
  store.status("SM1", "delivered", null);
  const again = new TextsStore("+15550102030", { getItem: (key) => kept.get(key) ?? null, setItem: () => {} });
  assert.deepEqual(
    again.threads["+15550100100"]?.map(({ sid, status, errorCode }) => [sid, status, errorCode]),
    [
      ["SM1", "delivered", null],
      ["SM2", "undelivered", 30003],
    ],
  );
  assert.ok(again.has("SM2"));
});

test("reconnecting waits longer each time, up to eight seconds", () => {
  assert.equal(backoffMs(0, 1), 250);
  assert.equal(backoffMs(3, 1), 2000);
  assert.equal(backoffMs(30, 1), 8000);
  assert.equal(backoffMs(30, 0), 5600);
});

test("a token's end is read from the token itself", () => {
  const token = `x.${btoa(JSON.stringify({ exp: 1_700_000_000 }))}.y`;
  assert.equal(expiryOf(token, 0), 1_700_000_000_000);
  assert.equal(expiryOf("no token at all", 1000), 301_000);
});

test("one token serves until it is about to run out", async () => {
  let made = 0;
  const tokens = new TokenSource(async () => `x.${btoa(JSON.stringify({ exp: Date.now() / 1000 + 3600 }))}.${++made}`);
  const first = await tokens.get();
  assert.equal(await tokens.get(), first);
  tokens.stop();
  assert.notEqual(await tokens.get(), first);
  tokens.stop();
  const dying = new TokenSource(async () => `x.${btoa(JSON.stringify({ exp: Date.now() / 1000 + 10 }))}.${++made}`);
  const short = await dying.get();
  assert.notEqual(await dying.get(), short);
  dying.stop();
});
