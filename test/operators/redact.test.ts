import { describe, expect, it } from 'vitest';
import { alertOf } from '../sinks/shared.ts';
import { errorsOf, run } from './shared.ts';

const R = '[redacted]';
const outputs = async (yaml: string, ...texts: string[]) => {
  const { events } = await run(yaml, { alerts: texts.map((text) => alertOf('r', 'Notice', text)) });
  return events.map((event) => event.get('output'));
};

describe('the operator redact', () => {
  it('takes common secrets out of alerts', async () => {
    expect(await outputs('{ type: redact, from: in }', 'x --password=a', 'y')).toEqual([`x --password=${R}`, 'y']);
  });

  it('takes out what it is told to: the whole match, or its group', async () => {
    const yaml = "{ type: redact, from: in, patterns: ['customer=([0-9]+)', 'card [0-9]+', 'q*'] }";
    expect(await outputs(yaml, 'customer=123 and customer=45', 'card 99 x', '')).toEqual([
      `customer=${R} and customer=${R}`,
      `${R} x`,
      '',
    ]);
  });

  it('leaves common secrets where that is wanted', async () => {
    const yaml = "{ type: redact, from: in, common: false, patterns: ['zzz'] }";
    expect(await outputs(yaml, 'x --password=a zzz')).toEqual([`x --password=a ${R}`]);
  });

  it('says where a pattern is wrong', () => {
    expect(errorsOf("{ type: redact, from: in, patterns: ['a', '(b'] }")).toMatch(
      /^test\.yaml:3:\d+: error: "\(b" is no regular expression: .*missing/,
    );
  });
});
