/** Formats of the sink `http`: their options, and answers that only one service gives. */

import { describe, expect, it } from 'vitest';
import { alerts, diagnosticsOf, failureOf, receiving } from './http-sinks.ts';
import { never } from './shared.ts';

const to = receiving();

describe('a format of a service', () => {
  const errorOf = (keys: object) =>
    diagnosticsOf(keys).map(({ message, hint }) => (hint ? `${message}. ${hint}` : message));
  const key = { env: 'TEST_HTTP_KEY' };

  it('may have an address of its own; the others say that one is missing', () => {
    expect(errorOf({ format: { type: 'pagerduty', routing_key: key } })).toEqual([]);
    expect(errorOf({ format: { type: 'datadog', api_key: key } })).toEqual([]);
    const missing = (format: string) => [`Missing key "url": the format ${format} has no address of its own`];
    expect(errorOf({ format: { type: 'splunk_hec', token: key } })).toEqual(missing('splunk_hec'));
    expect(errorOf({})).toEqual(missing('falco'));
  });

  it('says what it cannot do without, and where a secret is kept', () => {
    expect(errorOf({ format: 'pagerduty' })).toEqual([
      'The format pagerduty needs routing_key. Write format: { type: pagerduty, routing_key: … }.',
    ]);
    expect(errorOf({ format: { type: 'datadog', api_key: 'abc' } })).toEqual([
      expect.stringMatching(/^sinks.out.format.api_key: a secret does not stand in the file/),
    ]);
    expect(errorOf({ url: 'http://x', format: { type: 'teams', alerts_per_message: 9 } })).toEqual([
      expect.stringMatching(
        /alerts_per_message must be at most 4, not 9\. Alerts in one message, as many as fit into 20 kB/,
      ),
    ]);
    expect(errorOf({ url: 'http://x', format: { type: 'pagerdty' } })).toEqual([
      expect.stringMatching(/format.type must be one of .*teams, not "pagerdty"\. Did you mean "pagerduty"\?$/),
    ]);
  });

  it('says when the sink is opened that its key is missing', async () => {
    const sink = to.sinkOf({ url: undefined, format: { type: 'pagerduty', routing_key: key } });
    await expect(sink).rejects.toThrow('TEST_HTTP_KEY is not set');
  });

  it('of Splunk: what has status 200 and is no answer of a collector was not delivered', async () => {
    process.env.TEST_HTTP_KEY = 'abcd';
    const sink = await to.sinkOf({ format: { type: 'splunk_hec', token: key } });
    for (const body of ['<html>Sign in</html>', '{"text":"odd","code":9}', '']) {
      to.receiver.answer = () => ({ body });
      const failure = await failureOf(sink.write(alerts('a', 'b'), never));
      expect(failure).toMatchObject({ refused: [], again: ['a', 'b'] });
      expect(failure.message).toBe(
        `the answer with status 200 is not that of a collector (look at url and proxy): ${body}`,
      );
    }
    delete process.env.TEST_HTTP_KEY;
  });

  it('of Splunk: an index that the token may not write to is waited for, and asked about once', async () => {
    process.env.TEST_HTTP_KEY = 'abcd';
    const body = '{"text":"Incorrect index","code":7,"invalid-event-number":0}';
    to.receiver.answer = () => ({ status: 400, body });
    const sink = await to.sinkOf({ format: { type: 'splunk_hec', token: key } });
    const failure = await failureOf(sink.write(alerts('a', 'b', 'c'), never));
    expect(failure).toMatchObject({ refused: [], again: ['a', 'b', 'c'] });
    expect(failure.message).toContain(`status 400: ${body} (look at the key and the other options of its format`);
    expect(to.receiver.got).toHaveLength(1);
    delete process.env.TEST_HTTP_KEY;
  });
});
