import { describe, expect, it } from 'vitest';
import { ok, shown } from './shown.ts';

describe('wrong: what is missing or too much', () => {
  it('a type', () => {
    expect(shown(ok.replace('type: stdout, ', ''))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:3: error: Missing key "type" at sinks.out
          out: { from: calm }
          ^^^
        What it is: \`falco-pipe list\` names the types of sources, operators and sinks.
      p.yaml has an error"
    `);
  });

  it('a key that is needed', () => {
    expect(shown(ok.replace(', files: [/dev/null]', ''))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:2:3: error: Missing key "files" at sources.past
          past: { type: replay }
          ^^^^
        The file, or files one after the other: a record a line; plain or gzip.
      p.yaml has an error"
    `);
  });

  it('from', () => {
    expect(shown(ok.replace(', from: calm', ''))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:6:3: error: Missing key "from" at sinks.out
          out: { type: stdout }
          ^^^
        The id, or a list of ids, of the sources and operators it reads from.
      p.yaml has an error"
    `);
  });

  it('the sinks', () => {
    expect(shown(ok.replace(/sinks:[\s\S]*/, ''))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: Missing key "sinks"
        sources:
        ^
        Where events go, by id.
      p.yaml has an error"
    `);
  });

  it('every sink', () => {
    expect(
      shown(
        ok
          .replace(/sinks:[\s\S]*/, 'sinks: {}\n')
          .replace('operators:\n', '')
          .replace(/ {2}calm.*\n/, ''),
      ),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:2:3: error: Nothing reads from past
          past: { type: replay, files: [/dev/null] }
          ^^^^
        Connect it with \`from\`, or remove it.
      p.yaml:3:1: error: The pipeline has no sink
        sinks: {}
        ^^^^^
      p.yaml has 2 errors"
    `);
  });

  it('anything below sinks', () => {
    expect(shown(ok.replace(/sinks:[\s\S]*/, 'sinks:\n'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:5:7: error: sinks must be a map, not empty
        sinks:
              ^
        Where events go, by id.
      p.yaml has an error"
    `);
  });

  it('an empty file', () => {
    expect(shown('')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: Missing key "sources"
        
        ^
        Where events come from, by id.
      p.yaml:1:1: error: Missing key "sinks"
        
        ^
        Where events go, by id.
      p.yaml has 2 errors"
    `);
  });

  it('nothing but comments', () => {
    expect(shown('# later\n')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: Missing key "sources"
        # later
        ^
        Where events come from, by id.
      p.yaml:1:1: error: Missing key "sinks"
        # later
        ^
        Where events go, by id.
      p.yaml has 2 errors"
    `);
  });

  it('an operator that nothing reads from', () => {
    expect(shown(ok.replace('from: calm', 'from: past'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:3: error: Nothing reads from calm
          calm: { type: throttle, from: past, limit: 10 }
          ^^^^
        Connect it with \`from\`, or remove it.
      p.yaml has an error"
    `);
  });

  it('a circle', () => {
    expect(
      shown(
        ok.replace('from: past', 'from: [past, b]').replace('sinks:', '  b: { type: throttle, from: calm }\nsinks:'),
      ),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:5:30: error: The operators go in a circle: calm -> b -> calm
          b: { type: throttle, from: calm }
                                     ^^^^
        calm reads from b: p.yaml:4:40
      p.yaml has an error"
    `);
  });

  it('an operator that reads from itself', () => {
    expect(shown(ok.replace('from: past', 'from: [past, calm]'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:40: error: The operators go in a circle: calm -> calm
          calm: { type: throttle, from: [past, calm], limit: 10 }
                                               ^^^^
      p.yaml has an error"
    `);
  });

  it('a circle into which nothing comes: that nothing reads from the source is its consequence', () => {
    const circle = 'a: { type: throttle, from: c }\n  b: { type: throttle, from: a }\n  c: { type: throttle, from: b }';
    expect(shown(ok.replace(/calm: .*/, circle).replace('from: calm', 'from: c'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:5:30: error: The operators go in a circle: a -> b -> c -> a
          b: { type: throttle, from: a }
                                     ^
        c reads from b: p.yaml:6:30
        a reads from c: p.yaml:4:30
      p.yaml has an error"
    `);
  });

  it('each of two circles, before whatever else is wrong', () => {
    const circles = 'a: { type: throttle, from: [past, a, b] }\n  b: { type: throttle, from: a }';
    expect(shown(ok.replace(/calm: .*/, circles).replace('from: calm', 'from: bb'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:37: error: The operators go in a circle: a -> a
          a: { type: throttle, from: [past, a, b] }
                                            ^
      p.yaml:5:30: error: The operators go in a circle: a -> b -> a
          b: { type: throttle, from: a }
                                     ^
        a reads from b: p.yaml:4:40
      p.yaml:7:30: error: out reads from "bb", which is nowhere
          out: { type: stdout, from: bb }
                                     ^^
        Did you mean "b"?
      p.yaml has 3 errors"
    `);
  });
});

describe('with something wrong, what does not hang on it is checked all the same', () => {
  const wrong = `sources: { past: { type: replay, files: [/dev/null], emits: [syscall] } }
operators:
  a: { type: filter, from: b, condition: fd.nmae = x }
  b: { type: filter, from: a, condition: evt.num > 1 }
  lost: { type: filter, from: nowhere, condition: fd.nmae = x }
  below: { type: throttle, from: lost, key: fd.nmae }
  c: { type: filter, from: past, condition: ct.name = x }
  d: { type: throttle, from: [past, past], key: proc.nmae }
sinks: { out: { type: stdout, from: [a, below, c] }, log: { type: file, from: c, path: x, fields: 7 } }
`;
  it('of a circle, an id that is nowhere, and what is below them, just that', () => {
    const lines = shown(wrong)
      .split('\n')
      .filter((line) => line.startsWith('p.yaml'));
    expect(lines).toEqual([
      'p.yaml:9:99: error: sinks.log.fields must be a list, not 7',
      'p.yaml:4:28: error: The operators go in a circle: a -> b -> a',
      'p.yaml:5:31: error: lost reads from "nowhere", which is nowhere',
      'p.yaml:8:37: error: d reads from "past" twice',
      'p.yaml:8:49: error: "proc.nmae" is no field of syscall events',
      'p.yaml:7:45: error: On syscall events: unknown field ct.name (event source syscall)',
      'p.yaml has 6 errors',
    ]);
  });

  it('what nothing reads from', () => {
    const text = shown(
      ok.replace('sinks:', '  idle: { type: filter, from: past, condition: nothing.like = it }\nsinks:'),
    );
    expect(text).toContain('Nothing reads from idle');
    expect(text).toContain('nothing.like');
  });
});
