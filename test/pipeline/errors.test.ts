import { describe, expect, it } from 'vitest';
import { shown } from './shown.ts';

const ok = `sources:
  past: { type: replay, files: [/dev/null] }
operators:
  calm: { type: throttle, from: past, limit: 10 }
sinks:
  out: { type: stdout, from: calm }
`;
const THROTTLE = 'type: throttle, from: past, limit: 10';

/** Nine levels of nine aliases each. */
function bomb(): string {
  const letters = [...'abcdefghi'];
  const level = (letter: string, index: number) =>
    `${letter}: &${letter} [${Array(9).fill(index === 0 ? 'x' : `*${letters[index - 1]}`)}]\n`;
  return letters.map(level).join('');
}

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
        Rules files, in order: Falco's, ours, yours.
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
        The file, or files one after the other: a record a line; gzip when the name ends in .gz.
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
      p.yaml:4:33: error: The operators go in a circle: calm -> b -> calm
          calm: { type: throttle, from: [past, b], limit: 10 }
                                        ^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('an operator that reads from itself', () => {
    expect(shown(ok.replace('from: past', 'from: [past, calm]'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:33: error: The operators go in a circle: calm -> calm
          calm: { type: throttle, from: [past, calm], limit: 10 }
                                        ^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });
});

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
        Where requests go. An address without a path gets the format's: \`https://loki:3100\` becomes \`…/loki/api/v1/push\`.
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

describe('wrong: YAML', () => {
  it('a list instead of a map', () => {
    expect(shown('- a\n- b\n')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: A pipeline file must be a map, not a list
        - a
        ^^^
      p.yaml has an error"
    `);
  });

  it('a bracket that is not closed', () => {
    expect(shown(ok.replace('limit: 10 }', 'limit: 10'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:5:1: error: Flow map in block collection must be sufficiently indented and end with a }
        sinks:
        ^
        Is a { or [ above still open? The keys of one map begin in the same column.
      p.yaml has an error"
    `);
  });

  it('a colon in a text', () => {
    expect(
      shown(ok.replace('limit: 10', 'limit: 10').replace('[/dev/null] }', 'x }').replace('past: {', 'past: a: {')),
    ).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:2:9: error: A value ends here and another begins
          past: a: { type: replay, files: x }
                ^
        Quote a text with ": " in it; put the keys of one map in the same column.
      p.yaml has an error"
    `);
  });

  it('a key without a colon', () => {
    expect(shown(ok.replace('sinks:', 'sinks'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:5:1: error: This key has no colon
        sinks
        ^^^^^
        Write key: value.
      p.yaml has an error"
    `);
  });

  it('a key that stands twice', () => {
    expect(shown(ok.replace('limit: 10', 'limit: 10, limit: 11'))).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:4:50: error: The key "limit" stands twice in this map
          calm: { type: throttle, from: past, limit: 10, limit: 11 }
                                                         ^^^^^
        Keep one of them.
      p.yaml has an error"
    `);
  });

  it('tabs', () => {
    expect(shown('sources:\n\tpast: { type: replay }\n')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:2:1: error: This line is indented with a tab
         past: { type: replay }
        ^
        Indent with spaces.
      p.yaml has an error"
    `);
  });

  it('a second document', () => {
    expect(shown(`${ok}---\n${ok}`)).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:7:1: error: A second document begins here
        ---
        ^^^
        A pipeline file has one; give each pipeline a file of its own.
      p.yaml has an error"
    `);
  });

  it('an alias without its anchor', () => {
    expect(shown('sources: *all\n')).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:10: error: There is no anchor &all above this alias
        sources: *all
                 ^^^^
        A text that begins with * must be quoted.
      p.yaml has an error"
    `);
  });

  it('aliases that blow up', () => {
    expect(shown(bomb())).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: Its aliases (*name) expand to more than can be read: Excessive alias count indicates a resource exhaustion attack
        a: &a [x,x,x,x,x,x,x,x,x]
        ^
      p.yaml has an error"
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
});

describe('wrong: --set', () => {
  it('a value', () => {
    expect(shown(ok, ['sinks.out.format=jsn'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:18: error: sinks.out.format must be one of text, json, not "jsn"
        sinks.out.format=jsn
                         ^^^
        Did you mean "json"?
      p.yaml has an error"
    `);
  });

  it('a key', () => {
    expect(shown(ok, ['sinks.out.formt=json'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:1: error: Unknown key "formt" at sinks.out
        sinks.out.formt=json
        ^^^^^^^^^^^^^^^
        Did you mean "format"?
      p.yaml has an error"
    `);
  });

  it('an id', () => {
    expect(shown(ok, ['sinks.uot.format=json'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:1: error: Missing key "type" at sinks.uot
        sinks.uot.format=json
        ^^^^^^^^^^^^^^^^
        What it is: \`falco-pipe list\` names the types of sources, operators and sinks.
      p.yaml has an error"
    `);
  });

  it('a type', () => {
    expect(shown(ok, ['sinks.out.type=fil'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:16: error: There is no sink of type "fil"
        sinks.out.type=fil
                       ^^^
        Did you mean "file"?
      p.yaml has an error"
    `);
  });

  it('the last one counts', () => {
    expect(shown(ok, ['operators.calm.limit=x', 'operators.calm.limit=-1'])).toMatchInlineSnapshot(`
      "exit 78
      --set:2:22: error: operators.calm.limit must be at least 0, not -1
        operators.calm.limit=-1
                             ^^
        Events that pass in one window.
      p.yaml has an error"
    `);
  });

  it('a value inside a map that was set', () => {
    expect(shown(ok, ['operators.calm={type: throttle, from: past, limit: ten}'])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:16: error: operators.calm.limit must be a number, not "ten"
        operators.calm={type: throttle, from: past, limit: ten}
                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        Events that pass in one window.
      p.yaml has an error"
    `);
  });

  it('an element of a list', () => {
    expect(shown(ok, ['sources.past.files=[a, b]', 'sources.past.files.1=5'])).toMatchInlineSnapshot(`
      "exit 78
      --set:2:22: error: sources.past.files.1 must be text, not 5
        sources.past.files.1=5
                             ^
      p.yaml has an error"
    `);
  });

  it('nothing at all', () => {
    expect(shown(ok, ['sinks.out.format='])).toMatchInlineSnapshot(`
      "exit 78
      --set:1:18: error: sinks.out.format must be one of text, json, not empty
        sinks.out.format=
                         ^
      p.yaml has an error"
    `);
  });

  it('no equals sign', () => {
    expect(shown(ok, ['sinks.out.format'])).toMatchInlineSnapshot(`
      "exit 2
      --set:1:1: error: An argument of --set has the form a.b=value
        sinks.out.format
        ^^^^^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('no YAML', () => {
    expect(shown(ok, ['sinks.out.from=[calm'])).toMatchInlineSnapshot(`
      "exit 2
      --set:1:1: error: The value of --set sinks.out.from is no YAML: Flow sequence must end with a ]
        sinks.out.from=[calm
        ^^^^^^^^^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('below a text', () => {
    expect(shown(ok, ['sinks.out.type.x=1'])).toMatchInlineSnapshot(`
      "exit 2
      --set:1:1: error: --set cannot put a value at sinks.out.type.x: what is above it is neither a map nor a list
        sinks.out.type.x=1
        ^^^^^^^^^^^^^^^^^^
      p.yaml has an error"
    `);
  });

  it('in an empty file', () => {
    expect(shown('', ['sinks.out.format=json'])).toMatchInlineSnapshot(`
      "exit 78
      p.yaml:1:1: error: Missing key "sources"
        
        ^
        Where events come from, by id.
      --set:1:1: error: Missing key "type" at sinks.out
        sinks.out.format=json
        ^^^^^^^^^^^^^^^^
        What it is: \`falco-pipe list\` names the types of sources, operators and sinks.
      p.yaml has 2 errors"
    `);
  });

  it('good ones', () => {
    expect(
      shown(ok, ['sinks.out.format=json', 'operators.calm.limit=5', 'sources.past.files.0=/dev/zero', 'state=/tmp/x']),
    ).toMatchInlineSnapshot(`"ok"`);
  });
});
