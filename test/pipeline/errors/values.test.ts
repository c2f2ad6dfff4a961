import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PipelineDocument } from '../../../src/pipeline/plan/document.ts';
import { planPipeline } from '../../../src/pipeline/plan/plan.ts';
import { builtIn } from '../../../src/pipeline/plan/registry.ts';
import { scratch } from '../../scratch.ts';
import { ok, shown, THROTTLE } from './shown.ts';

describe('wrong: values', () => {
  it('one of a few words', () => {
    expect(shown(ok.replace('from: calm }', 'from: calm, format: jsn }'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:44: error: sinks.out.format must be one of text, json, not "jsn"
          out: { type: stdout, from: calm, format: jsn }
                                                   ^^^
        Did you mean "json"?
      p.yaml has an error"
    `);
  });

  it('a number instead of a word', () => {
    expect(shown(ok.replace('from: calm }', 'from: calm, format: 5 }'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:44: error: sinks.out.format must be one of text, json, not 5
          out: { type: stdout, from: calm, format: 5 }
                                                   ^
      p.yaml has an error"
    `);
  });

  it('a length of time in words', () => {
    expect(shown(ok.replace('limit: 10', 'per: 10 seconds'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:44: error: operators.calm.per: a length of time is a number and a unit (250ms, 10s, 5m, 1h, 1d), not "10 seconds"
          calm: { type: throttle, from: past, per: 10 seconds }
                                                   ^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('a length of time without its unit', () => {
    expect(shown(ok.replace('limit: 10', 'per: 10'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:44: error: operators.calm.per: a length of time is a number and a unit (250ms, 10s, 5m, 1h, 1d), not 10
          calm: { type: throttle, from: past, per: 10 }
                                                   ^^
      p.yaml has an error"
    `);
  });

  it('a size without its unit', () => {
    expect(shown(ok.replace('from: calm }', 'from: calm, queue: { size: 5 } }'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:51: error: sinks.out.queue.size: a size is a number and a unit (100B, 64KiB, 16MiB, 1GiB), not 5
          out: { type: stdout, from: calm, queue: { size: 5 } }
                                                          ^
      p.yaml has an error"
    `);
  });

  it('text instead of a number', () => {
    expect(shown(ok.replace('limit: 10', 'limit: ten'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:46: error: operators.calm.limit must be a number, not "ten"
          calm: { type: throttle, from: past, limit: ten }
                                                     ^^^
        Events that pass in one window.
      p.yaml has an error"
    `);
  });

  it('a number that is too small, and one that is not whole', () => {
    expect(shown(ok.replace('limit: 10', 'limit: -1, max_keys: 1.5'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:46: error: operators.calm.limit must be at least 0, not -1
          calm: { type: throttle, from: past, limit: -1, max_keys: 1.5 }
                                                     ^^
        Events that pass in one window.
      p.yaml:4:60: error: operators.calm.max_keys must be a whole number, not 1.5
          calm: { type: throttle, from: past, limit: -1, max_keys: 1.5 }
                                                                   ^^^
        Windows held at once; past that the oldest is forgotten, and counted.
      p.yaml has 2 errors"
    `);
  });

  it('yes and no', () => {
    expect(shown(ok.replace('from: calm }', 'from: calm, iso8601: yes }'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:45: error: sinks.out.iso8601 must be true or false, not "yes"
          out: { type: stdout, from: calm, iso8601: yes }
                                                    ^^^
        Times in text as ISO 8601 in UTC instead of the local time of day.
      p.yaml has an error"
    `);
  });

  it('a number instead of an id', () => {
    expect(shown(ok.replace('from: calm', 'from: [calm, 5]'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:37: error: sinks.out.from.1 must be text, not 5
          out: { type: stdout, from: [calm, 5] }
                                            ^
      p.yaml has an error"
    `);
  });

  it('neither text nor list', () => {
    expect(shown(ok.replace('from: calm', 'from: { calm: 1 }'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:30: error: sinks.out.from must be text or a list, not a map
          out: { type: stdout, from: { calm: 1 } }
                                     ^^^^^^^^^^^
        The id, or a list of ids, of the sources and operators it reads from.
      p.yaml has an error"
    `);
  });

  it('an empty list', () => {
    expect(shown(ok.replace('from: calm', 'from: []'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:30: error: sinks.out.from must not be empty
          out: { type: stdout, from: [] }
                                     ^^
        The id, or a list of ids, of the sources and operators it reads from.
      p.yaml has an error"
    `);
  });

  it('a component that is no map', () => {
    expect(shown(ok.replace(/out: .*/, 'out: stdout'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:8: error: sinks.out must be a map, not "stdout"
          out: stdout
               ^^^^^^
        A component is a map that has a type: \`out: { type: stdout, from: detect }\`.
      p.yaml has an error"
    `);
  });

  it('a file mode without quotes', () => {
    expect(shown(ok.replace('type: stdout', 'type: file, path: x, mode: 0640'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:37: error: sinks.out.mode: a file mode is three octal digits in quotes ("600"), not 640
          out: { type: file, path: x, mode: 0640, from: calm }
                                            ^^^^
      p.yaml has an error"
    `);
  });

  it('a rule of the component itself', () => {
    expect(shown(ok.replace(THROTTLE, 'type: map, from: past'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:9: error: operators.calm: Nothing is mapped: name fields under \`set\` or \`remove\`
          calm: { type: map, from: past }
                ^^^^^^^^^^^^^^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('everything at once', () => {
    expect(
      shown(ok.replace('[/dev/null]', 'x, ratee: 1').replace('limit: 10', 'limit: x').replace('stdout', 'stout')),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:2:35: error: Unknown key "ratee" at sources.past
          past: { type: replay, files: x, ratee: 1 }
                                          ^^^^^
        Did you mean "rate"?
      p.yaml:4:46: error: operators.calm.limit must be a number, not "x"
          calm: { type: throttle, from: past, limit: x }
                                                     ^
        Events that pass in one window.
      p.yaml:6:16: error: There is no sink of type "stout"
          out: { type: stout, from: calm }
                       ^^^^^
        Did you mean "stdout"?
      p.yaml has 3 errors"
    `);
  });

  it('where a text or a secret may stand: neither, a key misspelt, a wrong value under a key', () => {
    const http = (url: string) => shown(ok.replace('{ type: stdout', `{ type: http, url: ${url}`));
    expect(http('5')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:27: error: sinks.out.url must be text or a map, not 5
          out: { type: http, url: 5, from: calm }
                                  ^
        Where requests go. An address without a path gets the format's: \`https://loki:3100\` becomes \`…/loki/api/v1/push\`. Default: the service's, with the formats datadog and pagerduty.
      p.yaml has an error"
    `);
    expect(http('{ evn: X }')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:29: error: Unknown key "evn" at sinks.out.url
          out: { type: http, url: { evn: X }, from: calm }
                                    ^^^
        Did you mean "env"?
      p.yaml has an error"
    `);
    expect(http('{ file: 5 }')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:35: error: sinks.out.url.file must be text, not 5
          out: { type: http, url: { file: 5 }, from: calm }
                                          ^
        The file that holds it; a last line end is not part of it.
      p.yaml has an error"
    `);
    expect(http('{ file: a, env: b }')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:29: error: Unknown key "file" at sinks.out.url
          out: { type: http, url: { file: a, env: b }, from: calm }
                                    ^^^^
        Known keys: env
      p.yaml has an error"
    `);
  });

  it('an address that is none, of a server and of a proxy', () => {
    const text = ok.replace('{ type: stdout', "{ type: http, url: 'loki:3100', proxy: proxy");
    expect(shown(text)).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:27: error: url is not an address that begins with http:// or https://
          out: { type: http, url: 'loki:3100', proxy: proxy, from: calm }
                                  ^^^^^^^^^^^
      p.yaml:6:47: error: proxy is not an address that begins with http:// or https://
          out: { type: http, url: 'loki:3100', proxy: proxy, from: calm }
                                                      ^^^^^
      p.yaml has 2 errors"
    `);
  });
});

describe('wrong: files', () => {
  it('one that is not there, alone or in a list', () => {
    const message = (yaml: string, sets?: string[]) => shown(yaml, sets).split('\n')[1];
    const missing = (at: string) => `${at}: error: Cannot read /none/x: ENOENT`;
    expect(message(ok.replace('[/dev/null]', '/none/x'))).toContain(missing('p.yaml:2:32'));
    expect(message(ok.replace('[/dev/null]', '[/dev/null, /none/x]'))).toContain(missing('p.yaml:2:44'));
    expect(message(ok, ['sources.past.files.0=/none/x'])).toContain(missing('--set:1:22'));
    expect(message(ok.replace(THROTTLE, 'type: rules, from: past, files: /none/x'))).toContain(missing('p.yaml:4:43'));
  });

  const lone = (source: string) => `sources: { past: { ${source} } }\nsinks: { out: { type: stdout, from: past } }\n`;

  it('patterns, which are not taken', () => {
    expect(shown(lone('type: cloudtrail, mode: file, files: /none/*.json'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:57: error: Cannot read /none/*.json: ENOENT: no such file or directory, stat '/none/*.json'
        sources: { past: { type: cloudtrail, mode: file, files: /none/*.json } }
                                                                ^^^^^^^^^^^^
        Patterns are not taken: name the folder for all log files below it.
      p.yaml has an error"
    `);
    expect(shown(lone('type: cloudtrail, mode: file, files: [/dev/null, /none]'))).not.toContain('Patterns');
    expect(shown(lone('type: replay, files: /none/*.jsonl'))).toContain('Patterns are not taken');
  });

  it('one that may still come, as a warning', () => {
    const warnings = (yaml: string) =>
      planPipeline(PipelineDocument.parse('p.yaml', yaml), builtIn()).warnings.map(({ message }) => message);
    const log = lone('type: k8s_audit, mode: file, file: /none/audit.log');
    expect(warnings(log)).toEqual(['There is no /none/audit.log yet: it is followed once it is there']);
    expect(warnings(log.replace('/none/audit.log', '/dev/null'))).toEqual([]);
  });

  it('a pipe that is to be rotated', () => {
    const path = join(scratch(), 'pipe');
    execFileSync('mkfifo', [path]);
    const out = (more: string) => ok.replace(/out: .*/, `out: { type: file, from: calm, path: ${path}${more} }`);
    expect(shown(out(', rotate: { age: 1d }'))).toContain(
      `error: ${path} is a pipe: there is nothing of it to put aside\n`,
    );
    expect(shown(out(''))).toBe('ok');
  });

  it('a folder where a file is to be written', () => {
    const out = ok.replace(/out: .*/, 'out: { type: file, from: calm, path: /usr/lib }');
    expect(shown(out)).toContain('error: /usr/lib is a folder\n');
    expect(shown(out.replace('/usr/lib', '/dev/null'))).toBe('ok');
  });
});

it.each([
  ['>= Critical', 'Emergency, Alert, Critical'],
  ['> "error"', 'Emergency, Alert, Critical'],
  ['<= notice', 'Notice, Informational, Debug'],
  ['< Notice', 'Informational, Debug'],
])('a condition that orders the priorities of alerts: %s', (order, names) => {
  const alerts = `${ok.replace('from: past, limit: 10', 'from: severe').replace(
    'operators:',
    `operators:
  detect: { type: correlate, from: past, key: evt.type, threshold: { count: 9 }, rule: Many }
  severe: { type: filter, from: detect, condition: 'rule exists and priority ${order}' }`,
  )}`;
  expect(shown(alerts)).toContain(`Priorities have names, no numbers: priority in (${names}).`);
});

it('an empty path is none: it would be the folder of the pipeline', () => {
  const empty = ' must not be empty';
  const detect = (files: string) => ok.replace(THROTTLE, `type: rules, from: past, files: ${files}`);
  expect(shown(detect("''"))).toContain(`p.yaml:4:43: error: operators.calm.files${empty}`);
  expect(shown(detect("['']"))).toContain(`p.yaml:4:44: error: operators.calm.files.0${empty}`);
  expect(shown(ok.replace('[/dev/null]', "''"))).toContain(`sources.past.files${empty}`);
  expect(shown(`${ok}state: ''\n`)).toContain(`state${empty}`);
  expect(shown(`${ok}components: ['']\n`)).toContain(`components.0${empty}`);
  const http = (tls: string) => ok.replace('type: stdout', `type: http, url: 'https://x.example', tls: { ${tls}: '' }`);
  for (const key of ['ca', 'cert', 'key']) expect(shown(http(key))).toContain(`sinks.out.tls.${key}${empty}`);
});
