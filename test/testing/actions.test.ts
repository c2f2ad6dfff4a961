/** What surrounds the actions of `falco-pipe generate`: the receiver of alerts, and the order and pace of actions. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Arrivals } from '../../src/testing/actions/arrivals.ts';
import { type ForeignAlert, Receiver } from '../../src/testing/actions/receiver.ts';
import { repeat } from '../../src/testing/actions/repeat.ts';

const never = new AbortController().signal;

describe('alerts that are received', () => {
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await Receiver.listen('http://127.0.0.1:0/alerts');
  });
  afterAll(() => receiver.close());

  async function post(body: string, method = 'POST'): Promise<{ status: number; alerts: readonly ForeignAlert[] }> {
    const watch = receiver.watch();
    const response = await fetch(`http://127.0.0.1:${receiver.port}/any`, method === 'GET' ? {} : { method, body });
    watch.close();
    return { status: response.status, alerts: watch.alerts };
  }

  const time = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  test.each<[string, string, Partial<ForeignAlert>[]]>([
    ['one', '{"rule":"R"}', [{ rule: 'R', time: undefined, ids: [] }]],
    ['one over several lines', '{\n"rule": "R"\n}\n', [{ rule: 'R' }]],
    ['a list', '[{"rule":"A"},{"rule":"B"}]', [{ rule: 'A' }, { rule: 'B' }]],
    ['one a line', '{"rule":"A"}\n{"rule":"B"}\n', [{ rule: 'A' }, { rule: 'B' }]],
    ['nanoseconds', '{"rule":"R","time":"2026-01-02T03:04:05.678901234Z"}', [{ rule: 'R', time }]],
    ['a time of day, of which day is not said', '{"rule":"R","time":"03:04:05.678901234"}', [{ time: undefined }]],
    [
      'an environment',
      '{"rule":"R","output_fields":{"evt.time":1,"user":null,"proc.env":"FALCO_PIPE_TEST=17/leaf A=FALCO"}}',
      [{ ids: ['17'] }],
    ],
    ['one variable', '{"rule":"R","output_fields":{"proc.env[FALCO_PIPE_TEST]":"3/leaf/idle"}}', [{ ids: ['3'] }]],
  ])('%s', async (_what, body, expected) => {
    const { status, alerts } = await post(body);
    expect(alerts).toMatchObject(expected);
    expect(alerts).toHaveLength(expected.length);
    expect(status).toBe(200);
  });

  test.each([
    ['no JSON', 'alert!', 400],
    ['no alert', '{"output":"x"}', 400],
    ['nothing', '', 400],
    ['partly none', '[{"rule":"R"},{}]', 400],
  ])('what is none is refused, and counted: %s', async (_what, body, status) => {
    const { refused } = receiver;
    expect(await post(body)).toEqual({ status, alerts: [] });
    expect(receiver.refused).toBe(refused + 1);
  });

  test('a question is none either', async () => {
    expect(await post('', 'GET')).toEqual({ status: 405, alerts: [] });
  });

  test('one is waited for: it is there, it comes, it does not come, nobody waits any more', async () => {
    const watch = receiver.watch();
    const isB = ({ rule }: ForeignAlert) => rule === 'B';
    const waiting = watch.until(isB, 30_000, never);
    await post('[{"rule":"A"}]');
    await post('[{"rule":"B"}]');
    expect(await waiting).toBe(true);
    expect(await watch.until(isB, 30_000, never)).toBe(true);
    expect(await watch.until(({ rule }) => rule === 'C', 1, never)).toBe(false);
    expect(await watch.until(({ rule }) => rule === 'C', 30_000, AbortSignal.abort())).toBe(false);
    watch.close();
    await post('[{"rule":"C"}]');
    expect(watch.alerts.map(({ rule }) => rule)).toEqual(['A', 'B']);
  });

  test('an address that is taken is said', async () => {
    const url = `http://127.0.0.1:${receiver.port}`;
    await expect(Receiver.listen(url)).rejects.toThrow(`Cannot listen at ${url}: `);
  });

  test.each(['https://127.0.0.1:1', 'http://example.com:1', 'http://0.0.0.0:1', 'file:///x', '::'])(
    'it listens on loopback only: %s',
    async (url) => {
      await expect(Receiver.listen(url)).rejects.toThrow('--against takes an http URL of this machine');
    },
  );
});

describe('the order of actions', () => {
  const order = (log: string[], name: string, value = true) => {
    log.push(`begin ${name}`);
    return new Promise<boolean>((resolve) => setTimeout(resolve, 1, value)).finally(() => log.push(`end ${name}`));
  };

  test('one after another', async () => {
    const log: string[] = [];
    await repeat(['a', 'b'], { rate: undefined, loop: false, signal: never }, (name) => order(log, name));
    expect(log).toEqual(['begin a', 'end a', 'begin b', 'end b']);
  });

  test('at a rate the slow ones are not waited for, but no more than 16 at once', async () => {
    let [running, most, begun] = [0, 0, 0];
    const items = Array.from({ length: 60 }, (_, index) => index);
    const ends: (() => void)[] = [];
    await repeat(items, { rate: 1000, loop: false, signal: never }, async () => {
      begun++;
      most = Math.max(most, ++running);
      // The first ones end when there is no room for another.
      if (begun >= 16) for (const end of ends.splice(0)) end();
      else await new Promise<void>((resolve) => void ends.push(resolve));
      running--;
      return true;
    });
    expect({ begun, most }).toEqual({ begun: 60, most: 16 });
  });

  test('over and over, but what is of no use once only; a signal ends it, and what runs is waited for', async () => {
    const log: string[] = [];
    const stop = new AbortController();
    await repeat(['a', 'no', 'b'], { rate: undefined, loop: true, signal: stop.signal }, (name) => {
      if (log.length >= 12) stop.abort();
      return order(log, name, name !== 'no');
    });
    expect(log.filter((each) => each === 'begin no')).toHaveLength(1);
    expect(log.filter((each) => each === 'begin a').length).toBeGreaterThanOrEqual(2);
    expect(log.at(-1)).toMatch(/^end/);
  });

  test('a loop in which nothing is of use ends', async () => {
    await repeat(['a', 'b'], { rate: 1000, loop: true, signal: never }, async () => false);
  });

  test('an error ends it, and is told', async () => {
    const failing = repeat(['a', 'b'], { rate: undefined, loop: true, signal: never }, async () => {
      throw new Error('broken');
    });
    await expect(failing).rejects.toThrow('broken');
  });
});

describe('alerts under load', () => {
  const alert = (rule: string, ...ids: string[]): ForeignAlert => ({ rule, time: undefined, ids });

  test('each action has its own, whatever their order; those of others do not count, nor a second one', async () => {
    const arrivals = new Arrivals();
    for (const id of ['1', '2', '3']) arrivals.begun('A', id);
    arrivals.begun('B', '4');
    for (const each of [alert('A', '3'), alert('B', '1'), alert('C', '4'), alert('A', '3'), alert('A', '1')])
      arrivals.add(each);
    expect(arrivals.came).toBe(2);
    expect([...arrivals.missing]).toEqual([
      ['A', 1],
      ['B', 1],
    ]);
  });

  test('those that do not say of which action they are count once for each', () => {
    const arrivals = new Arrivals();
    for (const id of ['1', '2']) arrivals.begun('A', id);
    for (let index = 0; index < 5; index++) arrivals.add(alert('A'));
    expect([arrivals.came, arrivals.missing.size]).toEqual([2, 0]);
  });

  test('an action that was not performed does not count, nor does its alert', () => {
    const arrivals = new Arrivals();
    for (const id of ['1', '2']) arrivals.begun('A', id);
    arrivals.add(alert('A', '1'));
    for (const id of ['1', '2']) arrivals.undone('A', id);
    expect([arrivals.came, arrivals.missing.size]).toEqual([0, 0]);
  });

  test('they are waited for as long as some come', async () => {
    const arrivals = new Arrivals();
    await arrivals.all(30_000);
    for (const id of ['1', '2']) arrivals.begun('A', id);
    const all = arrivals.all(30_000);
    arrivals.add(alert('A', '1'));
    await Promise.resolve();
    arrivals.add(alert('A', '2'));
    await all;
    arrivals.begun('A', '3');
    await arrivals.all(1);
    expect([arrivals.came, arrivals.missing.get('A')]).toEqual([2, 1]);
  });
});
