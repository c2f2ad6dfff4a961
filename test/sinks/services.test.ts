/** Formats of services against servers that check what the services check, and answer as they do. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Value } from '../../src/core/event.ts';
import type { WriteError } from '../../src/core/failure/write-error.ts';
import { type Alert, makeAlert } from '../../src/events/alert.ts';
import type { Format } from '../../src/sinks/formats/format.ts';
import { formats } from '../../src/sinks/formats/index.ts';
import { http } from '../../src/sinks/http.ts';
import type { Store } from '../../src/store/store.ts';
import { scratch } from '../scratch.ts';
import { delivered, letters, openStore } from './delivering.ts';
import { type Answer, Receiver } from './servers.ts';
import { datadog, KEY, objectsOf, pagerduty, type Request, splunk, teams } from './services.ts';
import { alertOf, never, openSink } from './shared.ts';

interface Service {
  readonly answer: (request: Request) => Answer;
  /** The options of its format that have secrets. */
  readonly secrets: readonly string[];
  /** What else a request of it has. */
  readonly path?: string;
  /** The rules of the alerts in a request. */
  readonly rules: (body: string) => string[];
}

const services: Record<string, Service> = {
  pagerduty: {
    answer: pagerduty,
    secrets: ['routing_key'],
    rules: (body) => [JSON.parse(body).payload.class],
  },
  teams: {
    answer: teams,
    secrets: [],
    path: '/workflows/1/triggers/manual/paths/invoke?sig=x',
    rules: (body) =>
      JSON.parse(body).attachments[0].content.body.map(({ items }: { items: { inlines: { text: string }[] }[] }) =>
        items[0]?.inlines[0]?.text.replace(/^\w+: /, ''),
      ),
  },
  datadog: {
    answer: datadog,
    secrets: ['api_key'],
    rules: (body) => JSON.parse(body).map(({ message }: { message: string }) => JSON.parse(message).rule),
  },
  splunk_hec: {
    answer: splunk,
    secrets: ['token'],
    rules: (body) => objectsOf(body).map((each) => JSON.parse(each).event.rule),
  },
};

let folder: string;
let receiver: Receiver;
let store: Store;
beforeEach(async () => {
  folder = scratch();
  writeFileSync(join(folder, 'key'), `${KEY}\n`);
  receiver = await Receiver.start();
  store = await openStore(folder);
});
afterEach(async () => {
  await receiver.stop();
  await store.close();
});

interface Given {
  readonly alerts?: readonly Alert[];
  readonly options?: object;
  readonly retry?: string;
}

const abc = () => ['a', 'b', 'c'].map((rule) => alertOf(rule));

function deliver(type: string, { alerts = abc(), options = {}, retry }: Given = {}) {
  const { secrets, path = '' } = services[type] as Service;
  const keys = Object.fromEntries(secrets.map((name) => [name, { file: 'key' }]));
  const sink = { url: `${receiver.url}${path}`, format: { type, ...keys, ...options } };
  return delivered({ folder, sink, alerts, retry, store });
}

describe.each(Object.entries(services))('%s', (type, { answer, secrets, path = '', rules }) => {
  it('is given what the service asks for', async () => {
    receiver.answer = answer;
    const { summary } = await deliver(type);
    expect(summary).toMatchObject({ delivered: 3, dropped: 0 });
    expect(receiver.bodies.flatMap(rules).sort()).toEqual(['a', 'b', 'c']);
  });

  it('comes again after 429, as late as the service wants it', async () => {
    receiver.answer = () => ({ status: 429, headers: { 'retry-after': '7' } });
    process.env.TEST_SERVICES_KEY = KEY;
    const keys = Object.fromEntries(secrets.map((name) => [name, { env: 'TEST_SERVICES_KEY' }]));
    const sink = await openSink(http, { url: `${receiver.url}${path}`, format: { type, ...keys } });
    const alerts = abc();
    const failure: WriteError = await sink.write(alerts, never).then(
      () => expect.unreachable(),
      (error) => error,
    );
    expect(failure).toMatchObject({ refused: [], wait: 7000 });
    expect(failure.again).toHaveLength(3);
    receiver.answer = answer;
    await sink.write(alerts, never);
    await sink.close();
    delete process.env.TEST_SERVICES_KEY;
  });

  it("one that is refused for good is a dead letter with the service's own words, and costs no other", async () => {
    receiver.answer = (request) =>
      rules(request.body).includes('b') ? { status: 400, body: '{"why":"no b here"}' } : answer(request);
    const { summary } = await deliver(type);
    expect(summary).toMatchObject({ delivered: 2, dropped: 0, dead_lettered: 1 });
    expect(await letters(store)).toEqual({ rules: ['b'], why: ['refused: status 400: {"why":"no b here"}'] });
  });

  it('keeps what a captive portal has answered in its place', async () => {
    const html = '<!DOCTYPE html>\n<title>Please log in</title>';
    receiver.answer = (request) =>
      receiver.got.length <= 2
        ? { status: 200, headers: { 'content-type': 'text/html' }, body: html }
        : answer(request);
    const { summary } = await deliver(type, { alerts: [alertOf('a')], retry: '10s' });
    expect(summary).toMatchObject({ delivered: 1, dropped: 0 });
    expect(receiver.bodies).toHaveLength(3);
    receiver.answer = () => ({ status: 200, body: html });
    await deliver(type, { alerts: [alertOf('b')] });
    const { why } = await letters(store);
    expect(why).toEqual([expect.stringMatching(/^sink_failed: the answer .*is not that of .*<title>Please log in/)]);
  });

  it('is sent in smaller parts where a request is too large', async () => {
    receiver.answer = (request) => (rules(request.body).length > 1 ? { status: 413 } : answer(request));
    expect((await deliver(type)).summary).toMatchObject({ delivered: 3, dropped: 0 });
  });

  it('is never asked to take a request that is too large, whatever many alerts are together', async () => {
    receiver.answer = answer;
    const large = Array.from({ length: 12 }, (_, n) =>
      alertOf(`r${n}`, 'Critical', 'é'.repeat(n % 2 ? 4000 : 250_000)),
    );
    const { summary } = await deliver(type, { alerts: large });
    expect(summary).toMatchObject({ delivered: 12, dropped: 0 });
    // Each came once: nothing was turned away, and tried again by halves.
    expect(receiver.bodies.flatMap(rules).sort()).toEqual(large.map(({ type }) => type).sort());
    if (type === 'datadog') expect(receiver.bodies.length).toBeLessThan(6);
  });

  it('says in what is too long that it was cut', async () => {
    receiver.answer = answer;
    const long = alertOf('a', 'Critical', 'x'.repeat(3_000_000));
    expect((await deliver(type, { alerts: [long] })).summary).toMatchObject({ delivered: 1, dropped: 0 });
    expect(receiver.bodies[0]).toMatch(/xxx… \(\d+ more characters cut\)/);
  });

  it('has valid JSON of the size that the service takes, whatever the alerts', () => {
    const format = formats.find((each) => each.type === type) as Format;
    const keys = Object.fromEntries(secrets.map((name) => [name, { env: 'KEY' }]));
    const encoder = format.create(format.options.parse(keys), () => KEY);
    fc.assert(
      fc.property(fc.array(anyAlert, { minLength: 1, maxLength: Math.min(encoder.most, 2) }), (alerts) => {
        const content = encoder.encode(alerts);
        const { status = 200, body: said } = answer({ method: 'POST', ...content, path: path || content.path });
        // All of them may be too large together: then each is sent by itself.
        if (status === 413 && alerts.length > 1) return;
        expect(status, said).toBeOneOf([200, 202]);
        expect(rules(content.body)).toHaveLength(alerts.length);
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });

  if (secrets.length === 0) return;

  describe('with a key that is wrong', () => {
    beforeEach(() => {
      writeFileSync(join(folder, 'key'), 'of-yesterday\n');
    });
    // Servers like to repeat what they were sent.
    const repeating = (request: Request) => {
      const { status, body = '' } = answer(request);
      return { status: status ?? 200, body: body.replace(/\}$/, ',"got":"of-yesterday"}') };
    };

    it('waits for another one', async () => {
      receiver.answer = (request) => {
        if (receiver.got.length === 2) writeFileSync(join(folder, 'key'), KEY);
        return repeating(request);
      };
      const { summary, said } = await deliver(type, { retry: '10s', alerts: [alertOf('a')] });
      expect(summary).toMatchObject({ delivered: 1, dropped: 0 });
      expect(receiver.got.length).toBeGreaterThan(2);
      expect(said).not.toContain('of-yesterday');
    });

    it('says so in dead letters, without the key', async () => {
      receiver.answer = repeating;
      await deliver(type, { alerts: [alertOf('a')] });
      const { why } = await letters(store);
      expect(why).toEqual([
        expect.stringMatching(
          /^sink_failed: status 40[03]: .*(key|token).*"got":"\[secret\]".* \(look at .*files of secrets are read again/i,
        ),
      ]);
    });
  });
});

// Texts that JSON makes long, and many fields: what makes an alert large.
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'binary' }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('a', '"', '\u0000', 'é', '\u{1f600}', '\ud800', ' '), fc.integer({ max: 400_000, min: 1 }))
      .map(([unit, times]) => unit.repeat(times)),
  },
);
const value: fc.Arbitrary<Value | null> = fc.oneof(
  ...[text, fc.double(), fc.bigInt(), fc.boolean(), fc.uint8Array(), fc.array(text, { maxLength: 3 })],
  fc.constant(null),
);
const many = fc
  .integer({ min: 0, max: 3000 })
  .map((count) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`field.${n}`, '\u0001'.repeat(100)])));
const outputFields = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(text, value, { maxKeys: 8 }) },
  { weight: 1, arbitrary: many },
);
const anyAlert = fc
  .record({
    rule: text,
    priority: fc.oneof(fc.constantFrom('Critical', 'Warning'), text),
    tags: fc.array(text, { maxLength: 3 }),
    hostname: text,
    output: text,
    source: fc.oneof(fc.constant('syscall'), text),
    outputFields,
  })
  .chain((content) => fc.bigInt({ min: 0n, max: 2n ** 63n }).map((time) => makeAlert(time, content)));
