import { describe, expect, it } from 'vitest';
import { ok, shown, THROTTLE } from './shown.ts';

it('a pipeline without an error has nothing to say', () => {
  expect(shown(ok)).toBe('ok');
});

describe('wrong: names of keys, types and ids', () => {
  it('a key at the top', () => {
    expect(shown(ok.replace('sinks:', 'sink:'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:5:1: error: Unknown key "sink"
        sink:
        ^^^^
        Did you mean "sinks"?
      p.yaml has an error"
    `);
  });

  it('a key of a component', () => {
    expect(shown(ok.replace('limit:', 'limits:'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:39: error: Unknown key "limits" at operators.calm
          calm: { type: throttle, from: past, limits: 10 }
                                              ^^^^^^
        Did you mean "limit"?
      p.yaml has an error"
    `);
  });

  it('a key that is near to none', () => {
    expect(shown(ok.replace('limit:', 'colour:'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:39: error: Unknown key "colour" at operators.calm
          calm: { type: throttle, from: past, colour: 10 }
                                              ^^^^^^
        Known keys: limit, per, sample, key, max_keys, type, from
      p.yaml has an error"
    `);
  });

  it('a key inside a key', () => {
    expect(shown(ok.replace('from: calm }', 'from: calm, queue: { event: 5 } }'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:45: error: Unknown key "event" at sinks.out.queue
          out: { type: stdout, from: calm, queue: { event: 5 } }
                                                    ^^^^^
        Did you mean "events"?
      p.yaml has an error"
    `);
  });

  it('a key in a list of choices', () => {
    expect(
      shown(ok.replace(THROTTLE, 'type: rules, from: past, files: [], select: [{ enabel: { tag: x } }]')),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:43: error: operators.calm.files must not be empty
          calm: { type: rules, from: past, files: [], select: [{ enabel: { tag: x } }] }
                                                  ^^
        Rules files, in order: Falco's, ours, yours. A folder stands for the *.yaml and *.yml in it, by name, but for *.test.yaml.
      p.yaml:4:58: error: Unknown key "enabel" at operators.calm.select.0
          calm: { type: rules, from: past, files: [], select: [{ enabel: { tag: x } }] }
                                                                 ^^^^^^
        Did you mean "enable"?
      p.yaml has 2 errors"
    `);
  });

  it('a type', () => {
    expect(shown(ok.replace('throttle', 'throtle'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:17: error: There is no operator of type "throtle"
          calm: { type: throtle, from: past, limit: 10 }
                        ^^^^^^^
        Did you mean "throttle"?
      p.yaml has an error"
    `);
  });

  it('a type that is near to none', () => {
    expect(shown(ok.replace('throttle', 'sieve'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:17: error: There is no operator of type "sieve"
          calm: { type: sieve, from: past, limit: 10 }
                        ^^^^^
        Known types: correlate, dedupe, enrich, filter, map, redact, route, rules, throttle, watch
      p.yaml has an error"
    `);
  });

  it('a type that is a format of another, and one that is nothing', () => {
    const slack = shown(ok.replace('type: stdout', 'type: slack'));
    expect(slack).toContain('That is a format of the sink http: { type: http, format: slack, url: … }');
    const splunk = shown(ok.replace('type: stdout', 'type: splunk'));
    expect(splunk).toContain(
      'a format of the sink http: { type: http, format: { type: splunk_hec, token: … }, url: … }',
    );
    const kafka = shown(ok.replace('type: stdout', 'type: kafka'));
    expect(kafka).toMatch(/Known types: .*\bhttp\b.*; http has the formats alertmanager, .*teams$/m);
  });

  it('a type of another kind', () => {
    expect(shown(ok.replace('type: stdout', 'type: replay'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:16: error: "replay" is a source, not a sink
          out: { type: replay, from: calm }
                       ^^^^^^
        Put it under sources.
      p.yaml has an error"
    `);
  });

  it('an id', () => {
    expect(shown(ok.replace('from: calm', 'from: [past, clam]'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:37: error: out reads from "clam", which is nowhere
          out: { type: stdout, from: [past, clam] }
                                            ^^^^
        Did you mean "calm"?
      p.yaml has an error"
    `);
  });

  it('an id that is near to none', () => {
    expect(shown(ok.replace('from: calm', 'from: detect'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:30: error: out reads from "detect", which is nowhere
          out: { type: stdout, from: detect }
                                     ^^^^^^
        Ids here: past, calm
      p.yaml has an error"
    `);
  });

  it('a sink to read from', () => {
    expect(shown(ok.replace('from: past', 'from: out'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:33: error: calm reads from "out", which is a sink
          calm: { type: throttle, from: out, limit: 10 }
                                        ^^^
      p.yaml has an error"
    `);
  });

  it('what no key of a map may be called, wherever it stands', () => {
    const text = ok.replace('past:', '__proto__:').replace('limit: 10', '__proto__: 10');
    expect(shown(text, ['sinks.__proto__.type=stdout'])).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:2:3: error: "__proto__" cannot be a key
          __proto__: { type: replay, files: [/dev/null] }
          ^^^^^^^^^
        Give it another name.
      p.yaml:4:39: error: "__proto__" cannot be a key
          calm: { type: throttle, from: past, __proto__: 10 }
                                              ^^^^^^^^^
        Give it another name.
      p.yaml has 2 errors"
    `);
    expect(shown(ok, ['sinks.__proto__.type=stdout'])).toMatchInlineSnapshot(`
      "exit 2
      --set:1:1: error: "__proto__" cannot be a key
        sinks.__proto__.type=stdout
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('an id with a blank, and one that is a number', () => {
    expect(shown(ok.replace('out:', 'my out:').replace('calm:', '7:'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:3: error: "7" cannot be an id
          7: { type: throttle, from: past, limit: 10 }
          ^
        An id begins with a letter and has letters, digits, _ and - only
      p.yaml:6:3: error: "my out" cannot be an id
          my out: { type: stdout, from: calm }
          ^^^^^^
        An id begins with a letter and has letters, digits, _ and - only
      p.yaml has 2 errors"
    `);
  });

  it('an id that is taken', () => {
    expect(shown(ok.replace('calm: {', 'past: {').replace('from: calm', 'from: past'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:3: error: The id "past" is taken already, in sources
          past: { type: throttle, from: past, limit: 10 }
          ^^^^
        Give it another one.
      p.yaml has an error"
    `);
  });

  it('the same origin twice', () => {
    expect(shown(ok.replace('from: calm', 'from: [calm, calm]'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:37: error: out reads from "calm" twice
          out: { type: stdout, from: [calm, calm] }
                                            ^^^^
      p.yaml has an error"
    `);
  });
});
